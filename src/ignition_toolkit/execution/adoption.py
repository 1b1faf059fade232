"""What becomes of the executions of a worker that died, when the next one starts."""

from __future__ import annotations

from typing import Any

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.execution.record import ExecutionRecord
from ignition_toolkit.execution.views import ExecutionSummary, StepView, WaitingFor
from ignition_toolkit.playbook.models import (
    CancellationRecord,
    CancelOutcome,
    CancelSource,
    ExecutionStatus,
    StepStatus,
)
from ignition_toolkit.storage.rows import ExecutionRow, StepRow
from ignition_toolkit.storage.store import Store

WORKER_DIED = "the server or `itk run` that ran it ended without finishing it"


def summary_of(row: ExecutionRow) -> ExecutionSummary:
    """Return a stored execution as clients see it."""
    return ExecutionSummary(
        execution_id=row.id,
        playbook_name=row.playbook_name,
        playbook_path=row.playbook_path,
        status=ExecutionStatus(row.status),
        waiting_for=WaitingFor.model_validate(row.waiting_for) if row.waiting_for else None,
        created_at=row.created_at,
        started_at=row.started_at,
        completed_at=row.completed_at,
        current_step_index=row.current_step_index or 0,
        total_steps=row.total_steps,
        error=row.error,
        requested_by=row.requested_by,
        cancel_requested_at=row.cancel_requested_at,
        cancellation=_cancellation(row.cancellation),
    )


def _cancellation(stored: dict[str, Any] | None) -> CancellationRecord | None:
    return CancellationRecord.model_validate(stored) if stored is not None else None


def step_of(row: StepRow) -> StepView:
    """Return a stored step as clients see it."""
    return StepView(
        step_id=row.step_id,
        step_name=row.step_name,
        parent_step_id=row.parent_step_id,
        type=row.kind,
        status=StepStatus(row.status),
        started_at=row.started_at,
        completed_at=row.completed_at,
        output=row.output,
        error=row.error,
        attempts=row.attempts,
        cancellation=_cancellation(row.cancellation),
    )


def record_of(store: Store, row: ExecutionRow, steps: list[StepRow]) -> ExecutionRecord:
    """Return the record of a stored execution, to go on with it."""
    record = ExecutionRecord(store, summary_of(row), row.parameters, Redactor(()))
    record.steps = {step.step_id: step_of(step) for step in steps}
    return record


def close_dead(record: ExecutionRecord, row: ExecutionRow) -> None:
    """Write the final status of an execution whose worker is dead and whose tree is gone."""
    if row.cancel_requested_at is None:
        record.close_running(StepStatus.FAILED, WORKER_DIED)
        record.move(ExecutionStatus.INTERRUPTED, error=WORKER_DIED)
        return
    cancellation = record.summary.cancellation or CancellationRecord(
        requested_at=row.cancel_requested_at,
        requested_by=row.cancel_requested_by,
        source=CancelSource(row.cancel_source or CancelSource.API),
    )
    # Its figures may be known already, when the worker died while on_cancel steps ran.
    if cancellation.outcome is None:
        update = {"outcome": CancelOutcome.WORKER_LOST}
        cancellation = cancellation.model_copy(update=update)
    record.close_running(StepStatus.CANCELLED, None)
    record.move(ExecutionStatus.CANCELLED, cancellation=cancellation)
