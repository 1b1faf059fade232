"""What must hold of every execution is seen to fail where it does not hold."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ignition_toolkit.execution.views import ExecutionSummary, ExecutionView, StepView
from ignition_toolkit.playbook.models import (
    CancellationRecord,
    CancelOutcome,
    CancelSource,
    ExecutionStatus,
    OnCancelResult,
    StepStatus,
)
from ignition_toolkit.storage import EventRow
from tests.e2e.observer import Beat, Identity, entry, monotonic_of
from tests.integration.execution import invariants

E, S = ExecutionStatus, StepStatus
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
STOP = CancellationRecord(
    requested_at=START,
    source=CancelSource.API,
    outcome=CancelOutcome.KILLED,
    step_stopped_ms=250.0,
    tree_gone_ms=260.0,
)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


# Any: fields of a view.
def view(status: ExecutionStatus, *steps: StepView, **fields: Any) -> ExecutionView:
    values: dict[str, Any] = {
        "execution_id": "e",
        "playbook_name": "P",
        "playbook_path": "p.yaml",
        "created_at": START,
        "total_steps": 1,
        "completed_at": at(9) if status.final else None,
    }
    return ExecutionView(status=status, step_results=steps, **values | fields)


def step(step_id: str, status: StepStatus, **fields: Any) -> StepView:
    return StepView(step_id=step_id, step_name=step_id, type="t", status=status, **fields)


def rows(*views: ExecutionView | StepView) -> list[EventRow]:
    """Return the events that say these, in this order."""
    found = []
    for number, said in enumerate(views, start=1):
        if isinstance(said, StepView):
            kind, data = "step", said.model_dump(mode="json") | {"execution_id": "e"}
        else:
            kind = "execution"
            data = said.model_dump(mode="json", include=set(ExecutionSummary.model_fields))
        found.append(EventRow(id=number, execution_id="e", kind=kind, data=data, at=START))
    return found


PENDING, RUNNING, COMPLETED = view(E.PENDING), view(E.RUNNING), view(E.COMPLETED)
CANCELLED = view(E.CANCELLED, cancellation=STOP, cancel_requested_at=START)


def test_what_is_well_passes() -> None:
    a = step("a", S.COMPLETED)
    said = rows(PENDING, step("a", S.PENDING), RUNNING, step("a", S.RUNNING), a, COMPLETED)
    invariants.check_moves(said)
    invariants.check_step_moves(said)
    invariants.check_agreement(said, view(E.COMPLETED, a))
    invariants.check_steps(view(E.COMPLETED, a))
    invariants.check_verdict(COMPLETED, asked=False)
    invariants.check_verdict(CANCELLED, asked=True)


@pytest.mark.parametrize(
    "said",
    [
        [RUNNING, COMPLETED],
        [PENDING, RUNNING],
        [PENDING, COMPLETED],
        [PENDING, RUNNING, COMPLETED, COMPLETED],
        [PENDING, RUNNING, COMPLETED, step("a", S.COMPLETED)],
    ],
    ids=["no beginning", "no end", "illegal", "two ends", "after the end"],
)
def test_wrong_moves_are_seen(said: list[ExecutionView | StepView]) -> None:
    with pytest.raises(AssertionError):
        invariants.check_moves(rows(*said))


@pytest.mark.parametrize(
    "said",
    [
        [step("a", S.COMPLETED)],
        [step("a", S.RUNNING)],
        [step("a", S.RUNNING), step("a", S.FAILED), step("a", S.COMPLETED)],
        [step("a", S.RUNNING), step("a", S.FAILED), step("a", S.FAILED, error="late")],
        [step("a", S.RUNNING), step("a", S.FAILED), step("a", S.PENDING)],
        [step("o/a", S.RUNNING), step("o/a", S.PENDING)],
    ],
    ids=["not begun", "not over", "two ends", "a late error", "again", "again while it runs"],
)
def test_wrong_moves_of_steps_are_seen(said: list[StepView]) -> None:
    with pytest.raises(AssertionError):
        invariants.check_step_moves(rows(*said))


@pytest.mark.parametrize(
    "shown",
    [view(E.FAILED, error="no"), view(E.COMPLETED, step("a", S.COMPLETED))],
    ids=["status", "steps"],
)
def test_another_answer_than_the_last_events_is_seen(shown: ExecutionView) -> None:
    with pytest.raises(AssertionError):
        invariants.check_agreement(rows(PENDING, RUNNING, COMPLETED), shown)


# Any: fields of a record.
def stopped(status: ExecutionStatus = E.CANCELLED, **fields: Any) -> ExecutionView:
    record = STOP.model_copy(update=fields)
    return view(status, cancellation=record, cancel_requested_at=START)


@pytest.mark.parametrize(
    ("shown", "asked"),
    [
        (CANCELLED, False),
        (COMPLETED, True),
        (view(E.FAILED), False),
        (view(E.COMPLETED, error="no"), False),
        (view(E.CANCELLED), False),
        (stopped(E.COMPLETED), True),
        (stopped(outcome=None), True),
        (stopped(tree_gone_ms=None), True),
        (stopped(tree_gone_ms=6000.0), True),
        (stopped(step_stopped_ms=270.0), True),
    ],
)
def test_a_verdict_that_is_not_what_happened_is_seen(shown: ExecutionView, asked: bool) -> None:
    with pytest.raises(AssertionError):
        invariants.check_verdict(shown, asked=asked)


@pytest.mark.parametrize(
    "shown",
    [
        view(E.COMPLETED, step("a", S.PENDING)),
        view(E.FAILED, step("a", S.COMPLETED)),
        view(E.FAILED, step("a", S.FAILED), step("b", S.CANCELLED)),
        stopped(on_cancel=(OnCancelResult(step_id="on_cancel/x", status=S.COMPLETED),)),
        stopped(on_cancel=(OnCancelResult(step_id="on_cancel/x", status=S.PENDING),)),
    ],
)
def test_steps_that_do_not_fit_the_end_are_seen(shown: ExecutionView) -> None:
    with pytest.raises(AssertionError):
        invariants.check_steps(shown)


SOMEBODY = Identity(2**22, 1)


@pytest.mark.parametrize("beats", [[2.0, 5.0], [0.5], [7.5]], ids=["late", "early", "between"])
def test_signs_of_life_outside_of_an_execution_are_seen(beats: Sequence[float]) -> None:
    invariants.check_silence([Beat(SOMEBODY, 2.0), Beat(Identity(3, 3), 8.5)], [(1, 4), (8, 9)])
    with pytest.raises(AssertionError):
        invariants.check_silence([Beat(SOMEBODY, beat) for beat in beats], [(1, 4), (8, 9)])


def test_a_process_that_lives_is_seen() -> None:
    me = entry(os.getpid())
    assert me is not None
    invariants.check_gone([SOMEBODY])
    with pytest.raises(AssertionError):
        invariants.check_gone([SOMEBODY, me.identity])


@pytest.fixture
def beat_at(tmp_path: Path) -> Callable[[str, float], None]:
    """Give a function that writes a sign of life, so many seconds after the start."""

    def write(name: str, seconds: float) -> None:
        second = monotonic_of(at(seconds).timestamp())
        with (tmp_path / name).open("a") as out:
            out.write(f"{SOMEBODY.pid} {SOMEBODY.start} {second:.6f}\n")

    return write


@pytest.mark.parametrize("name", ["x-a", "x-a.inner"])
def test_a_stopped_step_that_acts_beside_the_next_is_seen(
    tmp_path: Path, beat_at: Callable[[str, float], None], name: str
) -> None:
    record = STOP.model_copy(update={"source": CancelSource.TIMEOUT})
    times = {"started_at": at(0), "completed_at": at(1), "cancellation": record}
    said = rows(step("a", S.FAILED, **times), step("b", S.RUNNING, started_at=at(2)))
    prefix = f"{tmp_path}/x-"
    beat_at(name, 1.5)
    beat_at("x-b", 2.5)
    beat_at(name, 4.0)
    end = monotonic_of(at(3).timestamp())
    invariants.check_stopped_steps(said, prefix, end)
    beat_at(name, 2.5)
    with pytest.raises(AssertionError, match="a acts beside b"):
        invariants.check_stopped_steps(said, prefix, end)
