"""SIGINT, SIGTERM and SIGHUP as wishes that a server hears, not as exceptions anywhere."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from types import FrameType
from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

#: Seconds in which signals are one wish: a terminal and `make` both pass on a Ctrl-C.
ONE_WISH_S = 0.25

#: What a shell says of a program that a Ctrl-C has ended.
EXIT_INTERRUPTED = 130


class StopSignals:
    """Counts wishes: 1 is to stop, 2 is to stop without any grace, 3 ends the process at once.

    Any of the signals is the first wish, further ones are SIGINT alone: a closing terminal sends
    several SIGHUP by itself. A SIGHUP that is ignored (`nohup`) stays ignored. Used as a context
    manager in the main thread.
    """

    def __init__(self) -> None:
        self.wishes = 0
        self._last_at = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._bell = asyncio.Event()
        self._before: dict[signal.Signals, signal.Handlers | object] = {}

    def __enter__(self) -> Self:
        for number in SIGNALS:
            if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue
            self._before[number] = signal.signal(number, self._heard)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # as signal() gave it

    async def reached(self, wishes: int) -> None:
        """Wait until that many wishes were heard. One waiter at a time; cancelled at once."""
        self._loop = asyncio.get_running_loop()
        while self.wishes < wishes:
            self._bell.clear()
            await self._bell.wait()

    def _heard(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.wishes and (number != signal.SIGINT or now - self._last_at < ONE_WISH_S):
            return
        self.wishes += 1
        self._last_at = now
        if self.wishes > 2:
            # The janitor sees it and ends what this process has started.
            os._exit(EXIT_INTERRUPTED)
        if self._loop is not None and not self._loop.is_closed():
            # A plain call would not wake a loop that waits for its sockets.
            self._loop.call_soon_threadsafe(self._bell.set)
