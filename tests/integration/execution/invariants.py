"""What holds of every execution that is over, whatever was pressed and whatever its steps did."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from ignition_toolkit.execution.views import ExecutionSummary, ExecutionView
from ignition_toolkit.playbook.models import (
    EXECUTION_MOVES,
    STEP_MOVES,
    CancelOutcome,
    CancelSource,
    ExecutionStatus,
    StepStatus,
)
from ignition_toolkit.storage import EventRow
from tests.e2e.observer import Beat, Identity, is_alive, monotonic_of, read_beats

E, S = ExecutionStatus, StepStatus
#: Milliseconds in which a tree is proved gone, also on a busy machine.
VERIFIED_MS = 5000.0

# Any: JSON objects, as events hold them.
Json = dict[str, Any]


def check_moves(rows: Sequence[EventRow]) -> None:
    """Fail unless an execution's events make legal moves to one final status, and end with it."""
    statuses = [E(row.data["status"]) for row in rows if row.kind == "execution"]
    assert statuses[0] is E.PENDING
    for old, new in pairwise(statuses):
        assert new is old or new in EXECUTION_MOVES[old], f"from {old} to {new}"
    assert sum(status.final for status in statuses) == 1, statuses
    last = rows[-1]
    assert last.kind == "execution", f"after the final status: {last}"
    assert E(last.data["status"]).final


def check_step_moves(rows: Sequence[EventRow]) -> None:
    """Fail unless each step makes legal moves, and none is left running.

    A nested playbook that is run once more begins anew: its steps are pending again.
    """
    known: dict[str, Json] = {}
    for data in (row.data for row in rows if row.kind == "step"):
        step_id, new = data["step_id"], S(data["status"])
        old = known.get(step_id)
        was = S(old["status"]) if old else S.PENDING
        if new is S.PENDING:
            assert was is not S.RUNNING, f"{step_id} is pending while it runs"
            assert old is None or "/" in step_id, f"{step_id} is pending again"
        elif old is not None and new is was and new is not S.RUNNING:
            differs = {name for name in data if data[name] != old[name]}
            assert differs <= {"cancellation"}, f"{step_id} was {was} and has new {differs}"
        elif (was, new) != (S.RUNNING, S.RUNNING):
            assert new in STEP_MOVES[was], f"{step_id} goes from {was} to {new}"
        known[step_id] = data
    running = [step_id for step_id, data in known.items() if data["status"] == S.RUNNING]
    assert not running, f"still running at the end: {running}"


def check_agreement(rows: Sequence[EventRow], view: ExecutionView) -> None:
    """Fail unless what clients are shown is what the last events said."""
    told = view.model_dump(mode="json", include=set(ExecutionSummary.model_fields))
    assert told == rows[-1].data
    steps = {row.data["step_id"]: row.data for row in rows if row.kind == "step"}
    shown = {step.step_id: step.model_dump(mode="json") for step in view.step_results}
    execution = {"execution_id": view.execution_id}
    assert {step_id: step | execution for step_id, step in shown.items()} == steps


def check_verdict(view: ExecutionSummary, *, asked: bool) -> None:
    """Fail unless the final status and the cancellation record tell the same truth.

    Args:
        view: of an execution that is over.
        asked: whether a cancel of it was accepted.
    """
    record = view.cancellation
    assert (record is not None) is asked, record
    assert (view.cancel_requested_at is not None) is asked
    assert view.completed_at is not None
    assert view.waiting_for is None
    assert view.holds is None
    assert (view.error is not None) is (view.status is E.FAILED), view.error
    if record is None:
        assert view.status in (E.COMPLETED, E.FAILED)
        return
    assert record.leftovers == ()
    if view.status is E.CANCELLED:
        assert record.outcome in (CancelOutcome.COOPERATIVE, CancelOutcome.KILLED)
        assert record.step_stopped_ms is not None
        assert record.tree_gone_ms is not None
        assert record.step_stopped_ms <= record.tree_gone_ms <= VERIFIED_MS, record
    else:
        assert record.outcome is CancelOutcome.TOO_LATE, record


def check_steps(view: ExecutionView) -> None:
    """Fail unless the steps and the on_cancel results fit the final status."""
    main = [step for step in view.step_results if "/" not in step.step_id]
    if view.status is E.COMPLETED:
        assert all(step.status in (S.COMPLETED, S.SKIPPED, S.FAILED) for step in main), main
    if view.status is E.FAILED:
        assert any(step.status is S.FAILED for step in main), main
    if view.status is not E.CANCELLED:
        assert not [step for step in main if step.status is S.CANCELLED], main
    by_id = {step.step_id: step for step in view.step_results}
    for result in view.cancellation.on_cancel if view.cancellation else ():
        step = by_id.get(result.step_id)
        assert result.status is (step.status if step else S.PENDING), result
        if result.status is not S.COMPLETED:
            assert result.error, f"nobody is told why: {result}"


def file_of(prefix: str, step_id: str) -> Path:
    """Return the file that a step beats into, its nested steps' names beginning with it."""
    return Path(prefix + step_id.replace("on_cancel/", "").replace("/", "."))


def beats_of(prefix: str) -> list[Beat]:
    """Return the signs of life in all files whose names begin so, oldest first."""
    folder, name = Path(prefix).parent, Path(prefix).name
    files = [file for file in folder.glob(f"{name}*") if file.suffix not in (".in", ".left")]
    return sorted((beat for file in files for beat in read_beats(file)), key=lambda beat: beat.at)


def left_pids(prefix: str) -> set[int]:
    """Return the pids of the processes that steps have left on purpose."""
    folder, name = Path(prefix).parent, Path(prefix).name
    return {int(text) for file in folder.glob(f"{name}*.left") if (text := file.read_text())}


def check_stopped_steps(rows: Sequence[EventRow], prefix: str, end: float) -> None:
    """Fail when a step that was timed out or skipped acted beside one that came after it.

    Args:
        rows: the events of the execution.
        prefix: with which the names of its files begin.
        end: monotonic second of its final status: a rerun uses its files after that.
    """
    steps = [row.data for row in rows if row.kind == "step"]
    for number, data in enumerate(steps):
        record = data["cancellation"]
        alone = record is not None and record["source"] in (CancelSource.TIMEOUT, CancelSource.SKIP)
        if alone and S(data["status"]).final:
            _check_stopped(data, steps[number:], prefix, end)


def _check_stopped(data: Json, later: Sequence[Json], prefix: str, end: float) -> None:
    step_id, over = data["step_id"], data["completed_at"]
    begun = [one for one in later if one["status"] == S.RUNNING and one["started_at"] > over]
    others = [one for one in begun if not f"{one['step_id']}/".startswith(f"{step_id}/")]
    if not others:
        return
    began = _monotonic(others[0]["started_at"])
    # In a nested playbook that is run once more, it may act again.
    again = [one["started_at"] for one in begun if one["step_id"] == step_id]
    until = _monotonic(again[0]) if again else end
    name = file_of(prefix, step_id)
    beats = beats_of(f"{name}.") + read_beats(name)
    late = [beat for beat in beats if began < beat.at < until]
    assert not late, f"{step_id} acts beside {others[0]['step_id']}: {late[-1]}"


def _monotonic(text: str) -> float:
    return monotonic_of(datetime.fromisoformat(text).timestamp())


def check_silence(beats: Sequence[Beat], ends: Sequence[tuple[float, float]]) -> None:
    """Fail when something acted after the final status of the execution that it belongs to.

    Args:
        beats: the signs of life of executions that share their files, as reruns do.
        ends: monotonic seconds at which each began and was over, in order.
    """
    first: dict[Identity, float] = {}
    for beat in beats:
        first.setdefault(beat.identity, beat.at)
        over = [end for begin, end in ends if begin <= first[beat.identity]]
        assert over, f"acted before anything had begun: {beat}"
        assert beat.at <= over[-1], f"acted {beat.at - over[-1]:.3f} s after the end: {beat}"


def check_gone(identities: Iterable[Identity]) -> None:
    """Fail when one of these processes lives."""
    alive = [identity for identity in identities if is_alive(identity)]
    assert not alive, f"alive after the end: {alive}"
