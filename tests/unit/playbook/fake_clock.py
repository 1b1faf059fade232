"""An event loop whose clock jumps: waits take no time, and last exactly as long as they say."""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _JumpingSelector(selectors.SelectSelector):
    """Looks at the descriptors without waiting, and moves the clock on by the wait."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    # Any: the base class's own key type is private.
    def select(self, timeout: float | None = None) -> list[Any]:
        found = super().select(0)
        if not found and timeout is None:
            raise AssertionError("nothing is left that could ever happen: the test is deadlocked")
        if not found and timeout is not None:
            self.now += max(0.0, timeout)
        return found


class FakeClockLoop(asyncio.SelectorEventLoop):
    """Jumps to the next timer as soon as nothing else is to do."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def advance(self, seconds: float) -> None:
        """Let time pass without letting anything happen, as a blocking call does."""
        self._jumping.now += seconds


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine by the fake clock; fail when it leaves a task behind."""
    with asyncio.Runner(loop_factory=FakeClockLoop) as runner:
        result = runner.run(main)
        left = asyncio.all_tasks(runner.get_loop())
        assert not left, f"the test left tasks behind: {left}"
        return result


def by_fake_clock(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Decorate a test that is a coroutine function: what it measures is no matter of the machine.

    Its fixtures must not be asynchronous ones.
    """

    @functools.wraps(test)
    def runs(*args: object, **kwargs: object) -> None:
        run(test(*args, **kwargs))

    return runs


def now() -> float:
    """Return the second that the running loop's clock shows."""
    return asyncio.get_running_loop().time()
