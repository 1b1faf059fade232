"""Notices when a step blocks the runner's event loop, and where: no cancel is heard meanwhile.

Who only looks at a clock takes a busy machine for a bad step. So a turn of the loop counts as far
as a look into it finds code of the step, less the time in which the main thread was ready to run
and had no processor.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ignition_toolkit.protocol import Blocked
from ignition_toolkit.runner.block_reports import BlockReports
from ignition_toolkit.runner.main_thread import Delays, MainThread
from ignition_toolkit.runner.turns import BLOCK_S, Turns

#: Seconds between two looks while a step runs.
LOOK_S = 0.1
#: Seconds without a look after which something has held the interpreter: two were missed.
UNSEEN_S = 0.2


class Sight(Protocol):
    """What can be seen of the main thread; see MainThread."""

    #: The kernel's id of the thread that looks.
    looked_from: int | None

    def now(self) -> float:
        """Return the monotonic second."""

    def delays(self) -> Delays:
        """Return how long both threads had to wait for a processor."""

    def place(self) -> str | None:
        """Return where the step's code stands, None when none runs, or none that is to blame."""


@dataclass(frozen=True)
class Look:
    """One look at the main thread, and what is known of the turn until then."""

    t: float
    delays: Delays
    #: Number of the turn that was looked into; 0 for a loop that waited.
    turn: int = 0
    #: Whether this look has found code of the step.
    found: bool = False
    #: Seconds of the turn in which such code held the loop up, and where it was found last.
    blocked_s: float = 0.0
    place: str | None = None


class Passed(NamedTuple):
    """Seconds since a look."""

    #: Less those in which the main thread waited for a processor.
    net_s: float
    #: Less those in which either thread did.
    unseen_s: float


class Watchdog:
    """Looks at the loop from a thread of its own while a step runs; otherwise nothing wakes it.

    To be made in the loop's thread, which is the main thread; its methods are for that thread.

    Args:
        turns: those of the loop.
        send: sends a message, and never blocks.
        sight: looks at the main thread.
    """

    def __init__(
        self, turns: Turns, send: Callable[[Blocked], None], sight: Sight | None = None
    ) -> None:
        self._turns = turns
        self._sight = sight or MainThread()
        self._reports = BlockReports(send, self._sight.now)
        self._step_id: str | None = None
        self._last = Look(self._sight.now(), self._sight.delays())
        self._wanted = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="itk-watchdog", daemon=True)

    def start(self) -> None:
        """Start the thread, and hear of long turns."""
        self._thread.start()
        self._sight.looked_from = self._thread.native_id
        self._turns.on_long = self.on_long_turn

    def stop(self) -> None:
        """End the thread, if it was started. A runner leaves without that."""
        self._turns.on_long = None
        self._stopped.set()
        self._wanted.set()
        if self._thread.native_id is not None:
            self._thread.join()

    @property
    def native_id(self) -> int | None:
        """The kernel's id of the thread."""
        return self._thread.native_id

    def follow(self, step_id: str | None) -> None:
        """Watch this step, the innermost one that runs; none, with None."""
        self._step_id = step_id
        if step_id is not None:
            self._wanted.set()

    def end(self, step_id: str) -> None:
        """Tell what is left to be told of a step: it is over."""
        self._reports.end(step_id)

    # In the thread.

    def _watch(self) -> None:
        while not self._stopped.is_set():
            self._wanted.wait()
            self.look()
            self._stopped.wait(LOOK_S)
            if self._step_id is None and not self._stopped.is_set():
                self._wanted.clear()
                # A step that has begun in between must not be left alone.
                if self._step_id is not None:
                    self._wanted.set()

    def look(self) -> None:
        """Note where the main thread stands, if the loop is in a turn."""
        turn, began = self._turns.number, self._turns.began
        now, delays = self._sight.now(), self._sight.delays()
        if began is None:
            self._last = Look(now, delays)
            return
        place = self._sight.place()
        if (self._turns.number, self._turns.began) != (turn, began):
            # The turn has ended meanwhile, and what was seen may be of the next one.
            self._last = Look(now, delays)
            return
        last = self._last if self._last.turn == turn else Look(began, self._last.delays)
        blocked_s = last.blocked_s
        if place is not None:
            blocked_s += _passed(last, now, delays).net_s
        self._last = Look(now, delays, turn, place is not None, blocked_s, place or last.place)

    # At the end of a turn, in the loop's thread.

    def on_long_turn(self, began: float, ended: float) -> None:
        """Judge a turn that has taken long."""
        step_id = self._step_id
        if step_id is None:
            return
        is_seen = self._last.turn == self._turns.number
        last = self._last if is_seen else Look(began, self._last.delays)
        passed = _passed(last, ended, self._sight.delays())
        blocked_s = last.blocked_s
        # That there was no look proves something only if the thread for it had its processor.
        if last.found or passed.unseen_s >= UNSEEN_S:
            blocked_s += passed.net_s
        if blocked_s >= BLOCK_S:
            self._reports.add(step_id, blocked_s, last.place)


def _passed(since: Look, now: float, delays: Delays) -> Passed:
    net_s = now - since.t - max(0.0, delays.main - since.delays.main)
    unseen_s = net_s - max(0.0, delays.own - since.delays.own)
    return Passed(max(0.0, net_s), unseen_s)
