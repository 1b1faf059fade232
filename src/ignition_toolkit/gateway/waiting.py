"""Waiting for something at a gateway: looks, quickly at first, and says what was seen last."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ignition_toolkit.gateway.transfers import Progress
from ignition_toolkit.playbook.cancellation import cancellable_sleep

#: Seconds before the second look, what each pause is longer than the one before, and at most.
FIRST_S, GROWTH, LONGEST_S = 0.2, 1.5, 2.0

#: Looks once: None when it is so, else what there is instead, in a few words.
Look = Callable[[], Awaitable[str | None]]


@dataclass(frozen=True)
class Waited:
    """How a wait ended.

    Args:
        seconds: how long it took.
        last: what there was instead at the last look; None when it was so.
    """

    seconds: float
    last: str | None = None

    @property
    def in_vain(self) -> bool:
        """Whether it never was so."""
        return self.last is not None


async def wait_until(look: Look, timeout_s: float, progress: Progress) -> Waited:
    """Look until it is so, and at least once; what `look` raises propagates.

    Args:
        look: one look; it bounds its own time.
        timeout_s: seconds after which no look begins any more.
        progress: told the seconds waited, and what was seen.

    Cancellation: at once.
    """
    loop = asyncio.get_running_loop()
    began, pause = loop.time(), FIRST_S
    while (last := await look()) is not None:
        waited = loop.time() - began
        progress(round(waited, 1), timeout_s, last)
        if waited >= timeout_s:
            return Waited(waited, last)
        await cancellable_sleep(min(pause, timeout_s - waited))
        pause = min(LONGEST_S, pause * GROWTH)
    return Waited(loop.time() - began)
