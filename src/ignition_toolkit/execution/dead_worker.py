"""An execution whose worker died: what of it still lives, and the final status that this means."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from ignition_toolkit.execution import blocking, on_cancel
from ignition_toolkit.execution.owner import ProcessIdentity
from ignition_toolkit.execution.record import ExecutionRecord
from ignition_toolkit.execution.verdict import not_stopped
from ignition_toolkit.execution.views import Claim
from ignition_toolkit.playbook.models import (
    CancellationRecord,
    CancelOutcome,
    CancelSource,
    ExecutionStatus,
    Leftover,
    StepStatus,
)
from ignition_toolkit.storage.rows import ExecutionRow, StepRow

WORKER_DIED = "the server or `itk run` that ran it ended without finishing it"


def owner_text(identity: ProcessIdentity, worker: str) -> str:
    """Return how the rows of running executions name their worker."""
    return f"{identity.boot_id} {identity.pid} {identity.start} {worker}"


def is_owner_alive(owner: str | None) -> bool:
    """Whether the process of a row's worker lives, and is not this one.

    This process owns the data folder anew: whatever an earlier worker in it had, it has lost.
    """
    identity = _identity_of(owner)
    return identity is not None and identity != ProcessIdentity.mine() and identity.alive


def _identity_of(owner: str | None) -> ProcessIdentity | None:
    try:
        boot_id, pid, start, _ = (owner or "").split(" ")
        return ProcessIdentity(int(pid), boot_id, int(start))
    except ValueError:
        return None


@dataclass(frozen=True)
class Found:
    """An execution that a dead worker left: not over, or over and blocking something.

    Args:
        row: it, as it is stored.
        record: it, to go on with.
        alive: of the processes that are known not to have ended, those that still live.
        steps: its steps, as they are stored; none of one that is over.
    """

    row: ExecutionRow
    record: ExecutionRecord
    alive: tuple[Leftover, ...]
    steps: Sequence[StepRow] = ()


def find(row: ExecutionRow, record: ExecutionRecord, steps: Sequence[StepRow] = ()) -> Found:
    """Return an execution with those of its leftovers that still live. Blocks."""
    holds, cancellation = record.summary.holds, record.summary.cancellation
    listed = holds.leftovers if holds is not None else ()
    if not listed and cancellation is not None:
        listed = cancellation.leftovers
    worker = _identity_of(row.owner)
    # They were started in the boot in which their worker ran.
    boot_id = worker.boot_id if worker is not None else ""
    alive = (left for left in listed if _is_alive(left, boot_id))
    return Found(row, record, tuple(alive), steps)


def _is_alive(left: Leftover, boot_id: str) -> bool:
    return left.start is not None and ProcessIdentity(left.pid, boot_id, left.start).alive


def close_dead(
    record: ExecutionRecord, row: ExecutionRow, left: tuple[Leftover, ...]
) -> Future[None]:
    """Write the final status of an execution whose worker is dead; done when it is stored.

    Args:
        record: the execution.
        row: it, as it is stored.
        left: what could not be ended; else its tree is gone.
    """
    if row.cancel_requested_at is None:
        return _interrupt(record, left)
    cancellation = record.summary.cancellation or CancellationRecord(
        requested_at=row.cancel_requested_at,
        requested_by=row.cancel_requested_by,
        source=CancelSource(row.cancel_source or CancelSource.API),
    )
    record.close_running(StepStatus.CANCELLED, None)
    # Its figures are known already when the worker died while on_cancel steps ran.
    # Any: fields of the record.
    values: dict[str, Any] = {
        "outcome": cancellation.outcome or CancelOutcome.WORKER_LOST,
        "on_cancel": on_cancel.after_worker_lost(cancellation.on_cancel, record.steps, WORKER_DIED),
    }
    if left:
        values |= {"outcome": CancelOutcome.NOT_STOPPED, "leftovers": left}
    cancellation = cancellation.model_copy(update=values)
    if cancellation.outcome is CancelOutcome.NOT_STOPPED:
        return _fail(record, cancellation, left)
    return record.move(ExecutionStatus.CANCELLED, cancellation=cancellation)


def _interrupt(record: ExecutionRecord, left: tuple[Leftover, ...]) -> Future[None]:
    holds = blocking.kept(_claims(record), left)
    error = f"{WORKER_DIED}; {not_stopped(left).error}" if left else WORKER_DIED
    error += blocking.advice(record.execution_id, holds)
    record.close_running(StepStatus.FAILED, WORKER_DIED)
    return record.move(ExecutionStatus.INTERRUPTED, error=error, holds=holds)


def _fail(
    record: ExecutionRecord, cancellation: CancellationRecord, left: tuple[Leftover, ...]
) -> Future[None]:
    holds = blocking.kept(_claims(record), left)
    error = not_stopped(left).error if left else "could not be stopped"
    error = f"{error}; its worker died while it tried"
    error += blocking.advice(record.execution_id, holds)
    return record.move(ExecutionStatus.FAILED, error=error, cancellation=cancellation, holds=holds)


def _claims(record: ExecutionRecord) -> tuple[Claim, ...]:
    holds = record.summary.holds
    return holds.claims if holds is not None else ()
