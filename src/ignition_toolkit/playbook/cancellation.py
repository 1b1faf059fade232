"""The three utilities that step handlers wait with, and why a cancel happened."""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from ignition_toolkit.playbook.models import CancelSource

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds that `with_cancellation_check` grants, in all, to what it wraps and to its clean-up.
CANCEL_BOUND_S = 0.15

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
    if not check_interval > 0:
        raise ValueError(f"check_interval must be more than 0, found {check_interval}")
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
        timeout: seconds, 0 or more. The condition is looked at once more at the deadline; a look
            that is still awaited is given up at the deadline, the last one after at most one
            `poll_interval` more.
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
        value = await _look(condition, loop.time() + poll_interval if last else deadline)
        if value:
            return value
        if last:
            raise TimeoutError(error_message)
        await cancellable_sleep(max(0.0, min(poll_interval, deadline - loop.time())))


async def _look(condition: Callable[[], Any], deadline: float) -> Any:
    value = condition()
    if not inspect.isawaitable(value):
        return value
    scope = asyncio.timeout_at(deadline)
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
        raise ValueError(f"bound must be more than 0 seconds, found {bound}")
    work = asyncio.ensure_future(awaitable)
    try:
        await asyncio.wait({work})
    except asyncio.CancelledError as cancelled:
        work.cancel(*cancelled.args)
        await _wind_up({work} | _start_clean_up(on_cancel), bound)
        raise
    return work.result()


def _start_clean_up(on_cancel: Callable[[], Any] | None) -> set[asyncio.Future[Any]]:
    if on_cancel is None:
        return set()
    try:
        value = on_cancel()
    except Exception:  # border: a clean-up's error must not hide the cancel
        logger.exception("a clean-up after a cancel failed", extra={"action": "cleanup_failed"})
        return set()
    if not inspect.isawaitable(value):
        return set()
    return {asyncio.ensure_future(cast("Coroutine[Any, Any, Any]", value))}


async def _wind_up(futures: set[asyncio.Future[Any]], bound: float) -> None:
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
    if not future.cancelled() and (error := future.exception()) is not None:
        logger.debug("cancelled work ended with %r", error, extra={"action": "cancelled_work"})


def abandoned_work() -> list[str]:
    """Return a line for every piece of abandoned work that has not ended."""
    return [repr(future) for future in _abandoned if not future.done()]
