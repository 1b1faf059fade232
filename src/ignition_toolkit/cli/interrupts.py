"""Ctrl-C and its relatives as requests to cancel, not as exceptions in the middle of anything."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from types import FrameType
from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

#: Seconds in which signals count as one: `timeout` and wrappers pass on what the terminal has
#: sent to everybody already.
ONE_WISH_S = 0.25


class Interrupts:
    """Counts what a person asks for: 1 is to cancel, 2 is to kill at once.

    Any of SIGINT, SIGTERM and SIGHUP asks to cancel. Only a SIGINT asks again: a closing terminal
    sends several SIGHUP by itself. A SIGHUP that is ignored (`nohup`) stays ignored.

    Used as a context manager, in the main thread.
    """

    def __init__(self) -> None:
        self.wishes = 0
        #: Name of the first signal.
        self.first: str | None = None
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
        """Wait until that many wishes came. Cancellation: at once."""
        self._loop = asyncio.get_running_loop()
        while self.wishes < wishes:
            self._bell.clear()
            await self._bell.wait()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.wishes == 0:
            self.wishes, self.first, self._last_at = 1, signal.Signals(number).name, now
        elif number == signal.SIGINT and now - self._last_at >= ONE_WISH_S:
            self.wishes += 1
            self._last_at = now
        self._happened.set()
        if self._loop is not None and not self._loop.is_closed():
            # Thread-safe, because a plain call would not wake a loop that waits in select().
            self._loop.call_soon_threadsafe(self._bell.set)
