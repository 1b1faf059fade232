"""What a run's end means: the one function that decides between the final statuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ignition_toolkit.execution.leg_end import Cause, LegEnd
from ignition_toolkit.playbook.models import (
    CancellationRecord,
    CancelOutcome,
    ExecutionStatus,
    Leftover,
    Process,
    StepStatus,
)


@dataclass(frozen=True)
class Verdict:
    """The final status of a run; `outcome` when a cancel was asked for, or it was not stopped."""

    status: ExecutionStatus
    error: str | None = None
    outcome: CancelOutcome | None = None
    #: What could not be ended.
    leftovers: tuple[Leftover, ...] = ()

    @property
    def step_status(self) -> StepStatus:
        """What the steps are that were running at this end."""
        cancelled = self.status is ExecutionStatus.CANCELLED
        return StepStatus.CANCELLED if cancelled else StepStatus.FAILED


def decide(end: LegEnd, *, cancelled: bool) -> Verdict | None:
    """Return the verdict on a run whose runner's tree was ended, None when the run goes on.

    Args:
        end: how the runner's part ended.
        cancelled: whether a cancel was asked for before it ended.
    """
    outcome = stop_outcome(end) if cancelled else None
    if end.ended.leftovers:
        return not_stopped(end.ended.leftovers)
    if end.done is not None and end.done.status is not ExecutionStatus.CANCELLED:
        late = CancelOutcome.TOO_LATE if cancelled else None
        return Verdict(end.done.status, end.done.error, late)
    # The error of a step that dies of a cancel never beats the cancel.
    if cancelled:
        return Verdict(ExecutionStatus.CANCELLED, None, outcome)
    return None


def not_stopped(leftovers: tuple[Leftover, ...]) -> Verdict:
    """Return the verdict on a run of which something could not be ended, whatever it had said."""
    listed = ", ".join(f"{left.name} ({left.pid}): {left.why}" for left in leftovers)
    error = f"could not be stopped: {listed}; end it by hand"
    return Verdict(ExecutionStatus.FAILED, error, CancelOutcome.NOT_STOPPED, leftovers)


def stop_outcome(end: LegEnd) -> CancelOutcome:
    """Return whether what was stopped ended by itself within the grace."""
    if end.ended.leftovers:
        return CancelOutcome.NOT_STOPPED
    if end.own_kills:
        return CancelOutcome.KILLED
    return CancelOutcome.COOPERATIVE if _is_polite(end) else CancelOutcome.KILLED


def _is_polite(end: LegEnd) -> bool:
    if end.cause is Cause.UNFIT or (end.settled is not None and end.stop is not None):
        return end.is_polite
    if end.done is not None:
        return end.done.ended
    # It may have ended itself, process and all.
    return not end.runner_was_killed


def figures(
    record: CancellationRecord, end: LegEnd, *, t: float, stopped_t: float | None
) -> CancellationRecord:
    """Return a cancellation record with what is known once the tree is gone.

    Args:
        record: what was known at the request.
        end: how the runner's part ended.
        t: monotonic second of the request.
        stopped_t: monotonic second at which the step's task had ended, None when it was killed.
    """
    outcome = stop_outcome(end)
    gone_t = max(end.ended.t, t)
    return record.model_copy(
        update={
            "outcome": outcome,
            "step_stopped_ms": _ms(gone_t if stopped_t is None else stopped_t, t),
            "tree_gone_ms": None if end.ended.leftovers else _ms(gone_t, t),
            "killed": tuple(_killed(end)),
            "stuck_at": None if outcome is CancelOutcome.COOPERATIVE else end.stuck_at,
            "in_flight": end.in_flight,
            "leftovers": end.ended.leftovers,
        }
    )


def _killed(end: LegEnd) -> Iterator[Process]:
    yield from (kill.process for kill in end.own_kills)
    if end.runner_was_killed and end.ended.runner is not None:
        yield Process(pid=end.ended.runner.pid, name="runner")
    yield from end.ended.killed


def _ms(then: float, since: float) -> float:
    return round(max(0.0, then - since) * 1000, 1)
