"""An execution's record: legal moves only, no secret, and nothing after the final status."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.errors import IllegalMove
from ignition_toolkit.execution.record import ExecutionRecord, Snapshot
from ignition_toolkit.execution.requests import KEY_LIFE, StartKey
from ignition_toolkit.execution.reruns import TakenOver
from ignition_toolkit.execution.views import Claim, Holding, WaitingFor
from ignition_toolkit.playbook.events import MAX_MESSAGE, Logged, Progressed
from ignition_toolkit.playbook.handler_call import MAX_ERROR
from ignition_toolkit.playbook.models import (
    EXECUTION_MOVES,
    CancellationRecord,
    CancelOutcome,
    CancelSource,
    ExecutionStatus,
    Leftover,
    OnCancelResult,
    Process,
    StepStatus,
    utc_now,
)
from ignition_toolkit.storage.changes import AddAudit, Change
from tests.unit.execution.fakes import FakeStore, changed, record, step, summary

E, S = ExecutionStatus, StepStatus
SECRET = "hunter22"
#: A secret of digits, as a PIN is: it stands in every timestamp of the year too.
PIN = "2026"


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


def cancellation(**fields: object) -> CancellationRecord:
    record = CancellationRecord(requested_at=utc_now(), source=CancelSource.API)
    return record.model_copy(update=fields)


def written(changes: list[Change]) -> str:
    return "\n".join(map(repr, changes))


def test_an_error_that_was_cut_off_in_the_middle_of_a_secret_shows_nothing_of_it(
    store: FakeStore,
) -> None:
    made = record(store, SECRET, status=E.RUNNING)
    cut = f"{'x' * MAX_ERROR}hunter"
    made.step(changed("a", S.FAILED, error=cut))
    made.move(E.FAILED, error=f"step 'a' failed: {cut}")
    assert made.steps["a"].error == f"{'x' * MAX_ERROR}***"
    assert made.summary.error == f"step 'a' failed: {'x' * MAX_ERROR}***"


@pytest.mark.parametrize("old", list(E))
@pytest.mark.parametrize("new", list(E))
def test_a_status_follows_another_only_where_the_table_allows_it(
    store: FakeStore, old: ExecutionStatus, new: ExecutionStatus
) -> None:
    made = record(store, status=old)
    if new in EXECUTION_MOVES[old]:
        made.move(new)
        assert made.status is new
        return
    with pytest.raises(IllegalMove, match=f"from {old} to {new}"):
        made.move(new)
    assert made.status is old
    assert store.changes == []


def test_a_new_execution_is_one_group_with_its_steps_and_its_event(store: FakeStore) -> None:
    made = ExecutionRecord(store.as_store, summary(), {"p": 1}, Redactor(()))
    made.set_steps([step("a"), step("b")])
    made.add(Snapshot("main.yaml", {"main.yaml": "text"}), ["token"])
    (row,) = [change.row for change in store.rows]
    assert row.snapshot == {"main": "main.yaml", "files": {"main.yaml": "text"}}
    assert (row.parameters, row.secret_parameters) == ({"p": 1}, ["token"])
    assert [event["step_id"] for event in store.events("step")] == ["a", "b"]
    assert [event["status"] for event in store.events("execution")] == ["pending"]


def test_the_start_is_written_once_and_survives_a_pause(store: FakeStore) -> None:
    made = record(store, status=E.PENDING)
    made.move(E.RUNNING, owner="me")
    started = made.summary.started_at
    made.move(E.PAUSED)
    made.move(E.RUNNING)
    assert made.summary.started_at == started is not None
    assert store.sets()[0]["owner"] == "me"


def test_only_the_final_status_is_synced_to_the_disk_and_has_an_end(store: FakeStore) -> None:
    made = record(store)
    made.move(E.PAUSED)
    made.move(E.CANCELLING)
    made.move(E.CANCELLED)
    finals = [bool(values.get("completed_at")) for values in store.sets()]
    assert finals == [False, False, True]


LATE: dict[str, Callable[[ExecutionRecord], object]] = {
    "log": lambda r: r.log(Logged(message="late")),
    "progress": lambda r: r.progress(Progressed(step_id="a", done=1)),
    "step": lambda r: r.step(changed("a", S.COMPLETED)),
    "nested": lambda r: r.add_nested("a/", [step("x")]),
    "step_cancellation": lambda r: r.set_step_cancellation("a", cancellation()),
    "cancellation": lambda r: r.set_cancellation(cancellation()),
    "waiting_for": lambda r: r.set_waiting_for(
        WaitingFor(kind="runner", name="n", since=utc_now())
    ),
    "close_running": lambda r: r.close_running(S.CANCELLED, None),
}


@pytest.mark.parametrize("late", LATE)
def test_nothing_is_written_after_the_final_status(store: FakeStore, late: str) -> None:
    made = record(store, steps=[step("a")])
    made.step(changed("a"))
    made.close_running(S.FAILED, "gone")
    made.move(E.FAILED, error="gone")
    before, view = list(store.changes), made.view()
    LATE[late](made)
    assert store.changes == before
    assert made.view() == view


def test_every_text_of_a_run_is_redacted(store: FakeStore) -> None:
    made = record(store, SECRET, steps=[step("a")])
    made.step(changed("a"))
    made.log(Logged(step_id="a", message=f"password {SECRET}"))
    made.progress(Progressed(step_id="a", done=1, message=f"with {SECRET}"))
    hidden = {"plain": SECRET, SECRET: 1, "deep": [{"k": f"x{SECRET}y"}], "typed": Secret("abcd")}
    made.step(changed("a", S.COMPLETED, output=hidden))
    made.step(changed("a", S.FAILED, error=f"{SECRET} was refused"))
    told = cancellation(requested_by=f"me {SECRET}")
    made.ask_cancel(told)
    made.set_step_cancellation("a", told)
    made.set_cancellation(
        told.model_copy(
            update={
                "stuck_at": f"/tmp/{SECRET}.py:1 in f",
                "in_flight": (f"POST /login?pw={SECRET}",),
                "killed": (Process(pid=1, name=SECRET),),
                "leftovers": (Leftover(pid=2, name=SECRET, why=SECRET),),
                "on_cancel": (
                    OnCancelResult(step_id="on_cancel/a", status=S.FAILED, error=SECRET),
                ),
            }
        )
    )
    made.set_waiting_for(WaitingFor(kind="gateway", name=f"http://{SECRET}", since=utc_now()))
    holds = Holding(
        claims=(Claim("gateway", f"http://{SECRET}"),),
        leftovers=(Leftover(pid=2, name=SECRET, why=SECRET),),
    )
    made.move(E.FAILED, error=f"no: {SECRET}", cancellation=told, holds=holds)
    assert SECRET not in written(store.changes)
    assert "***" in written(store.changes)
    assert SECRET not in made.view().model_dump_json()


def test_a_secret_of_digits_does_not_break_the_record_of_a_cancel(store: FakeStore) -> None:
    made = record(store, PIN)
    told = cancellation(
        requested_by=f"pin {PIN}",
        killed=(Process(pid=20260, name="python3"),),
        outcome=CancelOutcome.KILLED,
        tree_gone_ms=2026.0,
    )
    made.ask_cancel(told)
    made.set_cancellation(told)
    shown = made.summary.cancellation
    assert shown is not None
    assert shown.requested_by == "pin ***"
    assert shown.killed[0].pid == 20260
    assert shown.requested_at == told.requested_at


def test_a_log_message_is_bounded_after_it_was_redacted(store: FakeStore) -> None:
    made = record(store, SECRET)
    made.log(Logged.model_construct(message="x" * (MAX_MESSAGE - 4) + SECRET, at=utc_now()))
    (event,) = store.events("log")
    assert len(event["message"]) <= MAX_MESSAGE
    assert SECRET[:4] not in event["message"]


def test_a_retry_keeps_the_start_of_its_step(store: FakeStore) -> None:
    made = record(store, steps=[step("a")])
    made.step(changed("a"))
    began = made.steps["a"].started_at
    made.step(changed("a", error="first"))
    made.step(changed("a", attempt=2))
    made.step(changed("a", S.COMPLETED, attempt=2))
    view = made.steps["a"]
    assert view.started_at == began
    assert (view.attempts, view.error) == (2, None)
    assert view.completed_at is not None


def test_a_nested_playbook_that_begins_anew_has_pending_steps_again(store: FakeStore) -> None:
    made = record(store, steps=[step("o", "playbook.run")])
    made.step(changed("o"))
    made.add_nested("o/", [step("x"), step("y")])
    made.step(changed("o/x"))
    made.step(changed("o/x", S.COMPLETED, output={"k": 1}))
    first = made.steps["o/x"].started_at
    made.add_nested("o/", [step("x"), step("y")])
    again = made.steps["o/x"]
    assert (again.status, again.started_at, again.output) == (S.PENDING, None, None)
    made.step(changed("o/x"))
    assert made.steps["o/x"].started_at != first
    assert made.steps["o/x"].parent_step_id == "o"


def test_the_current_step_is_the_furthest_of_the_top_level(store: FakeStore) -> None:
    made = record(store, steps=[step("a"), step("o", "playbook.run"), step("c")])
    assert made.summary.current_step_index == 0
    made.step(changed("o"))
    made.add_nested("o/", [step("c")])
    made.step(changed("o/c"))
    assert made.summary.current_step_index == 1
    made.step(changed("a", S.SKIPPED))
    assert made.summary.current_step_index == 1
    made.step(changed("c"))
    assert made.summary.current_step_index == 2
    indices = [v["current_step_index"] for v in store.sets() if "current_step_index" in v]
    assert indices == [1, 2]


def test_closing_leaves_steps_alone_that_do_not_run(store: FakeStore) -> None:
    made = record(store, steps=[step("a"), step("o", "playbook.run"), step("c")])
    made.step(changed("a", S.COMPLETED))
    made.step(changed("o"))
    made.step(changed("o/x"))
    assert made.close_running(S.CANCELLED, None) == ["o", "o/x"]
    assert {name: view.status for name, view in made.steps.items()} == {
        "a": S.COMPLETED,
        "o": S.CANCELLED,
        "o/x": S.CANCELLED,
        "c": S.PENDING,
    }
    closed = [event["step_id"] for event in store.events("step") if event["status"] == "cancelled"]
    assert closed == ["o/x", "o"]


def test_what_it_waits_for_is_written_when_it_changes(store: FakeStore) -> None:
    made = record(store, status=E.PENDING)
    what = WaitingFor(kind="slot", name="one", since=utc_now(), held_by="x")
    made.set_waiting_for(what)
    made.set_waiting_for(what)
    made.set_waiting_for(None)
    assert [values["waiting_for"] is None for values in store.sets()] == [False, True]


GATEWAY = Holding(claims=(Claim("gateway", "http://plant:8088"),))


def test_what_it_holds_is_told_from_its_start_to_its_end(store: FakeStore) -> None:
    made = record(store, status=E.PENDING)
    made.move(E.RUNNING, holds=GATEWAY)
    made.move(E.PAUSED)
    assert made.summary.holds == GATEWAY
    made.move(E.RUNNING)
    made.move(E.COMPLETED)
    assert made.summary.holds is None
    told = [event["holds"] for event in store.events("execution")]
    held = {"claims": [{"kind": "gateway", "name": "http://plant:8088"}], "leftovers": []}
    assert told == [held, held, held, None]
    assert store.sets()[-1]["holds"] is None


def test_letting_go_after_the_end_is_written_with_its_note_and_without_an_event(
    store: FakeStore,
) -> None:
    made = record(store)
    made.move(E.FAILED, error="no", holds=GATEWAY)
    events = len(store.events("execution"))
    note = AddAudit("me", "cli", "release", utc_now(), made.execution_id)
    made.let_go(note)
    assert made.summary.holds is None
    assert store.sets()[-1] == {"holds": None}
    assert store.changes[-1] == note
    assert len(store.events("execution")) == events


def test_events_are_what_a_client_may_decode(store: FakeStore) -> None:
    made = record(store, steps=[step("a")])
    made.step(changed("a", S.COMPLETED, output={"k": float("inf")}))
    (event,) = store.events("step")
    assert json.loads(json.dumps(event, allow_nan=False))["output"] == {"k": "inf"}
    assert set(event) >= {"execution_id", "step_id", "status", "cancellation", "attempts"}


def test_the_variables_of_a_step_are_stored_with_its_end_and_once(store: FakeStore) -> None:
    made = record(store, SECRET, steps=[step("a")])
    made.step(changed("a"))
    made.keep_variable("a", "v", 1)
    made.keep_variable("a", "v", [2])
    made.keep_variable("a", "token", f"Bearer {SECRET}")
    made.step(changed("a", attempt=2))
    assert all("variables" not in values for values in store.steps("a"))
    made.step(changed("a", S.COMPLETED, attempt=2))
    made.set_step_cancellation("a", cancellation())
    found = [values for values in store.steps("a") if "variables" in values]
    assert found == [{"variables": {"values": {"v": [2]}, "withheld": ["token"]}}]


def test_a_step_that_is_stopped_keeps_what_it_had_set(store: FakeStore) -> None:
    made = record(store, steps=[step("a")])
    made.step(changed("a"))
    made.keep_variable("a", "v", 1)
    made.close_running(S.CANCELLED, None)
    assert store.steps("a")[-1] == {"variables": {"values": {"v": 1}, "withheld": []}}


def test_what_a_rerun_takes_over_is_stored_in_the_one_group_with_it(store: FakeStore) -> None:
    kept = {"values": {"v": 1}, "withheld": []}
    taken = TakenOver("b", (step("a"),), outputs={"a": {"k": 1}}, variables={"a": kept})
    made = ExecutionRecord(store.as_store, summary(), {}, Redactor(()))
    made.set_steps([step("a"), step("b")])
    made.take_over(taken)
    made.add(Snapshot("main.yaml", {}), key=StartKey("key", "print"))
    shown = [(event["step_id"], event["status"]) for event in store.events("step")]
    assert shown == [("a", "skipped"), ("b", "pending")]
    assert store.steps("a")[0]["output"] == {"k": 1}
    assert store.steps("a")[-1] == {"variables": kept}
    (added,) = store.rows
    assert (added.row.idempotency_key, added.row.idempotency_fingerprint) == ("key", "print")
    assert added.unless_key_since == made.summary.created_at - KEY_LIFE
