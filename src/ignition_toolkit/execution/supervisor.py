"""Supervises one execution: runner after runner until there is a verdict, then the clean-up."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.execution.janitor_link import JanitorLink
from ignition_toolkit.execution.leg import Cause, Leg, LegEnd
from ignition_toolkit.execution.output_capture import OutputCapture
from ignition_toolkit.execution.pool import RunnerPool
from ignition_toolkit.execution.progress import Progress
from ignition_toolkit.execution.record import ExecutionRecord
from ignition_toolkit.execution.runner_process import RunnerProcess
from ignition_toolkit.execution.verdict import Verdict, decide, figures
from ignition_toolkit.playbook.events import (
    Logged,
    PauseChanged,
    Progressed,
    ScopeOpened,
    StepChanged,
    VariableSet,
)
from ignition_toolkit.playbook.json_values import from_wire, to_wire
from ignition_toolkit.playbook.models import (
    CancellationRecord,
    CancelOutcome,
    CancelSource,
    ExecutionStatus,
    OnCancelResult,
    Playbook,
    Program,
    StepStatus,
    utc_now,
)
from ignition_toolkit.protocol import Envelope, LogsDropped, Start

logger = logging.getLogger(__name__)

#: Seconds that a run waits for a runner before it fails.
NO_RUNNER_S = 60.0
#: Seconds for all on_cancel steps when the server is being stopped.
ON_CANCEL_AT_SHUTDOWN_S = 20.0
#: Milliseconds from a cancel to the end of the tree that are promised.
PROMISE_MS = 500.0


@dataclass(frozen=True)
class Job:
    """What an execution runs. Holds secrets; never stored, never logged."""

    program: Program
    # Any: checked values; secrets are `Secret`.
    parameters: dict[str, Any]
    modules: dict[str, str]
    artifacts: Path
    redactor: Redactor
    credentials: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class CancelRequest:
    """A cancel, with the monotonic second at which it was asked for."""

    record: CancellationRecord
    t: float
    stopped_t: float | None = None


class Supervision:
    """One execution under supervision. To be used from the supervision loop only.

    Args:
        job: what to run.
        record: where its state is kept and stored.
        on_pause: told when the run stands still, and when it goes on.
    """

    def __init__(
        self,
        job: Job,
        record: ExecutionRecord,
        pool: RunnerPool,
        janitor: JanitorLink,
        on_pause: Callable[[bool], None],
    ) -> None:
        self._job = job
        self._record = record
        self._pool = pool
        self._janitor = janitor
        self._on_pause = on_pause
        self._progress = Progress()
        self._output = OutputCapture(job.redactor, record.log)
        self._leg: Leg | None = None
        self._cancel: CancelRequest | None = None
        self._cancel_seen = asyncio.Event()
        self._cleaning_up = False
        self._clean_up_ended = asyncio.Event()
        self._paused = False

    @property
    def cancellation(self) -> CancellationRecord | None:
        """The record of the cancel, once one was asked for."""
        return self._cancel.record if self._cancel else None

    def cancel(self, record: CancellationRecord, t: float) -> None:
        """Cancel the run, or its on_cancel steps when those run already."""
        if self._cancel is None:
            self._cancel = CancelRequest(record.model_copy(update={"step_id": self.step_id}), t)
        self._cancel_seen.set()
        if self._leg is not None:
            self._leg.cancel(record.source, record.requested_by, t)
        if self._cleaning_up:
            self._clean_up_ended.set()

    @property
    def step_id(self) -> str | None:
        """Id of the innermost running step."""
        return next(reversed(self._progress.running), None)

    def end_now(self) -> None:
        """End what runs without a grace, and run no on_cancel steps."""
        self._clean_up_ended.set()
        if self._leg is not None:
            self._leg.end_now()

    def pause(self) -> None:
        """Pause after the current step."""
        self._paused = True
        if self._leg is not None:
            self._leg.pause()

    def resume(self) -> None:
        """Go on after a pause."""
        self._paused = False
        if self._leg is not None:
            self._leg.resume()

    def skip(self, requested_by: str | None) -> bool:
        """Skip the current or the next step; return False when no runner is there to tell."""
        if self._leg is None:
            return False
        self._leg.skip(requested_by)
        return True

    async def run(self) -> Verdict:
        """Run to the verdict; after a verified stop run the on_cancel steps too."""
        verdict = await self._run_legs(None)
        if self._cancel is None:
            return verdict
        if verdict.outcome is CancelOutcome.TOO_LATE:
            self._set_cancellation({"outcome": CancelOutcome.TOO_LATE})
        elif verdict.status is ExecutionStatus.CANCELLED:
            await self._clean_up()
        return verdict

    async def _run_legs(self, on_cancel: tuple[str, ...] | None) -> Verdict:
        while True:
            runner = await self._take_runner(stop_early=on_cancel is None)
            if isinstance(runner, Verdict):
                return runner
            end = await self._run_leg(runner, on_cancel)
            verdict = self._judge(end, on_cancel)
            if verdict is not None:
                return verdict

    async def _take_runner(self, *, stop_early: bool) -> RunnerProcess | Verdict:
        seen = self._cancel_seen if stop_early else self._clean_up_ended
        take = asyncio.create_task(self._pool.take())
        stop = asyncio.create_task(seen.wait())
        await asyncio.wait({take, stop}, timeout=NO_RUNNER_S, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if seen.is_set():
            if take.done():
                self._pool.give_back(take.result())
            take.cancel()
            return self._never_ran()
        if not take.done():
            take.cancel()
            why = self._pool.problem or "the machine is too busy to start one"
            text = f"no runner came up within {NO_RUNNER_S:g} s: {why}"
            return Verdict(ExecutionStatus.FAILED, text)
        return take.result()

    def _never_ran(self) -> Verdict:
        if self._cancel is not None and self._cancel.record.outcome is None:
            ms = round((time.monotonic() - self._cancel.t) * 1000, 1)
            self._set_cancellation(
                {
                    "outcome": CancelOutcome.COOPERATIVE,
                    "step_stopped_ms": ms,
                    "tree_gone_ms": ms,
                }
            )
        verdict = Verdict(ExecutionStatus.CANCELLED, None, CancelOutcome.COOPERATIVE)
        self._close_steps(verdict)
        return verdict

    async def _run_leg(self, runner: RunnerProcess, on_cancel: tuple[str, ...] | None) -> LegEnd:
        self._leg = Leg(runner, self._janitor, self)
        start = Start(
            execution_id=self._record.execution_id,
            program=self._job.program,
            parameters=to_wire(self._job.parameters),
            credentials=to_wire(self._job.credentials),
            resume=self._progress.resume(),
            modules=self._job.modules,
            artifacts=str(self._job.artifacts),
            on_cancel=on_cancel,
            paused=self._paused,
        )
        end = await self._leg.run(start)
        self._leg = None
        self._output.flush()
        await self._pool.clean_up(runner)
        return end

    def _judge(self, end: LegEnd, on_cancel: tuple[str, ...] | None) -> Verdict | None:
        """Return the verdict, None when a fresh runner is to go on."""
        cancelled = self._cancel is not None if on_cancel is None else self._clean_up_ended.is_set()
        verdict = decide(end, cancelled=cancelled)
        if verdict is None and end.cause is Cause.DONE:
            return Verdict(ExecutionStatus.FAILED, "the runner stopped without being asked to")
        if verdict is not None:
            self._close_steps(verdict)
            if on_cancel is None and self._cancel is not None and verdict.outcome:
                self._note_stop(end, verdict)
            return verdict
        if end.cause is Cause.UNFIT and not self._ended_in_time(end):
            self._apply_stop(end)
            return None
        return self._apply_loss(end)

    def _note_stop(self, end: LegEnd, verdict: Verdict) -> None:
        assert self._cancel is not None
        if verdict.outcome is CancelOutcome.TOO_LATE:
            return
        stopped_t = self._cancel.stopped_t or end.done_t
        record = figures(
            self._cancel.record,
            end,
            t=self._cancel.t,
            stopped_t=stopped_t if end.done is not None and end.done.ended else None,
        )
        self._cancel.record = record
        self._record.set_cancellation(record)
        if record.tree_gone_ms is None or record.tree_gone_ms > PROMISE_MS:
            logger.error(
                "execution %s: the promise was missed, its tree was gone after %s ms",
                self._record.execution_id,
                record.tree_gone_ms,
                extra={"action": "promise_missed"},
            )

    def _set_cancellation(self, values: dict[str, object]) -> None:
        assert self._cancel is not None
        self._cancel.record = self._cancel.record.model_copy(update=values)
        self._record.set_cancellation(self._cancel.record)

    def _close_steps(self, verdict: Verdict) -> None:
        """Give the steps that run no more a status that is true."""
        cancelled = verdict.status is ExecutionStatus.CANCELLED
        status = StepStatus.CANCELLED if cancelled else StepStatus.FAILED
        closed = self._record.close_running(status, None if cancelled else verdict.error)
        self._progress.cancelled += closed
        self._progress.running.clear()

    def _ended_in_time(self, end: LegEnd) -> bool:
        return end.stop is not None and self._progress.ended(end.stop.step_id)

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
            error = _timeout_text(end)
            self._progress.fail_attempt(stop.step_id, change.attempt, error)
        self._record.set_step_cancellation(stop.step_id, _step_record(end))
        text = "the step's runner was not proved clean and was replaced"
        if end.settled is not None and end.settled.unclean:
            text += f": {', '.join(end.settled.unclean)}"
        self._record.log(Logged(step_id=stop.step_id, level="warning", message=text))

    def _cancel_inner(self, step_id: str) -> None:
        for inner in list(self._progress.running):
            if inner.startswith(f"{step_id}/"):
                change = self._progress.running[inner]
                values = {"status": StepStatus.CANCELLED, "at": utc_now()}
                self._on_step(change.model_copy(update=values))

    def _apply_loss(self, end: LegEnd) -> Verdict | None:
        """Note that a runner ended by itself: the attempt that ran has failed."""
        text = _loss_text(end, late=self._ended_in_time(end))
        step_id = self.step_id
        if step_id is None:
            return Verdict(ExecutionStatus.FAILED, f"{text}; no step was running")
        change = self._progress.running[step_id]
        # A step that waits for its next attempt has its error already.
        self._progress.fail_attempt(step_id, change.attempt, change.error or text)
        self._record.log(Logged(step_id=step_id, level="error", message=text))
        return None

    async def _clean_up(self) -> None:
        """Run the on_cancel steps of the playbooks that the cancel stopped."""
        prefixes = self._clean_up_prefixes()
        if not prefixes or self._clean_up_ended.is_set():
            return
        assert self._cancel is not None
        limit = self._job.program.main.on_cancel_timeout
        if self._cancel.record.source is CancelSource.SHUTDOWN:
            limit = min(limit, ON_CANCEL_AT_SHUTDOWN_S)
        self._cleaning_up = True
        timer = asyncio.get_running_loop().call_later(limit, self._end_clean_up)
        try:
            verdict = await self._run_legs(prefixes)
        finally:
            timer.cancel()
            self._cleaning_up = False
        self._set_cancellation({"on_cancel": self._on_cancel_results(prefixes, verdict)})

    def _end_clean_up(self) -> None:
        self._clean_up_ended.set()
        if self._leg is not None:
            self._leg.cancel(CancelSource.TIMEOUT, None, time.monotonic())

    def _clean_up_prefixes(self) -> tuple[str, ...]:
        if not self._progress.started:
            return ()
        prefixes = self._progress.prefixes()
        return tuple(prefix for prefix in prefixes if self._playbook(prefix).on_cancel)

    def _playbook(self, prefix: str) -> Playbook:
        program = self._job.program
        return program.nested[self._progress.path(prefix)] if prefix else program.main

    def _on_cancel_results(
        self, prefixes: tuple[str, ...], verdict: Verdict
    ) -> tuple[OnCancelResult, ...]:
        results = []
        for prefix in prefixes:
            for step in self._playbook(prefix).on_cancel:
                view = self._record.steps.get(f"{prefix}on_cancel/{step.id}")
                status = view.status if view else StepStatus.PENDING
                error = view.error if view else None
                if status is StepStatus.PENDING and verdict.error:
                    error = f"not run: {verdict.error}"
                results.append(
                    OnCancelResult(
                        step_id=f"{prefix}on_cancel/{step.id}", status=status, error=error
                    )
                )
        return tuple(results)

    # What the leg tells.

    def on_event(self, envelope: Envelope) -> None:
        """Take note of a message from the runner."""
        match envelope.body:
            case StepChanged() as change:
                if change.status is StepStatus.CANCELLED and self._cancel is not None:
                    self._cancel.stopped_t = envelope.t
                self._on_step(change)
            case ScopeOpened() as scope:
                self._on_scope(scope)
            case VariableSet() as variable:
                self._progress.on_variable(variable)
            case Logged() as line:
                self._record.log(line)
            case Progressed() as progress:
                self._record.progress(progress)
            case PauseChanged() as pause:
                self._on_pause(pause.paused)
            case LogsDropped() as dropped:
                text = f"{dropped.count} log lines were dropped: the step logs faster than is read"
                self._record.log(Logged(step_id=self.step_id, level="warning", message=text))
            case _:
                logger.error("a runner said %s", envelope.body.kind)

    def on_output(self, stream: str, data: bytes) -> None:
        """Take note of what a step wrote to the runner's stdout or stderr."""
        self._output.feed(stream, data)

    def on_stopped(self, end: LegEnd) -> None:
        """Take note of a step that was stopped and whose runner goes on."""
        assert end.stop is not None
        self._record.set_step_cancellation(end.stop.step_id, _step_record(end))

    def _on_step(self, change: StepChanged) -> None:
        self._progress.on_step(change)
        self._output.set_step(self.step_id)
        output = from_wire(change.output) if change.output is not None else None
        self._record.step(change.model_copy(update={"output": output}))

    def _on_scope(self, scope: ScopeOpened) -> None:
        self._progress.on_scope(scope)
        if scope.prefix and not scope.resumed:
            nested = self._job.program.nested[scope.path]
            self._record.add_nested(scope.prefix, nested.steps)


def _timeout_text(end: LegEnd) -> str:
    assert end.stop is not None
    if end.settled is not None and end.settled.error:
        return end.settled.error
    return f"the step took longer than its timeout and had to be killed{_where(end)}"


def _where(end: LegEnd) -> str:
    return f"; it was stuck at {end.stuck_at}" if end.stuck_at else ""


def _loss_text(end: LegEnd, *, late: bool) -> str:
    if late and end.stop is not None:
        return (
            f"the runner was ended because step {end.stop.step_id!r} seemed to overrun; it had "
            "ended in time, but the machine was too busy to notice"
        )
    if end.error is not None and end.exit_code in (None, -signal.SIGKILL):
        return end.error.message
    code = end.exit_code
    if code is not None and code < 0:
        return f"the runner was ended by signal {signal.Signals(-code).name} during this step"
    return f"the runner ended by itself with exit code {code} during this step"


def _step_record(end: LegEnd) -> CancellationRecord:
    stop = end.stop
    assert stop is not None
    record = CancellationRecord(
        requested_at=utc_now() - timedelta(seconds=time.monotonic() - stop.t),
        requested_by=stop.requested_by,
        source=stop.source,
        step_id=stop.step_id,
    )
    polite = end.settled is not None and end.settled.ended
    return figures(record, end, t=stop.t, stopped_t=end.settled_t if polite else None)
