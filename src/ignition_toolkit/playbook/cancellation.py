"""The three utilities that step handlers wait with, and why a cancel happened."""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from ignition_toolkit.playbook.models import CancelSource
from ignition_toolkit.playbook.task_place import task_place

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds that `with_cancellation_check` grants, in all, to what it wraps and to its clean-up.
CANCEL_BOUND_S = 0.15
#: Seconds after its deadline that `cancellable_poll` waits for an answer that is awaited.
LAST_LOOK_S = 0.5

_abandoned: set[asyncio.Future[Any]] = set()


@dataclass(frozen=True)
class CancelReason:
    """Who stopped a step, and from where. Its text is the message of the CancelledError."""

    source: CancelSource
    requested_by: str | None = None

    def __str__(self) -> str:
        who = f" by {self.requested_by}" if self.requested_by else ""
        return f"stopped ({self.source}){who}"


async def cancellable_sleep(seconds: float, check_interval: float = 0.5) -> None:
    """Sleep until a deadline `seconds` from now.

    Args:
        seconds: 0 or more; infinity sleeps until cancelled.
        check_interval: accepted for the sake of the pattern guide and not used. Slicing a sleep
            does not make its cancel quicker: `asyncio.sleep` raises 0.04 ms after the cancel.

    Raises:
        ValueError: `seconds` is negative or not a number.

    Cancellation: raises CancelledError at once; leaves nothing.
    """
    if math.isnan(seconds) or seconds < 0:
        raise ValueError(f"seconds must be 0 or more, found {seconds}")
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    await asyncio.sleep(0)
    # A timer may fire a clock tick early; the deadline is what was promised.
    while (left := deadline - loop.time()) > 0:
        await asyncio.sleep(left)


async def cancellable_poll(
    condition: Callable[[], Any],
    timeout: float,
    poll_interval: float = 1.0,
    error_message: str = "Condition not met in time",
) -> Any:
    """Look at `condition` until it is truthy, and return what it gave.

    Args:
        condition: a function, a coroutine function, or a function that returns an awaitable.
            Its exceptions propagate.
        timeout: seconds, 0 or more. The condition is looked at once more at the deadline; an
            answer that is awaited is given up `LAST_LOOK_S` after it.
        poll_interval: seconds between the end of a look and the next, more than 0.
        error_message: text of the TimeoutError.

    Raises:
        TimeoutError: the condition was not met in time.
        ValueError: `timeout` or `poll_interval` is out of range.

    Cancellation: raises CancelledError at once, also while an awaitable condition is awaited. A
    condition that blocks the event loop blocks the cancel too, until the runner is killed.
    """
    if math.isnan(timeout) or timeout < 0:
        raise ValueError(f"timeout must be 0 or more seconds, found {timeout}")
    if not poll_interval > 0:
        raise ValueError(f"poll_interval must be more than 0 seconds, found {poll_interval}")
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    while True:
        last = loop.time() >= deadline
        value = await _look(condition, deadline + LAST_LOOK_S)
        if value:
            return value
        if last:
            raise TimeoutError(error_message)
        await cancellable_sleep(max(0.0, min(poll_interval, deadline - loop.time())))


async def _look(condition: Callable[[], Any], until: float) -> Any:
    value = condition()
    if not inspect.isawaitable(value):
        return value
    scope = asyncio.timeout_at(until)
    try:
        async with scope:
            return await value
    except TimeoutError:
        if scope.expired():
            return None
        raise


async def with_cancellation_check(
    awaitable: Awaitable[T],
    *,
    on_cancel: Callable[[], Any] | None = None,
    bound: float = CANCEL_BOUND_S,
) -> T:
    """Await what may not react to a cancel, such as a browser call.

    Args:
        awaitable: what to await; its result is returned, its exception propagates.
        on_cancel: clean-up for the case of a cancel, a function or a coroutine function. It runs
            beside the end of the wrapped work. What it raises is logged and does not hide the
            cancel.
        bound: seconds, more than 0, that the wrapped work and the clean-up have together.

    Cancellation: the wrapped work is cancelled and CancelledError is raised as soon as it and the
    clean-up have ended, at the latest after `bound`, or at once when cancelled again. What has
    not ended by then is abandoned: it is listed by `abandoned_work`, so that its process is not
    taken for clean and gets replaced.
    """
    if not bound > 0:
        _close_unawaited(awaitable)
        raise ValueError(f"bound must be more than 0 seconds, found {bound}")
    work = asyncio.ensure_future(awaitable)
    try:
        await asyncio.wait({work})
    except asyncio.CancelledError as cancelled:
        work.cancel(*cancelled.args)
        await _wind_up(work, _start_clean_up(on_cancel), bound)
        raise
    return work.result()


def _close_unawaited(awaitable: Awaitable[Any]) -> None:
    if inspect.iscoroutine(awaitable):
        awaitable.close()


def _start_clean_up(on_cancel: Callable[[], Any] | None) -> asyncio.Future[Any] | None:
    if on_cancel is None:
        return None
    try:
        value = on_cancel()
    except Exception:  # border: a clean-up's error must not hide the cancel
        logger.exception(_CLEAN_UP_FAILED, extra={"action": "cleanup_failed"})
        return None
    if not inspect.isawaitable(value):
        return None
    clean_up = asyncio.ensure_future(value)
    clean_up.add_done_callback(_report_clean_up)
    return clean_up


_CLEAN_UP_FAILED = "a clean-up after a cancel failed"


def _report_clean_up(clean_up: asyncio.Future[Any]) -> None:
    if not clean_up.cancelled() and (error := clean_up.exception()) is not None:
        logger.error(_CLEAN_UP_FAILED, exc_info=error, extra={"action": "cleanup_failed"})


async def _wind_up(
    work: asyncio.Future[Any], clean_up: asyncio.Future[Any] | None, bound: float
) -> None:
    futures = {work, clean_up} if clean_up is not None else {work}
    try:
        await asyncio.wait(futures, timeout=bound)
    finally:
        for future in futures:
            if future.done():
                _collect(future)
            else:
                abandon(future)


def abandon(future: asyncio.Future[Any]) -> None:
    """Give up work that does not end: cancel it once more and list it until it does end."""
    _abandoned.add(future)
    future.add_done_callback(_abandoned.discard)
    future.add_done_callback(_collect)
    future.cancel()


def _collect(future: asyncio.Future[Any]) -> None:
    """Ask for the error of work whose result nobody wants, or asyncio complains about it."""
    if not future.cancelled() and (error := future.exception()) is not None:
        logger.debug("cancelled work ended with %r", error, extra={"action": "cancelled_work"})


def abandoned_work() -> list[str]:
    """Return a line for every piece of abandoned work that has not ended."""
    return [_named(future) for future in _abandoned if not future.done()]


def _named(future: asyncio.Future[Any]) -> str:
    if not isinstance(future, asyncio.Task):
        return f"abandoned {type(future).__name__}"
    return f"abandoned {future.get_name()} at {task_place(future) or 'an unknown place'}"
