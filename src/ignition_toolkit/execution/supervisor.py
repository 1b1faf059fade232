"""Supervises one execution: runner after runner until there is a verdict, then the clean-up."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

# Any: of the tasks that are waited for only their end matters.
from typing import Any

from ignition_toolkit.execution import on_cancel
from ignition_toolkit.execution.janitor_link import JanitorLink
from ignition_toolkit.execution.job import Job
from ignition_toolkit.execution.leg import Leg
from ignition_toolkit.execution.leg_end import LegEnd
from ignition_toolkit.execution.live_view import LiveView
from ignition_toolkit.execution.losses import Losses
from ignition_toolkit.execution.pool import RunnerPool
from ignition_toolkit.execution.record import ExecutionRecord
from ignition_toolkit.execution.requests import CancelRequest
from ignition_toolkit.execution.run_state import RunState
from ignition_toolkit.execution.runner_process import RunnerProcess
from ignition_toolkit.execution.verdict import Verdict, decide, figures
from ignition_toolkit.execution.views import WaitingFor
from ignition_toolkit.playbook.events import Logged
from ignition_toolkit.playbook.json_values import to_wire
from ignition_toolkit.playbook.models import (
    CancellationRecord,
    CancelOutcome,
    CancelSource,
    ExecutionStatus,
    Playbook,
    utc_now,
)
from ignition_toolkit.protocol import Start

logger = logging.getLogger(__name__)

#: Seconds without any runner coming up after which a run that waits for one fails. While others
#: get theirs it is only a matter of its turn.
NO_RUNNER_S = 60.0
#: Seconds after which it says that it waits for one.
SAY_WAITING_S = 0.5
#: Seconds for which the final status waits for the last picture of the page to be written.
KEEP_PICTURE_S = 1.0
#: Milliseconds from a cancel to the end of the tree that are promised.
PROMISE_MS = 500.0

#: Prefixes of the playbooks whose on_cancel steps are run; None for the main steps.
Prefixes = tuple[str, ...] | None


class Supervision:
    """One execution under supervision. To be used from the supervision loop only.

    Args:
        job: what to run.
        record: where its state is kept and stored.
        on_pause: told when the run stands still, and when it goes on.
        losses: what the steps cost beside their work is counted there.
    """

    def __init__(
        self,
        job: Job,
        record: ExecutionRecord,
        pool: RunnerPool,
        janitor: JanitorLink,
        on_pause: Callable[[bool], None],
        losses: Losses | None = None,
    ) -> None:
        self._job = job
        self._record = record
        self._pool = pool
        self._janitor = janitor
        #: What people see of the execution's page.
        self.live_view = LiveView(self._say_watched)
        self._state = RunState(job, record, on_pause, losses or Losses(), self.live_view)
        self._leg: Leg | None = None
        self._request: CancelRequest | None = None
        self._cancel_seen = asyncio.Event()
        self._cancellation: CancellationRecord | None = None
        self._clean_up = on_cancel.CleanUp(self._end_clean_up)
        self._paused = False

    @property
    def cancellation(self) -> CancellationRecord | None:
        """The record of the cancel, once one was asked for."""
        return self._cancellation

    @property
    def step_id(self) -> str | None:
        """Id of the innermost running step."""
        return self._state.step_id

    # What is asked of it.

    def cancel(self, request: CancelRequest) -> None:
        """Cancel the run, or its on_cancel steps when those run already.

        The janitor is told at once. The runner is told by `say_cancel`: of many runs that are
        cancelled together, the first ones' runners would take the processor from whoever tells
        the janitor of the others.
        """
        is_shutdown = request.record.source is CancelSource.SHUTDOWN
        if is_shutdown:
            self._clean_up.shorten()
        if self._clean_up.is_running:
            if not is_shutdown:
                self._clean_up.end("a second cancel ended the on_cancel steps")
            return
        self.live_view.end()
        if self._request is None:
            self._request = request
            running = {"step_id": self._state.step_id}
            self._cancellation = request.record.model_copy(update=running)
        self._cancel_seen.set()
        if self._leg is not None:
            self._leg.cancel(request.t)

    def say_cancel(self, request: CancelRequest) -> None:
        """Tell the runner of the cancel that the janitor was told of; on_cancel steps have been."""
        if self._leg is not None and not self._clean_up.is_running:
            self._leg.say_cancel(request.record.source, request.record.requested_by)

    def end_now(self) -> None:
        """End what is being cancelled without a grace, and run no on_cancel steps."""
        if self._request is None:
            return
        self._clean_up.end("the execution was killed at once")
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

    def _say_watched(self, watched: bool) -> None:
        if self._leg is not None:
            self._leg.watch(watched)

    # The run.

    async def run(self) -> Verdict:
        """Run to the verdict; after a verified stop run the on_cancel steps too."""
        verdict = await self._run_legs(None)
        if self._request is not None and verdict.status is ExecutionStatus.CANCELLED:
            return await self._run_clean_up(verdict)
        if self._request is None:
            return verdict
        if verdict.outcome is not CancelOutcome.NOT_STOPPED and self._cancellation is not None:
            # Written together with the final status: alone it would look like a cancelled run.
            late = {"outcome": CancelOutcome.TOO_LATE}
            self._cancellation = self._cancellation.model_copy(update=late)
        return verdict

    async def keep_picture(self) -> None:
        """Keep the last picture of the page as a file, within KEEP_PICTURE_S."""
        self.live_view.end()
        keeping = asyncio.create_task(self.live_view.keep(self._job.artifacts))
        await asyncio.wait({keeping}, timeout=KEEP_PICTURE_S)
        problem = keeping.result() if keeping.done() else "the disk did not take it in time"
        if problem is not None:
            text = f"the last picture of the live view was not kept: {problem}"
            self._record.log(Logged(level="warning", message=text))

    async def _run_legs(self, prefixes: Prefixes) -> Verdict:
        while True:
            stop = self._cancel_seen if prefixes is None else self._clean_up.ended
            runner = await self._take_runner(stop)
            if runner is None:
                return self._stop_without_runner() if stop.is_set() else self._fail_for_runner()
            try:
                end = await self._run_leg(runner, prefixes)
                verdict = self._judge(end, prefixes)
            except BaseException:
                await self._pool.discard(runner)
                raise
            await self._pool.clean_up(runner)
            if verdict is not None:
                return verdict

    async def _take_runner(self, stop: asyncio.Event) -> RunnerProcess | None:
        """Return a runner, None when it has to stop before there is one, or none comes up."""
        take = asyncio.create_task(self._pool.take())
        stopped = asyncio.create_task(stop.wait())
        say = asyncio.get_running_loop().call_later(SAY_WAITING_S, self._say_waiting)
        try:
            await self._first_of(take, stopped)
        finally:
            say.cancel()
            stopped.cancel()
        self._record.set_waiting_for(None)
        if take.done() and not stop.is_set():
            return take.result()
        # One that is being handed out at this moment goes back by itself.
        if not take.cancel():
            self._pool.give_back(take.result())
        return None

    async def _first_of(self, *tasks: asyncio.Task[Any]) -> None:
        loop = asyncio.get_running_loop()
        begun, done = loop.time(), False
        while not done:
            left = max(begun, self._pool.last_start_t) + NO_RUNNER_S - loop.time()
            if left <= 0:
                return
            first = asyncio.FIRST_COMPLETED
            done = bool((await asyncio.wait(tasks, timeout=left, return_when=first))[0])

    def _say_waiting(self) -> None:
        name = "that is being started"
        self._record.set_waiting_for(WaitingFor(kind="runner", name=name, since=utc_now()))

    def _fail_for_runner(self) -> Verdict:
        why = self._pool.problem or "the machine is too busy to start one"
        text = f"no runner came up within {NO_RUNNER_S:g} s: {why}"
        verdict = Verdict(ExecutionStatus.FAILED, text)
        self._state.close_steps(verdict)
        return verdict

    def _stop_without_runner(self) -> Verdict:
        if self._request is not None and self._cancellation and not self._cancellation.outcome:
            outcome = CancelOutcome.COOPERATIVE
            ms = round((time.monotonic() - self._request.t) * 1000, 1)
            self._set_cancellation({"outcome": outcome, "step_stopped_ms": ms, "tree_gone_ms": ms})
        verdict = Verdict(ExecutionStatus.CANCELLED, None, CancelOutcome.COOPERATIVE)
        self._state.close_steps(verdict)
        return verdict

    async def _run_leg(self, runner: RunnerProcess, prefixes: Prefixes) -> LegEnd:
        start = Start(
            execution_id=self._record.execution_id,
            program=self._job.program,
            parameters=to_wire(self._job.parameters),
            credentials=to_wire(self._job.credentials),
            gateways=self._job.gateways,
            resume=self._state.resume(time.monotonic()),
            modules=self._job.modules,
            artifacts=str(self._job.artifacts),
            on_cancel=prefixes,
            paused=self._paused and prefixes is None,
            watched=self.live_view.watched,
        )
        self._leg = Leg(runner, self._janitor, self._state)
        try:
            return await self._leg.run(start)
        finally:
            self._leg = None
            self._state.flush_output()

    # What its end means.

    def _judge(self, end: LegEnd, prefixes: Prefixes) -> Verdict | None:
        """Return the verdict, None when a fresh runner is to go on."""
        is_main = prefixes is None
        cancelled = self._request is not None if is_main else self._clean_up.ended.is_set()
        verdict = decide(end, cancelled=cancelled) or self._state.go_on(end)
        if verdict is None:
            return None
        self._state.close_steps(verdict)
        if is_main:
            self._state.note_handed_over(end)
            self._note_stop(end, verdict)
        elif end.ended.leftovers:
            self._note_leftovers(end)
        return verdict

    # The record of the cancel.

    def _note_stop(self, end: LegEnd, verdict: Verdict) -> None:
        request, record = self._request, self._cancellation
        if request is None or record is None or verdict.outcome is CancelOutcome.TOO_LATE:
            return
        stopped_t = None
        if end.done is not None and end.done.ended:
            said = [t for t in (self._state.cancelled_t, end.done_t) if t and t >= request.t]
            stopped_t = min(said, default=request.t)
        self._show(figures(record, end, t=request.t, stopped_t=stopped_t))

    def _show(self, record: CancellationRecord) -> None:
        self._cancellation = record
        self._record.set_cancellation(record)
        if record.tree_gone_ms is None or record.tree_gone_ms > PROMISE_MS:
            logger.error(
                "execution %s: the promise was missed, its tree was gone after %s ms",
                self._record.execution_id, record.tree_gone_ms,
                extra={"action": "promise_missed", "execution_id": self._record.execution_id},
            )  # fmt: skip

    def _note_leftovers(self, end: LegEnd) -> None:
        known = self._cancellation.leftovers if self._cancellation else ()
        leftovers = (*known, *end.ended.leftovers)
        self._set_cancellation({"outcome": CancelOutcome.NOT_STOPPED, "leftovers": leftovers})

    def _set_cancellation(self, values: dict[str, object]) -> None:
        assert self._cancellation is not None
        self._cancellation = self._cancellation.model_copy(update=values)
        self._record.set_cancellation(self._cancellation)

    # The on_cancel steps.

    async def _run_clean_up(self, stopped: Verdict) -> Verdict:
        """Run the on_cancel steps of the playbooks that the cancel stopped."""
        playbooks = self._state.playbooks_to_clean_up()
        if not playbooks:
            return stopped
        self._say_clean_up(playbooks, self._clean_up.why or None)
        if self._clean_up.ended.is_set():
            return stopped
        self._clean_up.begin(self._job.program.main.on_cancel_timeout)
        try:
            verdict = await self._run_legs(tuple(playbooks))
        finally:
            self._clean_up.stop()
        self._say_clean_up(playbooks, self._clean_up.why or verdict.error)
        return verdict if verdict.outcome is CancelOutcome.NOT_STOPPED else stopped

    def _end_clean_up(self) -> None:
        if self._leg is not None and self._clean_up.is_running:
            self._leg.cancel(time.monotonic())
            self._leg.say_cancel(CancelSource.TIMEOUT, None)

    def _say_clean_up(self, playbooks: dict[str, Playbook], why_not: str | None) -> None:
        said = on_cancel.results(playbooks, self._record.steps, why_not)
        self._set_cancellation({"on_cancel": said})
