"""Waiting in tests: look until something holds, with a deadline and no sleep that hopes."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import NoReturn, Protocol, TypeVar

T = TypeVar("T")

#: Seconds before the second look, and at most between two: looking takes processor time from
#: those who are waited for.
FIRST_S = 0.005
LONGEST_S = 0.05
#: What each pause is longer than the one before.
GROWTH = 1.25


def pauses() -> Iterator[float]:
    """Yield the seconds to wait between one look and the next, without end."""
    pause = FIRST_S
    while True:
        yield pause
        pause = min(LONGEST_S, pause * GROWTH)


class PollUntil(Protocol):
    """The type of the fixture `poll_until`."""

    def __call__(self, condition: Callable[[], T], deadline_s: float = 5.0) -> T:
        """See :func:`poll_until`."""
        ...


class PollUntilAsync(Protocol):
    """The type of the fixture `poll_until_async`."""

    async def __call__(
        self, condition: Callable[[], Awaitable[T] | T], deadline_s: float = 5.0
    ) -> T:
        """See :func:`poll_until_async`."""
        ...


def poll_until(condition: Callable[[], T], deadline_s: float = 5.0) -> T:
    """Return the condition's first truthy value; it is looked at once more at the deadline.

    Args:
        condition: called every 5 ms, then less often; what it raises propagates.
        deadline_s: seconds to wait; generous, as the machine may be busy.

    Raises:
        AssertionError: the deadline passed; the text shows what was seen last.
    """
    deadline = time.monotonic() + deadline_s
    for pause in pauses():
        is_last_look = time.monotonic() >= deadline
        if value := condition():
            return value
        if is_last_look:
            _give_up(condition, deadline_s, value)
        time.sleep(pause)
    raise AssertionError("pauses() has no end")


async def poll_until_async(condition: Callable[[], Awaitable[T] | T], deadline_s: float = 5.0) -> T:
    """Do as :func:`poll_until` does, without holding the event loop.

    The condition may be a function, a coroutine function or return an awaitable. Cancellation
    ends the wait at once and leaves nothing behind.
    """
    deadline = time.monotonic() + deadline_s
    for pause in pauses():
        is_last_look = time.monotonic() >= deadline
        found = condition()
        value = await found if inspect.isawaitable(found) else found
        if value:
            return value
        if is_last_look:
            _give_up(condition, deadline_s, value)
        await asyncio.sleep(pause)
    raise AssertionError("pauses() has no end")


def _give_up(condition: Callable[[], object], deadline_s: float, last: object) -> NoReturn:
    code = getattr(condition, "__code__", None)
    place = f"{code.co_filename}:{code.co_firstlineno}" if code else repr(condition)
    raise AssertionError(f"not true within {deadline_s} s: {place}; last seen: {last!r}")
