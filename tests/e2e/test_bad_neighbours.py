"""Handlers that die, forge and damage: a failed step that says why, and nobody else is hurt."""

import json
import time
from typing import Any

import pytest

from tests.e2e.conftest import NewWitness
from tests.e2e.server import Server

FORMS = ["stuck_steps/{}.yaml", "tests/stuck/{}.yaml"]

#: A well-behaved execution that takes about two seconds, and whose every step can be counted.
GOOD_STEPS = 20
GOOD = json.dumps(
    {
        "name": "Good neighbour",
        "steps": [
            {
                "id": f"s{number}",
                "name": "Wait",
                "type": "utility.sleep",
                "parameters": {"seconds": 0.1},
            }
            for number in range(GOOD_STEPS)
        ],
    }
)


# A script that leaves with 0 has done what it was to do.
@pytest.mark.parametrize(
    ("form", "code"),
    [(form, code) for form in FORMS for code in (3, 0, 255) if code or "tests/" not in form],
)
def test_a_process_that_leaves_by_itself_is_a_failed_step_with_its_exit_code(
    server: Server, witness: NewWitness, form: str, code: int
) -> None:
    one = witness()
    path = form.format("dies")
    step = failed_step(server, path, beat=str(one.path), exit_code=code)
    assert f"exit code {code}" in step["error"], step
    one.assert_gone()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (11, "SIGSEGV"), (15, "SIGTERM")])
def test_a_process_that_is_killed_is_a_failed_step_with_the_signal(
    server: Server, form: str, number: int, name: str
) -> None:
    step = failed_step(server, form.format("dies"), signal=number)
    assert name in step["error"], step


def failed_step(server: Server, path: str, **parameters: Any) -> dict[str, Any]:
    """Run a playbook whose only step fails; return that step."""
    execution = server.client.wait(server.client.start(path, **parameters))
    assert execution["status"] == "failed", execution
    (step,) = execution["step_results"]
    assert step["status"] == "failed", execution
    assert step["error"] in execution["error"], execution
    return dict(step)


def test_a_handler_that_closes_the_runners_descriptors_fails_and_is_ended(
    server: Server, witness: NewWitness
) -> None:
    one = witness()
    began = time.monotonic()
    step = failed_step(server, "stuck_steps/closed_descriptors.yaml", beat=str(one.path))
    ended = time.monotonic()
    assert step["error"]
    assert one.beats(), "it never acted"
    one.assert_gone()
    one.assert_silent(since=ended)
    assert ended - began < 20


@pytest.mark.parametrize("form", FORMS)
def test_a_forked_copy_that_returns_does_not_end_the_step_twice(
    server: Server, witness: NewWitness, form: str
) -> None:
    one = witness()
    client = server.client
    execution_id = client.start(form.format("fork_returns"), beat=str(one.path), seconds=1.0)
    one.wait_acting(2)
    assert client.execution(execution_id)["status"] == "running"
    execution = client.wait(execution_id, {"completed"})
    (step,) = execution["step_results"]
    assert step["output"].get("role") == "original" or "ORIGINAL" in step["output"], step
    finals = [status for status in step_statuses(server, execution_id) if status == "completed"]
    assert finals == ["completed"]
    one.assert_gone()


def test_forged_messages_are_output_and_nothing_else(server: Server, witness: NewWitness) -> None:
    one = witness()
    client = server.client
    execution_id = client.start("stuck_steps/megabyte.yaml", beat=str(one.path))
    one.wait_acting()
    assert client.execution(execution_id)["status"] == "running"
    client.cancel(execution_id)
    client.wait(execution_id, {"cancelled"})
    statuses = step_statuses(server, execution_id)
    assert statuses[-1] == "cancelled"
    assert "completed" not in statuses


def step_statuses(server: Server, execution_id: str) -> list[str]:
    """Return the statuses that the events of an execution that is over give its step, in order."""
    found = []
    with server.client.http.stream("GET", f"/api/executions/{execution_id}/events") as stream:
        kind = ""
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                kind = value
            elif name == "data" and kind == "step":
                found.append(str(json.loads(value)["status"]))
            elif name == "data" and kind == "execution" and is_final(json.loads(value)):
                return found
    return found


def is_final(summary: dict[str, Any]) -> bool:
    """Say whether an execution is over."""
    return summary["status"] in {"cancelled", "completed", "failed", "interrupted"}


BAD: list[tuple[str, dict[str, Any]]] = [
    ("stuck_steps/dies.yaml", {"signal": 11}),
    ("stuck_steps/dies.yaml", {}),
    ("stuck_steps/closed_descriptors.yaml", {}),
    ("stuck_steps/megabyte.yaml", {}),
    ("stuck_steps/fork_returns.yaml", {"seconds": 0.0}),
    ("stuck_steps/fork_chain.yaml", {}),
    ("stuck_steps/thread_left.yaml", {"seconds": 0.0}),
    ("stuck_steps/gil_held.yaml", {}),
    ("tests/stuck/megabyte.yaml", {}),
    ("tests/stuck/dies.yaml", {"signal": 9}),
    ("tests/stuck/fork_returns.yaml", {"seconds": 0.0}),
]


def test_bad_handlers_hurt_no_execution_that_runs_beside_them(
    server: Server, witness: NewWitness
) -> None:
    client = server.client
    good = [client.start_text(GOOD) for _ in range(2)]
    for execution_id in good:
        client.wait(execution_id, {"running"})
    witnesses = [witness() for _ in BAD]
    bad = [
        client.start(path, **parameters, beat=str(one.path))
        for (path, parameters), one in zip(BAD, witnesses, strict=True)
    ]
    for execution_id in good:
        execution = client.wait(execution_id, {"completed"})
        assert [step["status"] for step in execution["step_results"]] == ["completed"] * GOOD_STEPS
        assert [step["attempts"] for step in execution["step_results"]] == [1] * GOOD_STEPS
    for execution_id in bad:
        client.http.post(f"/api/executions/{execution_id}/cancel")
        client.wait(execution_id)
    for one in witnesses:
        one.assert_gone()


def test_after_the_end_nothing_changes(server: Server) -> None:
    client = server.client
    execution_id = client.start("tests/test_cancellation.yaml")
    client.wait(execution_id, {"running"})
    client.cancel(execution_id)
    ended = client.wait(execution_id, {"cancelled"})
    for move in ("cancel", "pause", "resume", "skip"):
        answer = client.http.post(f"/api/executions/{execution_id}/{move}")
        assert answer.status_code == 409, answer.text
        assert "cancelled" in answer.json()["detail"]
    assert client.execution(execution_id) == ended
