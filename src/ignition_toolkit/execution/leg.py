"""One runner's part in an execution: what it is told, what it says, and how it ends."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from ignition_toolkit.errors import ProtocolError
from ignition_toolkit.execution.janitor_link import Ended, JanitorLink
from ignition_toolkit.execution.runner_process import RunnerProcess
from ignition_toolkit.playbook.events import (
    ProcessKilled,
    Settled,
    StepChanged,
    StuckSeen,
)
from ignition_toolkit.playbook.models import CancelSource, StepStatus
from ignition_toolkit.playbook.stuck_trace import stuck_place
from ignition_toolkit.protocol import (
    Cancel,
    Continue,
    Done,
    Envelope,
    Pause,
    Proceed,
    Skip,
    Start,
)

#: Seconds after a stop at which the runner is asked where it stands, and is ended.
ASK_AFTER_S = 0.15
GRACE_S = 0.25
#: Bytes of `faulthandler`'s text that are read.
_TRACE_BYTES = 200_000


class Cause(Enum):
    """Why a leg is over."""

    #: The runner said so.
    DONE = "done"
    #: A step was stopped, and the runner is not fit to go on.
    UNFIT = "unfit"
    #: The runner ended by itself, or its event stream did.
    LOST = "lost"
    #: The janitor ended it because of a cancel.
    ENDED = "ended"


@dataclass
class Stop:
    """A step that is being stopped by a timeout or a skip."""

    source: CancelSource
    step_id: str
    attempt: int
    #: Monotonic second of the stop.
    t: float
    requested_by: str | None = None


@dataclass
class LegEnd:
    """How a leg ended, and what is known of what was stopped."""

    cause: Cause
    ended: Ended
    done: Done | None = None
    #: Monotonic second at which the runner said so.
    done_t: float | None = None
    stop: Stop | None = None
    settled: Settled | None = None
    settled_t: float | None = None
    error: ProtocolError | None = None
    exit_code: int | None = None
    stuck_at: str | None = None
    own_kills: list[ProcessKilled] = field(default_factory=list)


class LegListener(Protocol):
    """Who follows a leg."""

    def on_event(self, envelope: Envelope) -> None:
        """Take note of a message that is not the leg's own."""

    def on_output(self, stream: str, data: bytes) -> None:
        """Take note of what a step wrote to the runner's stdout or stderr."""

    def on_stopped(self, end: LegEnd) -> None:
        """Take note of a step that was stopped and whose runner goes on."""


class Leg:
    """Follows one runner from its start command to the verified end of its tree."""

    def __init__(self, runner: RunnerProcess, janitor: JanitorLink, listener: LegListener) -> None:
        self._runner = runner
        self._janitor = janitor
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._attempts: dict[str, int] = {}
        self._cancelled = False
        self._end: asyncio.Future[Ended | None] | None = None
        self._stop: Stop | None = None
        self._done: Done | None = None
        self._done_t: float | None = None
        self._settled: Settled | None = None
        self._settled_t: float | None = None
        self._error: ProtocolError | None = None
        self._stuck_at: str | None = None
        self._own_kills: list[ProcessKilled] = []

    @property
    def innermost(self) -> str | None:
        """Id of the innermost running step."""
        return next(reversed(self._attempts), None)

    async def run(self, start: Start) -> LegEnd:
        """Send the start command and return when the runner's tree is gone.

        Cancellation: not to be cancelled; `cancel` ends it.
        """
        self._runner.on_message = self._on_message
        self._runner.on_output = self._listener.on_output
        self._runner.on_broken = self._on_broken
        self._runner.send(start)
        watch = asyncio.create_task(self._runner.ended.wait())
        watch.add_done_callback(lambda _: self._over.set())
        await self._over.wait()
        watch.cancel()
        for timer in self._timers.values():
            timer.cancel()
        return await self._wind_up()

    async def _wind_up(self) -> LegEnd:
        # A process that is gone before anybody ended it has ended by itself, stream and all.
        error = None if self._runner.ended.is_set() else self._error
        # Also after a polite end: threads and children outlive an acknowledged cancel.
        ended = await self._janitor.end(self._runner.token, at=time.monotonic())
        while ended is None:
            ended = await self._janitor.end(self._runner.token, at=time.monotonic())
        if not ended.leftovers:
            await self._runner.ended.wait()
        return LegEnd(
            cause=self._cause(),
            ended=ended,
            done=self._done,
            done_t=self._done_t,
            stop=self._stop,
            settled=self._settled,
            settled_t=self._settled_t,
            error=error,
            exit_code=self._runner.exit_code,
            stuck_at=self._place(),
            own_kills=self._own_kills,
        )

    def _cause(self) -> Cause:
        # Not told by which news came first: a killed runner's end is seen before the janitor's
        # answer.
        if self._done is not None:
            return Cause.DONE
        if self._cancelled:
            return Cause.ENDED
        return Cause.LOST if self._stop is None else Cause.UNFIT

    def cancel(self, source: CancelSource, requested_by: str | None, t: float) -> None:
        """Tell the janitor first, then the runner; `t` is the second of the request."""
        self._cancelled = True
        self._end_at(t)
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

    def skip(self, requested_by: str | None) -> None:
        """Skip the innermost running step, or the next one when none runs."""
        step_id = self.innermost
        if step_id is not None:
            self._stop_step(CancelSource.SKIP, step_id, requested_by)
        self._runner.send(Skip(step_id=step_id))

    def _stop_step(self, source: CancelSource, step_id: str, by: str | None = None) -> None:
        if self._cancelled or (self._stop is not None and self._settled is None):
            return
        now = time.monotonic()
        self._stop = Stop(source, step_id, self._attempts.get(step_id, 0), now, by)
        self._settled = None
        self._own_kills, self._stuck_at = [], None
        self._end_at(now)

    def _end_at(self, t: float, grace_s: float = GRACE_S) -> None:
        ask_at = t + ASK_AFTER_S if grace_s else None
        end = self._janitor.end(self._runner.token, at=t + grace_s, ask_at=ask_at)
        if end is not self._end:
            self._end = end
            end.add_done_callback(self._on_ended)

    def _on_ended(self, end: asyncio.Future[Ended | None]) -> None:
        if self._end is end:
            self._end = None
        if end.cancelled():
            return
        if end.result() is None:
            self._on_spared()
        else:
            self._over.set()

    def _on_spared(self) -> None:
        if self._settled is not None and not self._settled.missed and not self._cancelled:
            end = LegEnd(
                cause=Cause.DONE,
                ended=Ended(self._runner.token, 0.0, self._settled_t or 0.0),
                stop=self._stop,
                settled=self._settled,
                settled_t=self._settled_t,
                stuck_at=self._stuck_at,
                own_kills=self._own_kills,
            )
            self._listener.on_stopped(end)
            self._runner.send(Proceed())
        self._stop = None

    def _on_message(self, envelope: Envelope) -> None:
        body = envelope.body
        if isinstance(body, Done):
            self._done, self._done_t = body, envelope.t
            self._over.set()
        elif isinstance(body, Settled):
            self._on_settled(body, envelope.t)
        elif isinstance(body, StuckSeen):
            self._stuck_at = body.stuck_at
        elif isinstance(body, ProcessKilled):
            self._own_kills.append(body)
            self._stuck_at = body.stuck_at or self._stuck_at
        else:
            if isinstance(body, StepChanged):
                self._follow(body)
            self._listener.on_event(envelope)

    def _on_settled(self, settled: Settled, t: float) -> None:
        self._settled, self._settled_t = settled, t
        if self._cancelled:
            return
        if timer := self._timers.pop(settled.step_id, None):
            timer.cancel()
        if self._stop is None and not settled.missed:
            # The runner's clock was a moment quicker than ours.
            self._stop = Stop(settled.source, settled.step_id, settled.attempt, t)
        if not settled.clean:
            self._end_at(time.monotonic(), 0.0)
        elif self._end is not None:
            self._janitor.spare(self._runner.token)
        else:
            self._on_spared()

    def _follow(self, step: StepChanged) -> None:
        if timer := self._timers.pop(step.step_id, None):
            timer.cancel()
        if step.status is StepStatus.RUNNING:
            self._attempts[step.step_id] = step.attempt
            if step.deadline is not None:
                self._timers[step.step_id] = self._loop.call_at(
                    step.deadline, self._stop_step, CancelSource.TIMEOUT, step.step_id
                )
            return
        self._attempts.pop(step.step_id, None)
        if self._stop is not None and self._stop.step_id == step.step_id and not self._cancelled:
            # The step ended in time after all; its runner must not be ended for it.
            self._janitor.spare(self._runner.token)

    def _on_broken(self, error: ProtocolError) -> None:
        if not self._runner.ended.is_set():
            self._error = error
        # The end of the process follows within a moment when it was that; its exit code is the
        # better answer.
        self._loop.call_later(0.02, self._over.set)

    def _place(self) -> str | None:
        if self._stuck_at is not None:
            return self._stuck_at
        try:
            with (self._runner.folder / "stuck.txt").open(encoding="utf-8", errors="replace") as f:
                return stuck_place(f.read(_TRACE_BYTES))
        except OSError:
            return None
