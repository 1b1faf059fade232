"""SIGINT, SIGTERM and SIGHUP as wishes that are heard, not as exceptions somewhere in the code."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from types import FrameType
from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

#: Seconds in which signals are one wish: `make`, `timeout` and other wrappers pass on a Ctrl-C
#: that the terminal has sent to everybody already.
ONE_WISH_S = 0.25

#: What a shell says of a program that a Ctrl-C has ended.
EXIT_INTERRUPTED = 130


class StopSignals:
    """Counts what a person asks for: 1 is to stop, 2 is to stop without any grace.

    Any of the signals is the first wish, further ones are SIGINT alone: a closing terminal sends
    several SIGHUP by itself. A SIGHUP that is ignored (`nohup`) stays ignored. Used as a context
    manager in the main thread.

    Args:
        leave_at: the wish at which the process ends at once, whatever it is doing; None for none.
    """

    def __init__(self, *, leave_at: int | None = None) -> None:
        self.wishes = 0
        #: Name of the first signal.
        self.first: str | None = None
        self._leave_at = leave_at
        self._last_at = 0.0
        self._happened = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._bell = asyncio.Event()
        self._before: dict[signal.Signals, signal.Handlers | object] = {}

    def __enter__(self) -> Self:
        for number in SIGNALS:
            if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *exc_info: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # as signal() gave it

    def wait(self, timeout: float) -> bool:
        """Wait outside an event loop, at most `timeout` seconds. Returns whether any wish came."""
        return self._happened.wait(timeout)

    async def reached(self, wishes: int) -> None:
        """Wait until that many wishes came. One waiter at a time. Cancellation: at once."""
        self._loop = asyncio.get_running_loop()
        while self.wishes < wishes:
            self._bell.clear()
            await self._bell.wait()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.wishes and (number != signal.SIGINT or now - self._last_at < ONE_WISH_S):
            return
        self.wishes += 1
        self._last_at = now
        self.first = self.first or signal.Signals(number).name
        if self._leave_at is not None and self.wishes >= self._leave_at:
            # The janitor sees it and ends what this process has started.
            os._exit(EXIT_INTERRUPTED)
        self._happened.set()
        if self._loop is not None and not self._loop.is_closed():
            # A plain call would not wake a loop that waits for its sockets.
            self._loop.call_soon_threadsafe(self._bell.set)
