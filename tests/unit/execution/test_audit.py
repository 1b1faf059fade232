"""Notes of who did what hold what is worth knowing, and no secret."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.execution import audit
from ignition_toolkit.execution.audit import Action
from tests.unit.execution.fakes import EXECUTION_ID, summary

SECRET = "hunter22"


def test_a_note_says_who_did_what_from_where_and_when() -> None:
    made = audit.note(
        Action.SKIP,
        source="cli",
        requested_by="anna",
        execution_id=EXECUTION_ID,
        step_id="a",
        already=None,
    )
    assert (made.action, made.source, made.actor) == ("skip", "cli", "anna")
    assert (made.execution_id, made.detail) == (EXECUTION_ID, {"step_id": "a"})
    assert datetime.now(UTC) - made.at < timedelta(minutes=1)


def test_no_secret_gets_into_a_note_wherever_it_is_put() -> None:
    made = audit.note(
        Action.CANCEL,
        source="api",
        requested_by=f"anna {SECRET}",
        redactor=Redactor([SECRET]),
        step_id=f"step-{SECRET}",
        already=True,
    )
    assert SECRET not in repr(made)
    assert made.detail["already"] is True


def test_a_text_of_any_length_takes_little_space() -> None:
    made = audit.note(Action.START, source="api", requested_by="x" * 5000, playbook="y" * 5000)
    assert made.actor == "x" * audit.MAX_TEXT
    assert made.detail == {"playbook": "y" * audit.MAX_TEXT}


def test_nobody_is_nobody() -> None:
    assert audit.note(Action.PRUNE, source="schedule", requested_by=None).actor is None


def test_an_accepted_execution_was_started_or_run_again() -> None:
    started = audit.accepted(summary(), "web", Redactor(()))
    assert (started.action, started.detail) == ("start", {"playbook": "main.yaml"})
    link = {"rerun_of": "old", "rerun_from_step": "b", "requested_by": "anna"}
    again = audit.accepted(summary().model_copy(update=link), "web", Redactor(["main"]))
    assert (again.action, again.actor, again.execution_id) == ("rerun", "anna", EXECUTION_ID)
    assert again.detail == {"playbook": "***.yaml", "rerun_of": "old", "from_step": "b"}
