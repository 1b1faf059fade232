"""One attempt of one step: its task, its deadline, and how it is stopped."""

from __future__ import annotations

import asyncio
import math
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ignition_toolkit.errors import HandlerBroken, ToolkitError
from ignition_toolkit.playbook.cancellation import CancelReason
from ignition_toolkit.playbook.context import AttemptContext, Scope
from ignition_toolkit.playbook.engine_host import EngineHost
from ignition_toolkit.playbook.events import Logged, StuckSeen
from ignition_toolkit.playbook.json_values import jsonable
from ignition_toolkit.playbook.models import CancelSource, Step
from ignition_toolkit.playbook.parameters import resolve
from ignition_toolkit.playbook.step_check import validated
from ignition_toolkit.playbook.task_place import is_foreign, task_place

#: Seconds that a stopped step has to end by itself.
GRACE_S = 0.25
#: Seconds after a stop at which a step that has not ended is asked where it stands.
ASK_AFTER_S = 0.15

_PID = os.getpid()


@dataclass
class Attempt:
    """One attempt under way. `stop` asks for its end; the engine acts on it."""

    step: Step
    step_id: str
    parent: str | None
    number: int
    deadline: float
    stop: asyncio.Future[CancelSource]
    task: asyncio.Task[dict[str, Any]] | None = None
    #: Seconds that were left when the run was paused.
    frozen_s: float | None = None

    def ask_to_stop(self, source: CancelSource) -> None:
        """Ask for the end of the attempt; the first source stays."""
        if not self.stop.done():
            self.stop.set_result(source)

    def freeze(self) -> None:
        """Stop the attempt's clock while the run is paused inside it."""
        if self.frozen_s is None:
            self.frozen_s = self.deadline - asyncio.get_running_loop().time()
            self.deadline = math.inf

    def thaw(self) -> None:
        """Let the attempt's clock run on."""
        if self.frozen_s is not None:
            self.deadline = asyncio.get_running_loop().time() + self.frozen_s
            self.frozen_s = None


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended: a source when it was stopped, else an output or an error."""

    stopped: CancelSource | None = None
    #: Whether the task of a stopped attempt ended within the grace.
    ended: bool = True
    # Any: JSON values of the handler's choosing.
    output: dict[str, Any] = field(default_factory=dict)
    error: str | None = None


async def run_attempt(
    attempt: Attempt, context: AttemptContext, innermost: Callable[[], Attempt]
) -> Outcome:
    """Run an attempt to its end, its deadline, or the source that stops it.

    Cancellation: a cancel of the caller (the task of an outer step) stops the attempt's task,
    waits for it within the grace, and propagates.
    """
    attempt.task = asyncio.create_task(_execute(attempt.step, context), name=attempt.step_id)
    try:
        source = await _wait(attempt, attempt.task)
    except asyncio.CancelledError:
        await _stop(attempt, None, innermost, context.host)
        raise
    if source is None:
        return _outcome(attempt.task, context)
    ended = await _stop(attempt, source, innermost, context.host)
    return Outcome(stopped=source, ended=ended)


async def _wait(attempt: Attempt, task: asyncio.Task[Any]) -> CancelSource | None:
    """Return None when the task ended before its deadline, else what is to stop it."""
    loop = asyncio.get_running_loop()
    while True:
        # A clock that stands still may be set going again: look once a second.
        left = max(0.0, attempt.deadline - loop.time())
        await asyncio.wait(
            {task, attempt.stop},
            timeout=min(left, 1.0) if attempt.frozen_s is not None else left,
            return_when=asyncio.FIRST_COMPLETED,
        )
        # A task that ended before it was stopped has ended: the stop came too late for it.
        if task.done():
            return None
        if attempt.stop.done():
            return attempt.stop.result()
        if loop.time() >= attempt.deadline:
            return CancelSource.TIMEOUT


async def _stop(
    attempt: Attempt,
    source: CancelSource | None,
    innermost: Callable[[], Attempt],
    host: EngineHost,
) -> bool:
    """Cancel the attempt's task; return whether it ended within the grace."""
    task = attempt.task
    assert task is not None
    deadline = asyncio.get_running_loop().time() + GRACE_S
    task.cancel(str(CancelReason(source)) if source else None)
    await asyncio.wait({task}, timeout=ASK_AFTER_S)
    if not task.done():
        _report_stuck(innermost(), host)
        await asyncio.wait({task}, timeout=deadline - asyncio.get_running_loop().time())
    if task.done() and not task.cancelled():
        # Taken note of, or asyncio complains that nobody asked.
        task.exception()
    return task.done()


def _report_stuck(attempt: Attempt, host: EngineHost) -> None:
    place = task_place(attempt.task) if attempt.task else None
    if place is not None:
        host.emit(StuckSeen(step_id=attempt.step_id, stuck_at=place))


async def _execute(step: Step, context: AttemptContext) -> dict[str, Any]:
    try:
        parameters = resolve(step.parameters, context.scope)
        handler = context.host.handler_class(step.type)
        arguments = validated(handler, parameters)
        return _checked_output(step, await handler(context).execute(arguments))
    except (SystemExit, KeyboardInterrupt) as error:
        # Border: these would end the event loop, and with it the runner, without a word.
        raise HandlerBroken(f"the step called for the end of its process ({error!r})") from error
    finally:
        # A copy made by fork must not unwind into the event loop: it shares the parent's epoll
        # and closing the loop deafens the parent (test_forked_copy_leaves_at_once).
        if os.getpid() != _PID:
            os._exit(0)


def _checked_output(step: Step, output: object) -> dict[str, Any]:
    if output is None:
        return {}
    if not isinstance(output, dict):
        found = type(output).__name__
        raise HandlerBroken(f"{step.type} must return a dict of outputs, it returned {found}")
    checked: dict[str, Any] = jsonable(output)
    return checked


def _outcome(task: asyncio.Task[dict[str, Any]], context: AttemptContext) -> Outcome:
    if task.cancelled():
        return Outcome(error="the step cancelled itself; nobody had asked for it")
    error = task.exception()
    if error is None:
        return Outcome(output=task.result())
    if not isinstance(error, ToolkitError):
        _log_traceback(error, context)
    return Outcome(error=_error_text(error))


def _error_text(error: BaseException) -> str:
    if isinstance(error, ToolkitError):
        return error.message
    text = str(error)
    if isinstance(error, TimeoutError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _log_traceback(error: BaseException, context: AttemptContext) -> None:
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not is_foreign(frame.filename) or frame.filename == "<script>"
    ]
    where = "".join(traceback.format_list(frames)) if frames else ""
    text = f"{where}{''.join(traceback.format_exception_only(error))}".rstrip()
    context.host.emit(Logged(step_id=context.step_id, level="error", message=text[:20_000]))


def flush_standard_streams() -> None:
    """Write out what a step printed, so that it is attributed to that step."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            # A step closed or replaced its stream: there is nothing to write to.
            continue


__all__ = [
    "ASK_AFTER_S",
    "GRACE_S",
    "Attempt",
    "Outcome",
    "Scope",
    "flush_standard_streams",
    "run_attempt",
]
