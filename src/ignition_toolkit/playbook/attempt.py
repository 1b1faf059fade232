"""One attempt of one step: its task, its clock, and how it is stopped."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ignition_toolkit.playbook.cancellation import CancelReason, abandon
from ignition_toolkit.playbook.context import AttemptContext
from ignition_toolkit.playbook.engine_host import EngineHost
from ignition_toolkit.playbook.events import StepChanged, StuckSeen
from ignition_toolkit.playbook.handler_call import (
    call_handler,
    error_text,
    flush_standard_streams,
    log_traceback,
)
from ignition_toolkit.playbook.models import CancelSource, Step, StepStatus
from ignition_toolkit.playbook.task_place import task_place

#: Seconds that a stopped step has to end by itself.
GRACE_S = 0.25
#: Seconds after a stop at which a step that has not ended is asked where it stands.
ASK_AFTER_S = 0.15


@dataclass(frozen=True)
class Place:
    """A step at its place in the run."""

    step: Step
    #: `outer/inner` in a nested playbook.
    step_id: str
    parent: str | None

    def changed(
        self,
        status: StepStatus,
        attempt: int,
        *,
        deadline: float | None = None,
        # Any: JSON values of the handler's choosing.
        output: dict[str, Any] | None = None,
        error: str | None = None,
    ) -> StepChanged:
        """Return the event that says so of this step."""
        return StepChanged(
            step_id=self.step_id,
            step_name=self.step.name,
            parent_step_id=self.parent,
            type=self.step.type,
            status=status,
            attempt=attempt,
            deadline=deadline,
            output=output,
            error=error,
        )


class Attempt:
    """One attempt under way. Its clock, or `ask_to_stop`, asks for its end.

    Args:
        place: the step.
        number: of the attempt, from 1.
        deadline: second of the event loop's clock at which it times out.
    """

    def __init__(self, place: Place, number: int, deadline: float) -> None:
        self.place = place
        self.number = number
        self.deadline = deadline
        self._loop = asyncio.get_running_loop()
        #: Done when the attempt is to end; the first source stays.
        self.stop: asyncio.Future[CancelSource] = self._loop.create_future()
        self.task: asyncio.Task[dict[str, Any]] | None = None
        #: Second at which the grace of a stopped attempt is over.
        self.end_by: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._frozen_s: float | None = None

    def start(self, context: AttemptContext) -> asyncio.Task[dict[str, Any]]:
        """Start the clock and the handler."""
        self._set_timer()
        call = call_handler(self.place.step, context)
        self.task = asyncio.create_task(call, name=self.place.step_id)
        return self.task

    def ask_to_stop(self, source: CancelSource) -> None:
        """Ask for the end of the attempt."""
        if not self.stop.done():
            self.stop.set_result(source)

    def freeze(self) -> None:
        """Stop the clock while the run is paused inside the attempt."""
        if self._frozen_s is None:
            self.stop_clock()
            self._frozen_s = self.deadline - self._loop.time()
            self.deadline = math.inf

    def thaw(self) -> None:
        """Let the clock run on."""
        if self._frozen_s is not None:
            self.deadline = self._loop.time() + self._frozen_s
            self._frozen_s = None
            self._set_timer()

    def stop_clock(self) -> None:
        """Let the attempt not time out any more."""
        if self._timer is not None:
            self._timer.cancel()

    def remaining(self) -> float:
        """Return the seconds until the deadline, 0 or more."""
        return max(0.0, self.deadline - self._loop.time())

    def running(self) -> StepChanged:
        """Return the event that says that the attempt runs, and until when at most."""
        until = self.deadline if self._frozen_s is None else None
        return self.place.changed(StepStatus.RUNNING, self.number, deadline=until)

    def _set_timer(self) -> None:
        self._timer = self._loop.call_at(self.deadline, self.ask_to_stop, CancelSource.TIMEOUT)


class Attempts:
    """The attempts under way, outermost first, and tasks that did not end when stopped."""

    def __init__(self) -> None:
        self._stack: list[Attempt] = []
        self._unended: set[asyncio.Task[Any]] = set()

    def __iter__(self) -> Iterator[Attempt]:
        return iter(self._stack)

    @property
    def outermost(self) -> Attempt | None:
        """The attempt of the top level's step."""
        return self._stack[0] if self._stack else None

    @property
    def innermost(self) -> Attempt | None:
        """The attempt that no other one runs below."""
        return self._stack[-1] if self._stack else None

    @property
    def tasks(self) -> set[asyncio.Task[Any]]:
        """The tasks of the attempts under way."""
        return {attempt.task for attempt in self._stack if attempt.task is not None}

    @property
    def all_ended(self) -> bool:
        """Whether every task that was stopped has ended."""
        return all(task.done() for task in self._unended)

    def push(self, attempt: Attempt) -> None:
        """Put an attempt below the others."""
        self._stack.append(attempt)

    def remove(self, attempt: Attempt) -> None:
        """Forget an attempt that is over, but not its task if that still runs."""
        self._stack.remove(attempt)
        task = attempt.task
        if task is None:
            return
        if not task.done():
            self._unended.add(task)
            abandon(task)
        elif not task.cancelled():
            # Taken note of, or asyncio complains that nobody asked.
            task.exception()


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended: a source when it was stopped, else an output or an error."""

    stopped: CancelSource | None = None
    #: Whether everything that a stop had to end has ended within the grace.
    ended: bool = True
    # Any: JSON values of the handler's choosing.
    output: dict[str, Any] = field(default_factory=dict)
    error: str | None = None


async def run_attempt(attempt: Attempt, context: AttemptContext, attempts: Attempts) -> Outcome:
    """Run an attempt to its end, its deadline, or the source that stops it.

    Cancellation: a cancel of the caller (the task of an outer step) stops the attempt's task,
    waits for it within the grace, and propagates.
    """
    attempts.push(attempt)
    context.host.emit(attempt.running())
    task = attempt.start(context)
    source: CancelSource | None = None
    try:
        source = await _first_of(task, attempt.stop)
        if source is not None:
            await _stop(attempt, source, attempts, context.host)
    except asyncio.CancelledError:
        await _stop(attempt, None, attempts, context.host)
        raise
    finally:
        attempt.stop_clock()
        attempts.remove(attempt)
        flush_standard_streams()
    if source is None:
        return _outcome(task, context)
    return Outcome(stopped=source, ended=attempts.all_ended)


async def _first_of(
    task: asyncio.Task[Any], stop: asyncio.Future[CancelSource]
) -> CancelSource | None:
    await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
    # A task that ended before it was stopped has ended: the stop came too late for it.
    return None if task.done() else stop.result()


async def _stop(
    attempt: Attempt, source: CancelSource | None, attempts: Attempts, host: EngineHost
) -> None:
    """Cancel the attempt's task and return when it has ended, at the latest after the grace.

    Without a source it is stopped because an outer one is, which then says where it is stuck.
    """
    task, loop = attempt.task, asyncio.get_running_loop()
    assert task is not None
    if attempt.end_by is None:
        attempt.end_by = loop.time() + GRACE_S
        task.cancel(str(CancelReason(source)) if source else None)
    if source is not None:
        await asyncio.wait({task}, timeout=ASK_AFTER_S)
        _report_if_stuck(attempts.innermost, host)
    if not task.done():
        await asyncio.wait({task}, timeout=attempt.end_by - loop.time())


def _report_if_stuck(attempt: Attempt | None, host: EngineHost) -> None:
    if attempt is None or attempt.task is None:
        return
    place = task_place(attempt.task)
    if place is not None:
        host.emit(StuckSeen(step_id=attempt.place.step_id, stuck_at=place))


def _outcome(task: asyncio.Task[dict[str, Any]], context: AttemptContext) -> Outcome:
    if task.cancelled():
        return Outcome(error="the step cancelled itself; nobody had asked for it")
    error = task.exception()
    if error is None:
        return Outcome(output=task.result())
    log_traceback(error, context)
    return Outcome(error=error_text(error))
