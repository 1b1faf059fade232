"""The ladder's clock: which tree is to be ended when. Pure state; every method is told the time."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import NamedTuple

from ignition_toolkit.janitor.proc import Identity

#: Seconds after which a start that was announced but never answered holds nothing up any more.
SPAWN_S = 1.0
#: Ends that are appointed at the same time and still begin in time, each at its own.
FEW = 8
#: Seconds that each further one has all of them begin earlier, and how early at most.
EACH_S, EARLIEST_S = 0.001, 0.1
#: Seconds that a runner has for its answer, also when it is asked late because this process is.
ANSWER_S = 0.03


class End(NamedTuple):
    """A tree's appointed end; times are of `time.monotonic()`."""

    at: float
    #: When the runner is to be asked where it is stuck; None when it has been, or never is to be.
    ask_at: float | None
    #: It does not begin before this: until then the runner has time to say where it is stuck.
    not_before: float = -math.inf


class Clock:
    """What the worker has announced: its runners, the starts under way and the appointed ends."""

    def __init__(self) -> None:
        """Start with nothing announced."""
        self._runners: dict[str, Identity] = {}
        self._starting: dict[str, float] = {}
        self._ends: dict[str, End] = {}
        #: Tokens whose end has begun; True once it has been answered.
        self._begun: dict[str, bool] = {}

    @property
    def tokens(self) -> list[str]:
        """Return every token that was announced and not forgotten."""
        return list(self._runners | self._starting)

    @property
    def runners(self) -> Collection[Identity]:
        """Return the runners that were announced and not forgotten."""
        return self._runners.values()

    def runner(self, token: str) -> Identity | None:
        """Return a token's runner, None when none was announced."""
        return self._runners.get(token)

    def start_is_announced(self, token: str, now: float) -> None:
        """Note that a runner is about to be forked."""
        self._starting[token] = now

    def watch(self, token: str, runner: Identity) -> None:
        """Note that the runner of a token runs."""
        self._starting.pop(token, None)
        self._runners[token] = runner

    def forget(self, token: str) -> None:
        """Drop everything about a token, its appointed end included."""
        for notes in (self._starting, self._runners, self._ends, self._begun):
            notes.pop(token, None)

    def is_starting(self, now: float) -> bool:
        """Say whether a runner may be on its way that nobody knows yet."""
        return any(now < since + SPAWN_S for since in self._starting.values())

    def end(self, token: str, at: float, ask_at: float | None) -> None:
        """Appoint the end of a token's tree; of several times the earliest counts.

        Nothing changes while its end is under way; after that, a new one is appointed.
        """
        if self._begun.get(token) is False:
            return
        self._begun.pop(token, None)
        earlier = self._ends.get(token)
        if earlier:
            at = min(at, earlier.at)
            asks = [time for time in (ask_at, earlier.ask_at) if time is not None]
            ask_at = min(asks, default=None)
        self._ends[token] = End(at, ask_at, earlier.not_before if earlier else -math.inf)

    def spare(self, token: str) -> bool:
        """Take the end of a token back; say whether it had not begun yet."""
        self._ends.pop(token, None)
        return token not in self._begun

    def take_asks(self, now: float) -> list[Identity]:
        """Return the runners that are to be asked now where they are stuck, each once."""
        asks: list[Identity] = []
        early = now + self._haste()
        for token, end in self._ends.items():
            if end.ask_at is not None and end.ask_at <= early and token in self._runners:
                asks.append(self._runners[token])
                self._ends[token] = End(end.at, None, not_before=now + ANSWER_S)
        return asks

    def take_due(self, now: float) -> list[str]:
        """Return the tokens whose end is to begin now; from here on it cannot be taken back."""
        haste = self._haste()
        due = [token for token in self._ends if self._begins_at(token, haste) <= now]
        for token in due:
            del self._ends[token]
            self._begun[token] = False
        return due

    def is_answered(self, token: str) -> None:
        """Note that the end of a token's tree is over, well or not."""
        if token in self._begun:
            self._begun[token] = True

    def next_at(self) -> float | None:
        """Return the time of the next thing to do, None when nothing is appointed."""
        haste = self._haste()
        times = [self._begins_at(token, haste) for token in self._ends]
        asks = ((token, end.ask_at) for token, end in self._ends.items())
        times += [at - haste for token, at in asks if at is not None and token in self._runners]
        return min(times, default=None)

    def _haste(self) -> float:
        """Return by how many seconds ends begin early, so that the last of many is not late."""
        return min(EARLIEST_S, EACH_S * max(0, len(self._ends) - FEW))

    def _begins_at(self, token: str, haste: float) -> float:
        """Return when to begin: not while the runner is being forked and cannot be found."""
        end = self._ends[token]
        since = self._starting.get(token)
        at = end.at if since is None else max(end.at, since + SPAWN_S)
        return max(at - haste, end.not_before)
