"""One execution as it now stands: kept in memory, written to the store, shown to clients.

Every text that came from a runner is redacted here, on its way out. Only ExecutionManager moves
the status, and nothing is written after the final one but that it holds nothing any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.execution import record_changes
from ignition_toolkit.execution.artifact_marks import Mark
from ignition_toolkit.execution.kept_variables import kept_variables
from ignition_toolkit.execution.redacted import (
    redacted_cancellation,
    redacted_error,
    redacted_holding,
)
from ignition_toolkit.execution.requests import StartKey
from ignition_toolkit.execution.reruns import TakenOver
from ignition_toolkit.execution.step_views import changed, pending
from ignition_toolkit.execution.views import (
    ExecutionSummary,
    ExecutionView,
    Holding,
    StepView,
    WaitingFor,
)
from ignition_toolkit.playbook.events import Logged, Progressed, StepChanged
from ignition_toolkit.playbook.models import (
    CancellationRecord,
    ExecutionStatus,
    Step,
    StepStatus,
    check_execution_move,
    utc_now,
)
from ignition_toolkit.storage.changes import AddAudit, Change, PutStep, SetExecution
from ignition_toolkit.storage.store import Store


@dataclass(frozen=True)
class Snapshot:
    """The texts that an execution runs, whatever becomes of the files."""

    main: str
    files: Mapping[str, str]


class ExecutionRecord:
    """The state of one execution. To be used from the supervision loop only.

    What comes after the final status, such as a late line of the log, is not written.
    """

    def __init__(
        self,
        store: Store,
        summary: ExecutionSummary,
        # Any: JSON values, redacted.
        parameters: dict[str, Any],
        redactor: Redactor,
        steps: Sequence[StepView] = (),
    ) -> None:
        self._store = store
        self._redactor = redactor
        self._parameters = parameters
        self._order: dict[str, int] = {}
        #: Variables by the step of the top level that sets them, as the runner sent them.
        self._variables: dict[str, dict[str, Any]] = {}
        #: Those of the steps that were taken over, as they are stored.
        self._taken: Mapping[str, dict[str, Any]] = {}
        self.summary = summary
        self.steps = {step.step_id: step for step in steps}

    @property
    def execution_id(self) -> str:
        """Id of the execution."""
        return self.summary.execution_id

    @property
    def redactor(self) -> Redactor:
        """Knows the execution's secrets."""
        return self._redactor

    def know(self, redactor: Redactor, mark: Mark | None) -> None:
        """Take another redactor from now on: the secrets were looked up, nothing has run yet.

        Args:
            redactor: knows them.
            mark: that its artifacts may come to hold them, instead of the stored one. It is
                written before anything that tells of its run.
        """
        self._redactor = redactor
        values = {"unredacted": mark.to_row() if mark is not None else None}
        self._store.submit([SetExecution(self.execution_id, values)])

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

    def add(
        self,
        snapshot: Snapshot,
        secret_parameters: Sequence[str] = (),
        key: StartKey | None = None,
        *notes: AddAudit,
        mark: Mark | None = None,
    ) -> Future[None]:
        """Store a new execution; the future fails with DuplicateKey where its key is in use.

        Args:
            snapshot: the texts that it runs.
            secret_parameters: names of those that were given inline.
            key: of the request, when it has one.
            notes: who did that, written with it.
            mark: that its artifacts may hold secrets.
        """
        row = record_changes.new_execution(
            self.summary,
            key,
            snapshot={"main": snapshot.main, "files": dict(snapshot.files)},
            parameters=self._parameters,
            secret_parameters=list(secret_parameters),
            unredacted=mark.to_row() if mark is not None else None,
        )
        steps = [change for view in self.steps.values() for change in self._step_changes(view)]
        taken = [self._variables_change(step_id, kept) for step_id, kept in self._taken.items()]
        return self._store.submit([row, *steps, *taken, self._summary_event(), *notes])

    def forget_key(self) -> None:
        """Let the idempotency key of a start that was refused after all be used again."""
        self._store.submit([SetExecution(self.execution_id, {"idempotency_key": None})])

    def set_steps(self, steps: Sequence[Step]) -> None:
        """Make the top level's steps known, as pending."""
        for index, step in enumerate(steps):
            self._order[step.id] = index
            self.steps.setdefault(step.id, pending(step, ""))

    def take_over(self, taken: TakenOver) -> None:
        """Make what is taken over from an earlier attempt part of an execution that is new."""
        self.steps |= {view.step_id: view for view in taken.views(self.summary.created_at)}
        self._taken = taken.variables

    def add_nested(self, prefix: str, steps: Sequence[Step]) -> None:
        """Make the steps of a nested playbook known, as pending; also once more, for a retry."""
        if self.status.final:
            return
        changes: list[Change] = []
        for step in steps:
            view = pending(step, prefix)
            self.steps[view.step_id] = view
            changes += self._step_changes(view)
        self._store.submit(changes)

    def move(
        self,
        status: ExecutionStatus,
        *,
        error: str | None = None,
        cancellation: CancellationRecord | None = None,
        owner: str | None = None,
        holds: Holding | None = None,
    ) -> Future[None]:
        """Change the status. Raises IllegalMove; the future is done when it is stored.

        Args:
            status: the new one.
            error: why, for one that failed.
            cancellation: the record of the cancel, when there was one.
            owner: the worker that runs it from now on.
            holds: what it keeps for itself, at its start, and when it could not be stopped;
                otherwise an execution that is over holds nothing.
        """
        check_execution_move(self.status, status)
        now = utc_now()
        values: dict[str, Any] = {"status": status, "waiting_for": None}
        if status is ExecutionStatus.RUNNING and self.summary.started_at is None:
            values["started_at"] = now
        if status.final:
            values["completed_at"] = now
        if holds is not None:
            values["holds"] = redacted_holding(holds, self._redactor)
        elif status.final:
            values["holds"] = None
        if error is not None:
            values["error"] = redacted_error(error, self._redactor)
        if cancellation is not None:
            values["cancellation"] = self._redacted(cancellation)
        return self._set(values, columns={"owner": owner} if owner else None, final=status.final)

    def let_go(self, *notes: AddAudit) -> Future[None]:
        """Hold nothing any more, of an execution that is over; no event tells.

        Args:
            notes: who did that, written with it.
        """
        self.summary = self.summary.model_copy(update={"holds": None})
        return self._store.submit([SetExecution(self.execution_id, {"holds": None}), *notes])

    def ask_cancel(self, cancellation: CancellationRecord, *notes: AddAudit) -> Future[None]:
        """Note a cancel: the status is *cancelling* from now on. Raises IllegalMove.

        Args:
            cancellation: by whom, and what is known so far.
            notes: who did that, written with it.
        """
        check_execution_move(self.status, ExecutionStatus.CANCELLING)
        cancellation = self._redacted(cancellation)
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
            notes=notes,
        )

    def set_cancellation(self, cancellation: CancellationRecord) -> None:
        """Make new figures of a cancel public."""
        if not self.status.final:
            self._set({"cancellation": self._redacted(cancellation)})

    def set_waiting_for(self, waiting_for: WaitingFor | None) -> None:
        """Say what the execution waits for."""
        if waiting_for is not None:
            name = self._redactor.text(waiting_for.name)
            waiting_for = waiting_for.model_copy(update={"name": name})
        if waiting_for != self.summary.waiting_for and not self.status.final:
            self._set({"waiting_for": waiting_for})

    def step(self, change: StepChanged) -> None:
        """Take note of a step's change."""
        if self.status.final:
            return
        view = changed(self.steps.get(change.step_id), change, self._redactor)
        self._put(view)

    # Any: a JSON value, as the runner sent it.
    def keep_variable(self, step_id: str, name: str, value: Any) -> None:
        """Have a variable stored with the step of the top level that has set it, at its end."""
        self._variables.setdefault(step_id, {})[name] = value

    def close_running(self, status: StepStatus, error: str | None) -> list[str]:
        """Give every step that still counts as running a final status; return their ids."""
        running = [view for view in self.steps.values() if view.status is StepStatus.RUNNING]
        for view in reversed(running):
            text = redacted_error(error, self._redactor) if error else view.error
            closing = {"status": status, "completed_at": utc_now(), "error": text}
            self._put(view.model_copy(update=closing))
        return [view.step_id for view in running]

    def set_step_cancellation(self, step_id: str, cancellation: CancellationRecord) -> None:
        """Attach the record of a timeout or a skip to its step."""
        if not self.status.final:
            attached = {"cancellation": self._redacted(cancellation)}
            self._put(self.steps[step_id].model_copy(update=attached))

    def _put(self, view: StepView) -> None:
        self.steps[view.step_id] = view
        changes = [*self._step_changes(view), *self._advance(view)]
        if view.status.final and (values := self._variables.pop(view.step_id, None)):
            kept = kept_variables(values, self._redactor)
            changes.append(self._variables_change(view.step_id, kept))
        self._store.submit(changes)

    def _advance(self, step: StepView) -> list[Change]:
        index = self._order.get(step.step_id)
        if index is None or index <= self.summary.current_step_index:
            return []
        self.summary = self.summary.model_copy(update={"current_step_index": index})
        return [SetExecution(self.execution_id, {"current_step_index": index})]

    def log(self, line: Logged) -> None:
        """Write a line to the log."""
        if not self.status.final:
            self._store.submit(
                [record_changes.line_logged(self.execution_id, line, self._redactor)]
            )

    def note_dropped(self, step_id: str | None, count: int) -> None:
        """Say in the log that so many lines are missing at this place."""
        if not self.status.final:
            self._store.submit([record_changes.lines_dropped(self.execution_id, step_id, count)])

    def progress(self, progress: Progressed) -> None:
        """Tell how far a step is."""
        if not self.status.final:
            self._store.submit(
                [record_changes.step_progressed(self.execution_id, progress, self._redactor)]
            )

    # Any: values of the summary's fields, columns of the executions table.
    def _set(
        self,
        values: dict[str, Any],
        *,
        columns: dict[str, Any] | None = None,
        final: bool = False,
        notes: Sequence[AddAudit] = (),
    ) -> Future[None]:
        self.summary = self.summary.model_copy(update=values)
        change = record_changes.new_values(self.summary, set(values), columns=columns, final=final)
        return self._store.submit([change, self._summary_event(), *notes])

    def _summary_event(self) -> Change:
        return record_changes.summary_event(self.summary, utc_now())

    def _step_changes(self, view: StepView) -> list[Change]:
        return record_changes.step_changes(self.execution_id, view, utc_now())

    # Any: as `kept_variables` returns them.
    def _variables_change(self, step_id: str, kept: dict[str, Any]) -> Change:
        return PutStep(self.execution_id, step_id, {"variables": kept})

    def _redacted(self, cancellation: CancellationRecord) -> CancellationRecord:
        return redacted_cancellation(cancellation, self._redactor)
