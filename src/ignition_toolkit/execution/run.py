"""One execution that is not over, and what can be asked of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from ignition_toolkit.errors import WrongState
from ignition_toolkit.execution import audit, blocking
from ignition_toolkit.execution.job import Job
from ignition_toolkit.execution.record import ExecutionRecord
from ignition_toolkit.execution.requests import CancelRequest
from ignition_toolkit.execution.supervisor import Supervision
from ignition_toolkit.execution.verdict import Verdict
from ignition_toolkit.execution.views import CancelAnswer
from ignition_toolkit.playbook.models import CancellationRecord, ExecutionStatus
from ignition_toolkit.storage.changes import AddAudit

logger = logging.getLogger(__name__)

RUNNING, PAUSED = ExecutionStatus.RUNNING, ExecutionStatus.PAUSED
CANCELLING = ExecutionStatus.CANCELLING


@dataclass
class Run:
    """One execution that is not over, or not stored yet. `supervision` is set when it starts."""

    record: ExecutionRecord
    job: Job
    supervision: Supervision | None = None
    #: Whether a pause was asked for that the run has not reached.
    pausing: bool = False

    @property
    def is_over(self) -> bool:
        """Whether its final status is set."""
        return self.record.status.final

    @property
    def step_id(self) -> str | None:
        """Id of the innermost running step, None where none runs."""
        return self.supervision.step_id if self.supervision is not None else None

    def tell_janitor(self, request: CancelRequest) -> None:
        """Tell the janitor of a cancel, if it has a runner. Nothing is written."""
        if self.supervision is not None:
            self.supervision.cancel(request)

    def tell_runner(self, request: CancelRequest) -> None:
        """Tell the runner, if there is one, of a cancel that the janitor knows of."""
        if self.supervision is not None:
            self.supervision.say_cancel(request)

    def kill_now(self) -> None:
        """End what is being cancelled without a grace and without on_cancel."""
        if self.supervision is not None and self.record.status is CANCELLING:
            self.supervision.end_now()

    def pause(self) -> CancelAnswer:
        """Pause after the current step. Raises WrongState unless it runs."""
        supervision = self._steerable("paused", RUNNING)
        self.pausing = True
        supervision.pause()
        return self.answer()

    def resume(self) -> CancelAnswer:
        """Go on after a pause. Raises WrongState unless one was asked for."""
        if self.record.status is RUNNING and not self.pausing:
            raise self.wrong_state("resumed: it is not paused")
        supervision = self._steerable("resumed", RUNNING, PAUSED)
        self.pausing = False
        supervision.resume()
        return self.answer()

    def skip(self, requested_by: str | None) -> CancelAnswer:
        """Skip the running step, or the next one. Raises WrongState."""
        supervision = self._steerable("told to skip a step", RUNNING, PAUSED)
        if not supervision.skip(requested_by):
            raise self.wrong_state("told to skip a step: no runner is up yet, try again")
        return self.answer()

    def steer(
        self, action: audit.Action, *, source: str, requested_by: str | None
    ) -> tuple[CancelAnswer, AddAudit]:
        """Pause, resume or skip; return the answer, and the note of it. Raises WrongState."""
        # Made before: a step that is skipped may be over at once.
        note = self._note(action, source, requested_by)
        return _STEERING[action](self, requested_by), note

    def cancel_note(self, request: CancelRequest, *, already: bool = False) -> AddAudit:
        """Return the note of a cancel; `already` when it was not the first."""
        source, by = request.record.source.value, request.record.requested_by
        return self._note(audit.Action.CANCEL, source, by, already=already or None)

    def _note(
        self,
        action: audit.Action,
        source: str,
        requested_by: str | None,
        already: bool | None = None,
    ) -> AddAudit:
        return audit.note(
            action,
            source=source,
            requested_by=requested_by,
            execution_id=self.record.execution_id,
            redactor=self.job.redactor,
            step_id=self.step_id,
            already=already,
        )

    def _steerable(self, what: str, *statuses: ExecutionStatus) -> Supervision:
        if self.record.status not in statuses or self.supervision is None:
            raise self.wrong_state(what)
        return self.supervision

    def on_pause(self, paused: bool) -> None:
        """Take note that the run stands still, or goes on."""
        self.pausing = False
        status = PAUSED if paused else RUNNING
        if self.record.status in (RUNNING, PAUSED) and self.record.status is not status:
            self.record.move(status)
            self.log_move()

    def finish(self, verdict: Verdict, cancellation: CancellationRecord | None) -> Future[None]:
        """Set the final status; the future is done when it is stored."""
        holds = blocking.kept(self.job.claims, verdict.leftovers)
        error = verdict.error
        if error is not None:
            error += blocking.advice(self.record.execution_id, holds)
        if self.record.status is PAUSED and verdict.status is ExecutionStatus.COMPLETED:
            # The last step was skipped while the run stood still.
            self.record.move(RUNNING)
        stored = self.record.move(
            verdict.status, error=error, cancellation=cancellation, holds=holds
        )
        self.log_move()
        return stored

    def log_move(self) -> None:
        """Write the line that each change of status has in the server's log."""
        status = self.record.status
        logger.info(
            "execution %s of %s is %s",
            self.record.execution_id, self.record.summary.playbook_path, status,
            extra={"action": f"execution_{status}", "execution_id": self.record.execution_id},
        )  # fmt: skip

    def answer(self, *, already: bool = False) -> CancelAnswer:
        """Return the answer to who asked."""
        status = self.record.status
        return CancelAnswer(execution_id=self.record.execution_id, status=status, already=already)

    def wrong_state(self, what: str) -> WrongState:
        """Return the error which says that something cannot be done to it now."""
        status = self.record.status
        text = f"execution {self.record.execution_id} is {status} and cannot be {what}"
        return WrongState(text, status=status.value)


_STEERING: dict[audit.Action, Callable[[Run, str | None], CancelAnswer]] = {
    audit.Action.PAUSE: lambda run, _by: run.pause(),
    audit.Action.RESUME: lambda run, _by: run.resume(),
    audit.Action.SKIP: Run.skip,
}
