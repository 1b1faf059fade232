"""The simulated gateway's own time: it passes by a factor and can jump, so that no test waits."""

from __future__ import annotations

import asyncio
import math
import time


class Clock:
    """Time in seconds since 1970 as the simulated gateway sees it.

    Begins at the machine's time. It is used from one event loop; waits of it end early when
    time jumps past them.

    Args:
        factor: simulated seconds per real second, 0 for a clock that only jumps.
    """

    def __init__(self, factor: float = 1.0) -> None:
        self._factor = factor
        self._base = time.time()
        self._since = time.monotonic()
        self._bell = asyncio.Event()

    @property
    def now(self) -> float:
        """The simulated time."""
        return self._base + (time.monotonic() - self._since) * self._factor

    @property
    def now_ms(self) -> int:
        """The simulated time in milliseconds, as the gateway's bodies have it."""
        return int(self.now * 1000)

    @property
    def factor(self) -> float:
        """Simulated seconds per real second."""
        return self._factor

    def set_factor(self, factor: float) -> None:
        """Let time pass so many times as fast from now on, from 0 up. Raises ValueError below."""
        if not 0 <= factor < math.inf:
            raise ValueError(f"the clock's factor is {factor}: expected a number from 0 up")
        self._base, self._since = self.now, time.monotonic()
        self._factor = factor
        self.ring()

    def jump(self, seconds: float) -> None:
        """Let so many seconds pass at once, from 0 up. Raises ValueError for a jump back."""
        if not 0 <= seconds < math.inf:
            raise ValueError(f"the clock cannot jump by {seconds} s: expected a number from 0 up")
        self._base += seconds
        self.ring()

    def ring(self) -> None:
        """Wake all waits, so that they look anew at what they wait for."""
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    async def wait_until(self, at: float) -> None:
        """Wait until the simulated time `at`; math.inf for ever. Cancellation: at once."""
        while self.now < at:
            await self.changed_or(at)

    async def changed_or(self, at: float) -> None:
        """Wait until the simulated time `at` or until the bell rings. Cancellation: at once."""
        left = max(0.0, at - self.now)
        finite = math.isfinite(left) and self._factor > 0
        try:
            async with asyncio.timeout(left / self._factor if finite else None):
                await self._bell.wait()
        except TimeoutError:
            return
