"""The moments of an event loop: has something done at its k-th turn, or when it stands idle."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

from ignition_toolkit.runner.turns import Ready, Turns, TurnSelector

#: Seconds without an event after which a loop is taken to be idle: the step waits.
IDLE_S = 0.25
#: Moments that follow each other turn by turn; the later ones are further and further apart.
CLOSE = 16
#: How much further each of the later ones is.
FURTHER = 1.25


def moments(most: int) -> Iterator[int]:
    """Yield at most so many numbers of turns, from 1: first each one, then further apart."""
    number = 0
    for index in range(most):
        number = number + 1 if index < CLOSE else math.ceil(number * FURTHER)
        yield number


class MomentSelector(TurnSelector):
    """A loop's selector that makes one call at a turn of the loop, or sooner if it stands idle.

    The same turn is the same moment each time, as far as the outside world answers alike.
    """

    def __init__(self, turns: Turns) -> None:
        super().__init__(turns)
        self._call: Callable[[], None] | None = None
        self._left = 0
        self._taken = 0
        #: Whether the call was made because the loop stood idle.
        self.was_idle = False

    @property
    def taken(self) -> int:
        """How many turns the loop had taken when the call was made, or until now."""
        return self._taken

    def arm(self, turn: int, call: Callable[[], None]) -> None:
        """Have `call` made at the end of the turn with this number, counted from now, from 1."""
        self._call, self._left, self._taken = call, turn, 0

    def disarm(self) -> None:
        """Make no call any more."""
        self._call = None

    def select(self, timeout: float | None = None) -> Ready:
        """Wait for events, as the base class does; make the call if this is the moment."""
        if self._call is None:
            return super().select(timeout)
        self._taken += 1
        if self._taken >= self._left:
            self._fire()
            return super().select(0)
        patience = IDLE_S if timeout is None else min(timeout, IDLE_S)
        began = time.monotonic()
        ready = super().select(patience)
        if not ready and time.monotonic() - began >= IDLE_S:
            self.was_idle = True
            self._fire()
        return ready

    def _fire(self) -> None:
        call, self._call = self._call, None
        assert call is not None
        call()
