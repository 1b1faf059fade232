"""One runner's part in an execution: what it is told, what it says, and how it ends."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Protocol

from ignition_toolkit.errors import ProtocolError
from ignition_toolkit.execution.janitor_answers import Ended
from ignition_toolkit.execution.janitor_link import JanitorLink
from ignition_toolkit.execution.leg_end import Cause, LegEnd, Stop, StopState
from ignition_toolkit.execution.open_requests import Requests
from ignition_toolkit.execution.runner_process import RunnerProcess
from ignition_toolkit.execution.stuck_file import read_stuck_place
from ignition_toolkit.execution.waiting import happens
from ignition_toolkit.playbook.events import (
    ProcessKilled,
    RequestAnnounced,
    RequestAnswered,
    Settled,
    StepChanged,
    StuckSeen,
)
from ignition_toolkit.playbook.models import CancelSource, StepStatus
from ignition_toolkit.protocol import (
    Cancel,
    Continue,
    Done,
    Envelope,
    Pause,
    Proceed,
    Skip,
    Start,
    Watch,
)

#: Seconds after a stop at which the runner is asked where it stands, and is ended.
ASK_AFTER_S = 0.15
GRACE_S = 0.25
#: Seconds that a runner whose event stream has ended has to end: its exit code tells more.
LAST_S = 0.05
#: Seconds that an ended runner has to be seen to have ended.
GONE_S = 1.0


class LegListener(Protocol):
    """Who follows a leg."""

    def on_event(self, envelope: Envelope) -> None:
        """Take note of a message that is not the leg's own."""

    def on_output(self, stream: str, data: bytes) -> None:
        """Take note of what a step wrote to the runner's stdout or stderr."""

    def on_stopped(self, stopped: LegEnd) -> None:
        """Take note of a step that was stopped and whose runner goes on."""


class Leg:
    """Follows one runner from its start command to the verified end of its tree.

    A step that is to be stopped alone (a timeout, a skip) is stopped by the runner itself. The
    janitor is told to end the runner's tree if that does not succeed within the grace, and the
    end is taken back when it did. One stop is under way at a time; a deadline that passes in the
    meantime is acted on after it.
    """

    def __init__(self, runner: RunnerProcess, janitor: JanitorLink, listener: LegListener) -> None:
        self._runner = runner
        self._janitor = janitor
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self._attempts: dict[str, int] = {}
        self._deadlines: dict[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._skips: dict[str, str | None] = {}
        self._requests = Requests()
        self._state = StopState()
        self._end: asyncio.Future[Ended | None] | None = None
        self._cancelled = False
        self._done: Done | None = None
        self._done_t: float | None = None
        self._error: ProtocolError | None = None

    @property
    def innermost(self) -> str | None:
        """Id of the innermost running step."""
        return next(reversed(self._attempts), None)

    async def run(self, start: Start) -> LegEnd:
        """Send the start command and return when the runner's tree is gone.

        Cancellation: not to be cancelled; `cancel` ends it.
        """
        self._runner.listen(self)
        self._runner.send(start)
        await self._over.wait()
        self._deadlines.clear()
        self._arm()
        problem = await self._hand_over(start)
        return replace(await self._wind_up(), hand_over_problem=problem)

    async def _hand_over(self, start: Start) -> str | None:
        """Have what a person gets left alone, before the end of the tree, which would be theirs."""
        # An execution that is cancelled leaves nothing to anybody, whatever cleans up after it.
        if self._done is None or not self._done.handed_over or start.on_cancel is not None:
            return None
        return await self._janitor.hand_over(start.execution_id, self._done.handed_over)

    async def _wind_up(self) -> LegEnd:
        # Also after a polite end: threads and children outlive an acknowledged cancel. A tree that
        # was ended already is not ended again, which would tell nothing of what was killed.
        ended = self._end.result() if self._end is not None and self._end.done() else None
        while ended is None:
            # Not with the first answer when a stop was being taken back just now.
            ended = await self._janitor.end(self._runner.token, at=time.monotonic())
        await happens(self._runner.ended, GONE_S)
        end = LegEnd(
            **vars(self._told()),
            cause=self._cause(),
            ended=ended,
            done=self._done,
            done_t=self._done_t,
            exit_code=self._runner.exit_code,
        )
        if not end.runner_was_killed:
            return end
        # What it had not told itself, it may have written when it was asked.
        place = end.stuck_at or await self._loop.run_in_executor(
            None, read_stuck_place, self._runner.folder
        )
        return replace(end, error=self._error, stuck_at=place)

    def _cause(self) -> Cause:
        # Not told by which news came first: a killed runner's end is seen before the janitor's
        # answer.
        if self._done is not None:
            return Cause.DONE
        if self._cancelled:
            return Cause.ENDED
        return Cause.LOST if self._state.stop is None else Cause.UNFIT

    # What it is told.

    def cancel(self, t: float) -> None:
        """Tell the janitor; `t` is the second of the request. The runner is to be told next."""
        self._cancelled = True
        self._end_at(t)

    def say_cancel(self, source: CancelSource, requested_by: str | None) -> None:
        """Tell the runner of a cancel that the janitor knows of."""
        self._runner.send(Cancel(source=source, requested_by=requested_by))

    def end_now(self) -> None:
        """End the runner's tree without a grace."""
        self._cancelled = True
        self._end_at(time.monotonic(), 0.0)

    def pause(self) -> None:
        """Pause after the current step."""
        self._runner.send(Pause())

    def resume(self) -> None:
        """Go on after a pause."""
        self._runner.send(Continue())

    def watch(self, watched: bool) -> None:
        """Tell the runner that somebody watches, or that nobody does any more."""
        self._runner.send(Watch(watched=watched))

    def skip(self, requested_by: str | None) -> None:
        """Skip the innermost running step, or the next one when none runs."""
        step_id = self.innermost
        if step_id is not None:
            self._skips[step_id] = requested_by
            self._stop_step(CancelSource.SKIP, step_id, time.monotonic())
        self._runner.send(Skip(step_id=step_id))

    # Stopping a step alone.

    def _arm(self) -> None:
        """Set the timer to the next deadline that is to be acted on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._deadlines and self._state.stop is None and not self._cancelled:
            self._timer = self._loop.call_at(min(self._deadlines.values()), self._on_deadline)

    def _on_deadline(self) -> None:
        self._timer = None
        now = self._loop.time()
        late = [step for step, until in self._deadlines.items() if until <= now]
        if late:
            # The outermost first: its end is the others' too.
            step_id = min(late, key=lambda step: step.count("/"))
            self._stop_step(CancelSource.TIMEOUT, step_id, self._deadlines[step_id])
        else:
            self._arm()

    def _stop_step(self, source: CancelSource, step_id: str, t: float) -> None:
        if self._cancelled or self._state.stop is not None:
            return
        by = self._skips.get(step_id) if source is CancelSource.SKIP else None
        stop = Stop(source, step_id, self._attempts.get(step_id, 0), t, by)
        self._state = StopState(stop=stop)
        self._end_at(time.monotonic())

    def _end_at(self, t: float, grace_s: float = GRACE_S) -> None:
        ask_at = t + ASK_AFTER_S if grace_s else None
        end = self._janitor.end(self._runner.token, at=t + grace_s, ask_at=ask_at)
        if end is not self._end:
            self._end = end
            end.add_done_callback(self._on_end_answered)

    def _on_end_answered(self, end: asyncio.Future[Ended | None]) -> None:
        if end.cancelled():
            return
        if end.result() is not None:
            self._over.set()
            return
        if self._end is end:
            self._end = None
        self._on_spared()

    def _take_back(self) -> None:
        if self._cancelled:
            return
        if self._end is not None:
            self._janitor.spare(self._runner.token)
        else:
            self._on_spared()

    def _on_spared(self) -> None:
        """Nothing will end the runner any more: the stop is over, and the run goes on."""
        if self._cancelled:
            return
        if self._state.settled is not None:
            gone = Ended(self._runner.token, 0.0, self._state.settled_t or 0.0)
            self._listener.on_stopped(LegEnd(**vars(self._told()), cause=Cause.DONE, ended=gone))
            self._requests.forget(self._state.settled.step_id)
            self._runner.send(Proceed())
        self._state = StopState()
        self._arm()

    def _told(self) -> StopState:
        return replace(self._state, in_flight=self._requests.open)

    def _on_settled(self, settled: Settled, t: float) -> None:
        stop = self._state.stop
        if settled.missed:
            # An earlier skip of the same step may have found the runner unfit: that stands.
            if stop is not None and stop.is_for(settled) and self._state.settled is None:
                self._take_back()
            return
        if stop is None or not stop.is_for(settled):
            # The runner's clock was a moment quicker than ours, or an outer step's stop has taken
            # this one with it.
            stop = self._unasked(settled, t)
        self._state = replace(self._state, stop=stop, settled=settled, settled_t=t)
        self._deadlines.pop(settled.step_id, None)
        if settled.clean:
            self._take_back()
        elif not self._cancelled:
            self._end_at(time.monotonic(), 0.0)

    def _unasked(self, settled: Settled, t: float) -> Stop:
        is_timeout = settled.source is CancelSource.TIMEOUT
        since = self._deadlines.get(settled.step_id, t) if is_timeout else t
        by = None if is_timeout else self._skips.get(settled.step_id)
        return Stop(settled.source, settled.step_id, settled.attempt, min(since, t), by)

    # What the runner says.

    def on_message(self, envelope: Envelope) -> None:
        """Act on a message, or hand it on."""
        match envelope.body:
            case Done() as done:
                self._done, self._done_t = done, envelope.t
                self._over.set()
            case Settled() as settled:
                self._on_settled(settled, envelope.t)
            case RequestAnnounced() | RequestAnswered() as request:
                self._requests.on_event(request)
            case StuckSeen() as seen:
                self._state = replace(self._state, stuck_at=seen.stuck_at)
            case ProcessKilled() as kill:
                kills = (*self._state.own_kills, kill)
                place = kill.stuck_at or self._state.stuck_at
                self._state = replace(self._state, own_kills=kills, stuck_at=place)
            case StepChanged() as change:
                if change.status is not StepStatus.RUNNING:
                    self._runner.drain_output()
                self._follow(change)
                self._listener.on_event(envelope)
            case _:
                self._listener.on_event(envelope)

    def _follow(self, step: StepChanged) -> None:
        self._deadlines.pop(step.step_id, None)
        if step.status is StepStatus.RUNNING:
            self._attempts[step.step_id] = step.attempt
            if step.deadline is not None:
                self._deadlines[step.step_id] = step.deadline
        else:
            self._attempts.pop(step.step_id, None)
            self._skips.pop(step.step_id, None)
            if step.status is not StepStatus.CANCELLED:
                self._requests.forget(step.step_id)
        stop = self._state.stop
        if stop is not None and stop.step_id == step.step_id and self._state.settled is None:
            self._on_stopped_step_changed(stop, step)
        self._arm()

    def _on_stopped_step_changed(self, stop: Stop, step: StepChanged) -> None:
        """The step that is being stopped was not stopped: it ended, or its clock stands still.

        A skip of a step that begins its next attempt still stands.
        """
        if step.status is not StepStatus.RUNNING or stop.source is CancelSource.TIMEOUT:
            self._take_back()

    def on_output(self, stream: str, data: bytes) -> None:
        """Hand on what a step wrote."""
        self._listener.on_output(stream, data)

    def on_broken(self, error: ProtocolError) -> None:
        """The leg is over, also when the process lives."""
        self._error = error
        self._loop.call_later(LAST_S, self._over.set)

    def on_ended(self) -> None:
        """The leg is over."""
        self._over.set()
