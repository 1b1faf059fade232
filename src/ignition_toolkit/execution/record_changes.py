"""An execution's state as changes of the store: rows, and the events that clients follow.

What a step says is redacted here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.execution.requests import KEY_LIFE, StartKey
from ignition_toolkit.execution.views import (
    ExecutionSummary,
    LogEvent,
    ProgressEvent,
    StepView,
    View,
)
from ignition_toolkit.playbook.events import MAX_MESSAGE, Logged, Progressed
from ignition_toolkit.playbook.models import utc_now
from ignition_toolkit.storage.changes import AddEvent, AddExecution, Change, PutStep, SetExecution
from ignition_toolkit.storage.rows import ExecutionRow

EventKind = Literal["execution", "step", "log", "progress"]


# Any: columns of the executions table.
def new_execution(summary: ExecutionSummary, key: StartKey | None, **columns: Any) -> Change:
    """Return the change that adds an execution's row, unless its key is in use."""
    row = ExecutionRow(
        id=summary.execution_id,
        playbook_name=summary.playbook_name,
        playbook_path=summary.playbook_path,
        status=summary.status.value,
        created_at=summary.created_at,
        total_steps=summary.total_steps,
        requested_by=summary.requested_by,
        current_step_index=summary.current_step_index,
        rerun_of=summary.rerun_of,
        rerun_from_step=summary.rerun_from_step,
        idempotency_key=key.text if key else None,
        idempotency_fingerprint=key.fingerprint if key else None,
        **columns,
    )
    return AddExecution(row, summary.created_at - KEY_LIFE if key else None)


# Any: columns of the executions table, values of the summary's fields.
def new_values(
    summary: ExecutionSummary,
    names: set[str],
    *,
    columns: dict[str, Any] | None = None,
    final: bool = False,
) -> Change:
    """Return the change that writes these fields of a summary, and further columns."""
    stored = summary.model_dump(mode="json", include=names)
    row = {name: _column(getattr(summary, name), value) for name, value in stored.items()}
    return SetExecution(summary.execution_id, row | (columns or {}), final=final)


# Any: a column's value.
def _column(value: object, dumped: Any) -> Any:
    return value if isinstance(value, datetime) else dumped


def summary_event(summary: ExecutionSummary, at: datetime) -> Change:
    """Return the event of an execution as it now stands."""
    return _event(summary.execution_id, "execution", summary, at)


def line_logged(execution_id: str, line: Logged, redactor: Redactor) -> Change:
    """Return the event of a line of the log."""
    event = LogEvent(
        execution_id=execution_id,
        step_id=line.step_id,
        level=line.level,
        message=redactor.text(line.message)[:MAX_MESSAGE],
        stream=line.stream,
        at=line.at,
    )
    return _event(execution_id, "log", event, event.at)


def lines_dropped(execution_id: str, step_id: str | None, count: int) -> Change:
    """Return the line of the log that says that so many are missing at this place."""
    event = LogEvent(
        execution_id=execution_id,
        step_id=step_id,
        level="warning",
        message=f"{count} log lines were dropped: the step logs faster than is read",
        dropped=count,
        at=utc_now(),
    )
    return _event(execution_id, "log", event, event.at)


def step_progressed(execution_id: str, progress: Progressed, redactor: Redactor) -> Change:
    """Return the event of a step's progress."""
    event = ProgressEvent(
        execution_id=execution_id,
        step_id=progress.step_id,
        done=progress.done,
        total=progress.total,
        message=redactor.text(progress.message)[:MAX_MESSAGE],
    )
    return _event(execution_id, "progress", event, utc_now())


def step_changes(execution_id: str, view: StepView, at: datetime) -> list[Change]:
    """Return the changes of a step as it now stands: its row and its event."""
    data = view.model_dump(mode="json")
    values = {
        "step_name": view.step_name,
        "parent_step_id": view.parent_step_id,
        "kind": view.type,
        "status": view.status.value,
        "started_at": view.started_at,
        "completed_at": view.completed_at,
        "output": data["output"],
        "error": view.error,
        "attempts": view.attempts,
        "cancellation": data["cancellation"],
    }
    # The fields of a StepEvent: those of its step, and the execution's id.
    event = data | {"execution_id": execution_id}
    return [
        PutStep(execution_id, view.step_id, values),
        AddEvent(execution_id, "step", event, view.completed_at or view.started_at or at),
    ]


def _event(execution_id: str, kind: EventKind, data: View, at: datetime) -> Change:
    return AddEvent(execution_id, kind, data.model_dump(mode="json"), at)
