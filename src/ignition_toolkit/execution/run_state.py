"""How far a run is: what its runners say, and what the end of one of them means for its steps."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ignition_toolkit.execution import step_ends
from ignition_toolkit.execution.hand_overs import handed_over_line
from ignition_toolkit.execution.handler_blocks import blocked_text
from ignition_toolkit.execution.job import Job
from ignition_toolkit.execution.leg_end import Cause, LegEnd
from ignition_toolkit.execution.live_view import LiveView
from ignition_toolkit.execution.losses import Losses
from ignition_toolkit.execution.output_capture import OutputCapture
from ignition_toolkit.execution.progress import Progress
from ignition_toolkit.execution.record import ExecutionRecord
from ignition_toolkit.execution.verdict import Verdict
from ignition_toolkit.playbook.engine_host import Resume
from ignition_toolkit.playbook.events import (
    Logged,
    PauseChanged,
    Progressed,
    Remembered,
    ScopeOpened,
    StepChanged,
    VariableSet,
)
from ignition_toolkit.playbook.json_values import from_wire
from ignition_toolkit.playbook.models import (
    CancelSource,
    ExecutionStatus,
    Playbook,
    StepStatus,
    utc_now,
)
from ignition_toolkit.protocol import Blocked, Envelope, FrameTaken, LogsDropped

logger = logging.getLogger(__name__)


class RunState:
    """The steps of one run, in memory in full and in the record as clients may see them.

    To be used from the supervision loop only.

    Args:
        job: what is run.
        record: where it is stored.
        on_pause: told when the run stands still, and when it goes on.
        losses: what the steps cost beside their work is counted there.
        live_view: takes the pictures of the page.
    """

    def __init__(
        self,
        job: Job,
        record: ExecutionRecord,
        on_pause: Callable[[bool], None],
        losses: Losses,
        live_view: LiveView,
    ) -> None:
        self._job = job
        self._record = record
        self._on_pause = on_pause
        self._losses = losses
        self._live_view = live_view
        self._progress = Progress(job.program, job.resume)
        self._output = OutputCapture(job.redactor, record.log, losses)
        #: Monotonic second at which a step was last said to be cancelled.
        self.cancelled_t: float | None = None

    @property
    def step_id(self) -> str | None:
        """Id of the innermost running step."""
        return self._progress.innermost

    def resume(self, now: float) -> Resume:
        """Return what a fresh runner has to know.

        A step around others whose time was over while there was no runner has failed by then:
        nothing of it may begin any more.

        Args:
            now: monotonic second.
        """
        late = self._progress.late(now)
        if late is not None:
            self._apply_lateness(late)
        self._progress.interrupted.clear()
        return self._progress.resume()

    def _apply_lateness(self, late: StepChanged) -> None:
        for change in self._progress.interrupted_below(late.step_id):
            status = StepStatus.FAILED if change.error else StepStatus.CANCELLED
            self._on_step(change.model_copy(update={"status": status, "at": utc_now()}))
        step = self._progress.step(late.step_id)
        error = step_ends.late_text(step.timeout if step else None)
        self._progress.fail_attempt(late.step_id, late.attempt, error)

    def playbooks_to_clean_up(self) -> dict[str, Playbook]:
        """Return the stopped playbooks that have on_cancel steps by prefix, innermost first."""
        stopped = self._progress.stopped_playbooks()
        return {prefix: playbook for prefix, playbook in stopped.items() if playbook.on_cancel}

    # What a leg tells.

    def on_event(self, envelope: Envelope) -> None:
        """Take note of a message from the runner."""
        match envelope.body:
            case StepChanged() as change:
                if change.status is StepStatus.CANCELLED:
                    self.cancelled_t = envelope.t
                self._on_step(change)
            case ScopeOpened() as scope:
                self._on_scope(scope)
            case VariableSet() | Remembered() as known:
                self._on_known(known)
            case Logged() as line:
                self._record.log(line)
            case Progressed() as progress:
                self._record.progress(progress)
            case PauseChanged() as pause:
                self._on_pause(pause.paused)
            case FrameTaken() as frame:
                self._live_view.take(frame)
            case LogsDropped() | Blocked() as loss:
                self._on_loss(loss)
            case _:
                logger.error("a runner said %s", envelope.body.kind)

    def _on_loss(self, loss: LogsDropped | Blocked) -> None:
        if isinstance(loss, LogsDropped):
            self._losses.log_lines += loss.count
            self._record.note_dropped(self.step_id, loss.count)
            return
        self._losses.blocks += loss.times
        self._losses.blocked_s += loss.total_s
        self._warn(loss.step_id, blocked_text(loss))

    def on_output(self, stream: str, data: bytes) -> None:
        """Take note of what a step wrote to the runner's stdout or stderr."""
        self._output.feed(stream, data)

    def on_stopped(self, stopped: LegEnd) -> None:
        """Take note of a step that was stopped and whose runner goes on."""
        assert stopped.stop is not None
        record = step_ends.step_record(stopped)
        self._record.set_step_cancellation(stopped.stop.step_id, record)

    def _on_step(self, change: StepChanged) -> None:
        self._progress.on_step(change)
        self._output.set_step(self.step_id)
        output = from_wire(change.output) if change.output is not None else None
        self._record.step(change.model_copy(update={"output": output}))

    def _on_known(self, known: VariableSet | Remembered) -> None:
        if isinstance(known, Remembered):
            self._progress.on_remembered(known)
        else:
            self._on_variable(known)

    def _on_variable(self, variable: VariableSet) -> None:
        self._progress.on_variable(variable)
        outermost = self._progress.outermost
        # Those of a nested playbook begin anew with it: a rerun takes nothing up inside one.
        if not variable.prefix and outermost is not None:
            self._record.keep_variable(outermost, variable.name, variable.value)

    def _on_scope(self, scope: ScopeOpened) -> None:
        nested = self._job.program.nested[scope.path] if scope.prefix else None
        self._progress.on_scope(scope)
        if nested is not None and not scope.resumed:
            self._record.add_nested(scope.prefix, nested.steps)

    def note_handed_over(self, end: LegEnd) -> None:
        """Say in the log which processes a person has got."""
        listed = end.done.handed_over if end.done is not None else ()
        killed = {process.pid for process in end.ended.killed}
        if there := [one for one in listed if one.pid not in killed]:
            self._record.log(handed_over_line(there))
            if end.hand_over_problem is not None:
                text = f"a restart of the server ends what was handed over: {end.hand_over_problem}"
                self._warn(None, text)

    # What the end of a leg means.

    def go_on(self, end: LegEnd) -> Verdict | None:
        """Take note of what an undecided end cost; return None when the run can go on."""
        if end.cause is Cause.DONE:
            return Verdict(ExecutionStatus.FAILED, "the runner stopped without being asked to")
        if end.stop is None:
            return self._apply_loss(step_ends.loss_text(end), step_ends.in_flight_text(end))
        if end.stop.step_id not in self._progress.running:
            return self._apply_needless_stop(end.stop.step_id)
        self._apply_stop(end)
        return None

    def _apply_stop(self, end: LegEnd) -> None:
        """Note what a timeout or a skip did whose runner had to be replaced."""
        stop = end.stop
        assert stop is not None
        self._cancel_inner(stop.step_id)
        change = self._progress.running[stop.step_id]
        if stop.source is CancelSource.SKIP:
            self._on_step(change.model_copy(update={"status": StepStatus.SKIPPED, "at": utc_now()}))
            self._progress.skip(stop.step_id, change.attempt)
        else:
            step = self._progress.step(stop.step_id)
            error = step_ends.timeout_text(end, step.timeout if step else None)
            self._progress.fail_attempt(stop.step_id, change.attempt, error)
        self._record.set_step_cancellation(stop.step_id, step_ends.step_record(end))
        self._warn(stop.step_id, step_ends.replaced_text(end))

    def _apply_needless_stop(self, step_id: str) -> Verdict | None:
        """Note that a runner was ended for a step that had ended in time."""
        text = step_ends.needless_text(step_id)
        inner = self.step_id
        if inner is not None and not step_id.startswith(f"{inner}/"):
            return self._apply_loss(text)
        # Between two steps: nothing was running that could have failed.
        self._progress.take_up_outer(step_id)
        self._warn(step_id, text)
        return None

    def _cancel_inner(self, step_id: str) -> None:
        for inner in reversed(list(self._progress.running)):
            if inner.startswith(f"{step_id}/"):
                change = self._progress.running[inner]
                values = {"status": StepStatus.CANCELLED, "at": utc_now()}
                self._on_step(change.model_copy(update=values))

    def _apply_loss(self, text: str, in_flight: str = "") -> Verdict | None:
        """Note that a runner is gone: the attempt that ran has failed."""
        step_id = self.step_id
        if step_id is None:
            return Verdict(ExecutionStatus.FAILED, f"{text}; no step was running")
        change = self._progress.running[step_id]
        # A step that waits for its next attempt has its error already.
        error = change.error or f"{text} during this step{in_flight}"
        self._progress.fail_attempt(step_id, change.attempt, error)
        self._record.log(Logged(step_id=step_id, level="error", message=text))
        return None

    def _warn(self, step_id: str | None, text: str) -> None:
        self._record.log(Logged(step_id=step_id, level="warning", message=text))

    def flush_output(self) -> None:
        """Write out what was captured and held back: the runner has ended."""
        self._output.flush()

    def close_steps(self, verdict: Verdict) -> None:
        """Give the steps that run no more a status that is true."""
        closed = self._record.close_running(verdict.step_status, verdict.error)
        self._progress.cancelled += closed
        self._progress.running.clear()
        self._progress.interrupted.clear()
