"""Stored executions, steps and notes of who did what, as clients see them."""

from __future__ import annotations

from typing import Any

from ignition_toolkit.errors import InternalError
from ignition_toolkit.execution.record import Snapshot
from ignition_toolkit.execution.views import (
    AuditNote,
    ExecutionSummary,
    Holding,
    StepView,
    WaitingFor,
)
from ignition_toolkit.playbook.models import CancellationRecord, ExecutionStatus, StepStatus
from ignition_toolkit.storage.rows import AuditRow, ExecutionRow, StepRow


def summary_of(row: ExecutionRow) -> ExecutionSummary:
    """Return a stored execution as clients see it."""
    return ExecutionSummary(
        execution_id=row.id,
        playbook_name=row.playbook_name,
        playbook_path=row.playbook_path,
        status=ExecutionStatus(row.status),
        waiting_for=WaitingFor.model_validate(row.waiting_for) if row.waiting_for else None,
        holds=Holding.model_validate(row.holds) if row.holds else None,
        created_at=row.created_at,
        started_at=row.started_at,
        completed_at=row.completed_at,
        current_step_index=row.current_step_index or 0,
        total_steps=row.total_steps,
        error=row.error,
        requested_by=row.requested_by,
        rerun_of=row.rerun_of,
        rerun_from_step=row.rerun_from_step,
        cancel_requested_at=row.cancel_requested_at,
        cancellation=_cancellation(row.cancellation),
    )


def snapshot_of(row: ExecutionRow) -> Snapshot:
    """Return the texts that an execution was accepted with. Raises InternalError."""
    stored = row.snapshot or {}
    try:
        return Snapshot(str(stored["main"]), dict(stored["files"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InternalError("its playbook was not stored with it") from error


# Any: a JSON column.
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


def note_of(row: AuditRow) -> AuditNote:
    """Return a stored note of who did what as clients see it."""
    return AuditNote(
        id=row.id,
        at=row.at,
        action=row.action,
        source=row.source,
        requested_by=row.actor,
        execution_id=row.execution_id,
        detail=row.detail,
    )
