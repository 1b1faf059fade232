"""Tells how often, and for how long, something has held an event loop up."""

from __future__ import annotations

import asyncio

#: Seconds between two looks: rare enough to cost an idle server nothing.
LOOK_S = 0.2
#: Seconds by which a look may be late before the loop counts as blocked.
LATE_S = 0.05


class LoopLateness:
    """A timer of one event loop that measures how late it is called.

    What blocks the loop between two looks is only seen as far as it delays the next one: the
    figures are a lower bound, and whatever blocks for `LOOK_S + LATE_S` is in them.
    """

    def __init__(self) -> None:
        #: How often a look was late, and by how many seconds in all.
        self.times = 0
        self.seconds = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Look from now on, on the running loop."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(LOOK_S, self._look, loop, loop.time() + LOOK_S)

    def stop(self) -> None:
        """Look no more. May be called twice, and before `begin`."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, loop: asyncio.AbstractEventLoop, due_t: float) -> None:
        late = loop.time() - due_t
        if late >= LATE_S:
            self.times += 1
            self.seconds += late
        self.begin()
