"""Tells the supervisor of blocks of the event loop: at most once a second for each step."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ignition_toolkit.protocol import Blocked

#: Seconds at least between two messages about one step; blocks in between are counted.
TELL_EVERY_S = 1.0


@dataclass
class _Untold:
    """Blocks of one step that were not told yet."""

    told_t: float = float("-inf")
    times: int = 0
    total_s: float = 0.0
    longest_s: float = 0.0
    place: str | None = None

    def add(self, seconds: float, place: str | None) -> None:
        self.times += 1
        self.total_s += seconds
        if seconds > self.longest_s:
            self.longest_s, self.place = seconds, place

    def message(self, step_id: str) -> Blocked:
        return Blocked(
            step_id=step_id,
            seconds=round(self.longest_s, 3),
            place=self.place,
            times=self.times,
            total_s=round(self.total_s, 3),
        )


class BlockReports:
    """Counts blocks and tells of them. To be used from the event loop's thread.

    Args:
        send: sends a message, and never blocks.
        clock: returns the monotonic second.
    """

    def __init__(
        self, send: Callable[[Blocked], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._send = send
        self._clock = clock
        self._steps: dict[str, _Untold] = {}

    def add(self, step_id: str, seconds: float, place: str | None) -> None:
        """Count a block of a step, and tell of it unless one was told just now."""
        untold = self._steps.setdefault(step_id, _Untold())
        untold.add(seconds, place)
        now = self._clock()
        if now - untold.told_t >= TELL_EVERY_S:
            self._send(untold.message(step_id))
            self._steps[step_id] = _Untold(told_t=now)

    def end(self, step_id: str) -> None:
        """Tell of what was only counted: the step is over."""
        untold = self._steps.pop(step_id, None)
        if untold is not None and untold.times:
            self._send(untold.message(step_id))
