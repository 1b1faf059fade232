"""The turns of an event loop: when it works, and when it waits for something to happen."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

#: Seconds that a turn may take; in a longer one the event loop is blocked.
BLOCK_S = 0.1

#: Seconds after which a loop that never waits lets other threads go on, and for how long.
BREATH_AFTER_S = 0.005
BREATH_S = 0.00005

#: What a selector returns: files that are ready, and for what.
Ready: TypeAlias = list[tuple[selectors.SelectorKey, int]]


@dataclass
class Turns:
    """What is known of an event loop's turns. Written in its thread, read anywhere."""

    #: Number of the newest turn, from 1.
    number: int = 0
    #: Monotonic second at which the turn under way began, None while the loop waits.
    began: float | None = None
    #: Called in the loop's thread at the end of a turn that has taken `BLOCK_S` or more, with the
    #: monotonic seconds at which it began and ended.
    on_long: Callable[[float, float], None] | None = None

    def begin(self) -> float:
        """A turn begins; return the monotonic second."""
        self.number += 1
        self.began = time.monotonic()
        return self.began

    def end(self) -> None:
        """The turn under way, if there is one, is over."""
        if self.on_long is not None and self.began is not None:
            now = time.monotonic()
            if now - self.began >= BLOCK_S:
                self.on_long(self.began, now)
        self.began = None


class TurnSelector(selectors.DefaultSelector):
    """An event loop's selector: a turn begins when it returns, and ends at its next call.

    It costs a turn some microseconds, and wakes nobody.

    A step that is always busy and often awaits looks for events without waiting for any. That lets
    go of the interpreter for a moment too short for another thread to wake up, and long enough to
    have it begin to wait anew: a cancel was read seconds late. So such a loop draws breath.
    """

    def __init__(self, turns: Turns) -> None:
        super().__init__()
        self._turns = turns
        #: Monotonic second at which other threads last could go on.
        self._breathed = time.monotonic()

    def select(self, timeout: float | None = None) -> Ready:
        """Wait for events, as the base class does."""
        self._turns.end()
        asked = self._breathe()
        try:
            return super().select(timeout)
        finally:
            began = self._turns.begin()
            if began - asked > BREATH_S:
                self._breathed = began

    def _breathe(self) -> float:
        """Sleep where it is time to; return the monotonic second."""
        now = time.monotonic()
        if now - self._breathed >= BREATH_AFTER_S:
            time.sleep(BREATH_S)
            now = self._breathed = time.monotonic()
        return now
