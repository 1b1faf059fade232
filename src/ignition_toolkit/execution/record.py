"""One execution as it now stands: kept in memory, written to the store, shown to clients.

Every text that came from a runner is redacted here, on its way out. Only ExecutionManager moves
the status.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.execution.views import (
    ExecutionSummary,
    ExecutionView,
    LogEvent,
    ProgressEvent,
    StepEvent,
    StepView,
    WaitingFor,
)
from ignition_toolkit.playbook.events import Logged, Progressed, StepChanged
from ignition_toolkit.playbook.json_values import jsonable
from ignition_toolkit.playbook.models import (
    CancellationRecord,
    ExecutionStatus,
    Step,
    StepStatus,
    check_execution_move,
    utc_now,
)
from ignition_toolkit.storage.changes import AddEvent, AddExecution, Change, PutStep, SetExecution
from ignition_toolkit.storage.rows import ExecutionRow
from ignition_toolkit.storage.store import Store

#: Characters of one log message that are kept.
MAX_MESSAGE = 64 * 1024


@dataclass(frozen=True)
class Snapshot:
    """The texts that an execution runs, whatever becomes of the files."""

    main: str
    files: Mapping[str, str]


class ExecutionRecord:
    """The state of one execution. To be used from the supervision loop only."""

    def __init__(
        self,
        store: Store,
        summary: ExecutionSummary,
        parameters: dict[str, Any],
        redactor: Redactor,
    ) -> None:
        self._store = store
        self._redactor = redactor
        self._parameters = parameters
        self._order: dict[str, int] = {}
        self.summary = summary
        self.steps: dict[str, StepView] = {}

    @property
    def execution_id(self) -> str:
        """Id of the execution."""
        return self.summary.execution_id

    @property
    def status(self) -> ExecutionStatus:
        """Where the execution stands."""
        return self.summary.status

    def view(self) -> ExecutionView:
        """Return the execution with its steps, for a client."""
        return ExecutionView(
            **dict(self.summary),
            parameters=self._parameters,
            step_results=tuple(self.steps.values()),
        )

    def add(self, snapshot: Snapshot, secret_parameters: Sequence[str]) -> Future[None]:
        """Store a new execution."""
        row = ExecutionRow(
            id=self.execution_id,
            playbook_name=self.summary.playbook_name,
            playbook_path=self.summary.playbook_path,
            status=self.status.value,
            snapshot={"main": snapshot.main, "files": dict(snapshot.files)},
            parameters=self._parameters,
            secret_parameters=list(secret_parameters),
            created_at=self.summary.created_at,
            total_steps=self.summary.total_steps,
            requested_by=self.summary.requested_by,
        )
        return self._store.submit([AddExecution(row), *self._step_changes(), self._event()])

    def set_steps(self, steps: Sequence[Step]) -> None:
        """Make the top level's steps known, as pending."""
        for index, step in enumerate(steps):
            self._order[step.id] = index
            self.steps.setdefault(
                step.id,
                StepView(
                    step_id=step.id,
                    step_name=step.name,
                    type=step.type,
                    status=StepStatus.PENDING,
                ),
            )

    def add_nested(self, prefix: str, steps: Sequence[Step]) -> None:
        """Make the steps of a nested playbook known, as pending."""
        changes: list[Change] = []
        for step in steps:
            view = StepView(
                step_id=prefix + step.id,
                step_name=step.name,
                parent_step_id=prefix[:-1],
                type=step.type,
                status=StepStatus.PENDING,
            )
            self.steps[view.step_id] = view
            changes += self._step_change(view)
        self._store.submit(changes)

    def move(
        self,
        status: ExecutionStatus,
        *,
        error: str | None = None,
        cancellation: CancellationRecord | None = None,
    ) -> Future[None]:
        """Change the status. Raises IllegalMove; the future is done when it is stored."""
        check_execution_move(self.status, status)
        now = utc_now()
        changes: dict[str, Any] = {"status": status, "waiting_for": None}
        if status is ExecutionStatus.RUNNING and self.summary.started_at is None:
            changes["started_at"] = now
        if status.final:
            changes["completed_at"] = now
        if error is not None:
            changes["error"] = self._redactor.text(error)
        if cancellation is not None:
            changes["cancellation"] = self._redacted(cancellation)
        return self._set(changes, final=status.final)

    def ask_cancel(self, cancellation: CancellationRecord) -> Future[None]:
        """Note a cancel: the status is *cancelling* from now on."""
        check_execution_move(self.status, ExecutionStatus.CANCELLING)
        return self._set(
            {
                "status": ExecutionStatus.CANCELLING,
                "waiting_for": None,
                "cancel_requested_at": cancellation.requested_at,
                "cancellation": cancellation,
            },
            columns={
                "cancel_requested_by": cancellation.requested_by,
                "cancel_source": cancellation.source.value,
            },
        )

    def set_cancellation(self, cancellation: CancellationRecord) -> Future[None]:
        """Make new figures of a cancel public."""
        return self._set({"cancellation": self._redacted(cancellation)})

    def set_waiting_for(self, waiting_for: WaitingFor | None) -> None:
        """Say what the execution waits for."""
        if waiting_for != self.summary.waiting_for:
            self._set({"waiting_for": waiting_for})

    def step(self, change: StepChanged, cancellation: CancellationRecord | None = None) -> StepView:
        """Take note of a step's change and return the step as it now stands."""
        old = self.steps.get(change.step_id)
        started = old.started_at if old else None
        if not change.status.final and (old is None or old.status.final or started is None):
            started = change.at
        view = StepView(
            step_id=change.step_id,
            step_name=change.step_name,
            parent_step_id=change.parent_step_id,
            type=change.type,
            status=change.status,
            started_at=started,
            completed_at=change.at if change.status.final else None,
            output=self._value(change.output),
            error=self._redactor.text(change.error) if change.error else None,
            attempts=change.attempt,
            cancellation=cancellation or (old.cancellation if old else None),
        )
        self.steps[view.step_id] = view
        self._store.submit([*self._step_change(view), *self._advance(view)])
        return view

    def close_running(self, status: StepStatus, error: str | None) -> list[str]:
        """Give every step that still counts as running a final status; return their ids."""
        running = [view for view in self.steps.values() if view.status is StepStatus.RUNNING]
        for view in reversed(running):
            text = self._redactor.text(error) if error else view.error
            closed = view.model_copy(
                update={"status": status, "completed_at": utc_now(), "error": text}
            )
            self.steps[view.step_id] = closed
            self._store.submit(self._step_change(closed))
        return [view.step_id for view in running]

    def _advance(self, step: StepView) -> list[Change]:
        index = self._order.get(step.step_id)
        if index is None or index <= self.summary.current_step_index:
            return []
        self.summary = self.summary.model_copy(update={"current_step_index": index})
        return [SetExecution(self.execution_id, {"current_step_index": index})]

    def set_step_cancellation(self, step_id: str, cancellation: CancellationRecord) -> None:
        """Attach the record of a timeout or a skip to its step."""
        view = self.steps[step_id].model_copy(update={"cancellation": self._redacted(cancellation)})
        self.steps[step_id] = view
        self._store.submit(self._step_change(view))

    def log(self, line: Logged) -> None:
        """Write a line to the log."""
        event = LogEvent(
            execution_id=self.execution_id,
            step_id=line.step_id,
            level=line.level,
            message=self._redactor.text(line.message)[:MAX_MESSAGE],
            stream=line.stream,
            at=line.at,
        )
        self._store.submit([self._add_event("log", event, line.at)])

    def progress(self, progress: Progressed) -> None:
        """Tell how far a step is."""
        event = ProgressEvent(
            execution_id=self.execution_id,
            step_id=progress.step_id,
            done=progress.done,
            total=progress.total,
            message=self._redactor.text(progress.message)[:MAX_MESSAGE],
        )
        self._store.submit([self._add_event("progress", event, utc_now())])

    # Any: columns of the executions table, values of the summary's fields.
    def _set(
        self,
        values: dict[str, Any],
        *,
        columns: dict[str, Any] | None = None,
        final: bool = False,
    ) -> Future[None]:
        self.summary = self.summary.model_copy(update=values)
        stored = self.summary.model_dump(mode="json", include=set(values))
        row = {
            name: values[name] if isinstance(values[name], datetime) else value
            for name, value in stored.items()
        }
        row |= columns or {}
        change = SetExecution(self.execution_id, row, final=final)
        return self._store.submit([change, self._event()])

    def _event(self) -> Change:
        return self._add_event("execution", self.summary, utc_now())

    def _step_changes(self) -> list[Change]:
        return [change for view in self.steps.values() for change in self._step_change(view)]

    def _step_change(self, view: StepView) -> list[Change]:
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
        event = StepEvent(execution_id=self.execution_id, **dict(view))
        return [
            PutStep(self.execution_id, view.step_id, values),
            self._add_event("step", event, view.completed_at or view.started_at or utc_now()),
        ]

    def _add_event(
        self, kind: Literal["execution", "step", "log", "progress"], data: Any, at: datetime
    ) -> Change:
        return AddEvent(self.execution_id, kind, data.model_dump(mode="json"), at)

    def _redacted(self, cancellation: CancellationRecord) -> CancellationRecord:
        dumped = self._redactor.value(cancellation.model_dump(mode="json"))
        return CancellationRecord.model_validate(dumped)

    # Any: a JSON value of a handler's choosing.
    def _value(self, output: dict[str, Any] | None) -> dict[str, Any] | None:
        if output is None:
            return None
        redacted: Any = self._redactor.value(jsonable(output))
        return dict(redacted)
