"""What a janitor was told and asked, kept until it has answered: the next one is told it again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Set
from dataclasses import dataclass, field

from ignition_toolkit.execution.hand_overs import LeftToPerson
from ignition_toolkit.execution.janitor_answers import Ended, Swept

logger = logging.getLogger(__name__)

#: Living processes left to people that a new janitor is told of.
MAX_KEPT = 200


@dataclass
class PendingEnd:
    """An end that was asked for and not answered yet."""

    at: float
    ask_at: float | None
    answer: asyncio.Future[Ended | None]
    #: Whether it is still wanted, and how often it was taken back without an answer so far.
    wanted: bool = True
    spares: int = 0


@dataclass
class JanitorRequests:
    """Runners that are watched, and questions that are open. Pure state."""

    starting: set[str] = field(default_factory=set)
    watched: dict[str, tuple[int, int]] = field(default_factory=dict)
    ends: dict[str, PendingEnd] = field(default_factory=dict)
    sweeps: list[asyncio.Future[Swept]] = field(default_factory=list)
    pings: dict[int, asyncio.Future[None]] = field(default_factory=dict)
    #: Processes that were left to a person, in the order in which they were.
    kept: list[LeftToPerson] = field(default_factory=list)

    def keep(self, one: LeftToPerson) -> None:
        """Note a process that was left to a person."""
        self.kept.append(one)

    def forget_kept(self, gone: Set[LeftToPerson]) -> None:
        """Forget those that are gone; of too many that live the newest stay in mind."""
        self.kept = [one for one in self.kept if one not in gone]
        for one in self.kept[:-MAX_KEPT]:
            logger.error(
                "more than %d processes that were handed over live: process %d is ended when the"
                " janitor has to be replaced",
                MAX_KEPT,
                one.pid,
                extra={"action": "kept_forgotten"},
            )
        del self.kept[:-MAX_KEPT]

    def repeat(self) -> Iterator[tuple[str, dict[str, object]]]:
        """Yield what a new janitor has to be told: (op, fields)."""
        # Before any end, which would take them too.
        for one in self.kept:
            yield "keep", {"pid": one.pid, "start": one.start, "mark": one.mark}
        for token in self.starting:
            yield "spawning", {"token": token}
        for token, (pid, start) in self.watched.items():
            yield "watch", {"token": token, "pid": pid, "start": start}
        for token, pending in self.ends.items():
            # Also one that was being taken back: the old janitor may have begun with it, and what
            # it left frozen must not stay so.
            pending.wanted, pending.spares = True, 0
            yield "end", {"token": token, "at": pending.at, "ask_at": pending.ask_at}
        for _ in self.sweeps:
            yield "sweep", {}

    def due_t(self) -> float | None:
        """Return when the janitor had to begin with something; None when nothing is asked.

        What has no time of its own counts from the beginning of time.
        """
        if self.sweeps or self.pings:
            return 0.0
        # One that is being taken back is answered at once.
        return min((p.at if p.wanted else 0.0 for p in self.ends.values()), default=None)

    def watch(self, token: str, pid: int, start: int) -> None:
        """Note which process a runner is."""
        self.starting.discard(token)
        self.watched[token] = (pid, start)

    def forget(self, token: str) -> None:
        """Note that a runner was not started, or is over."""
        self.starting.discard(token)
        self.watched.pop(token, None)

    def end(self, token: str, at: float, ask_at: float | None) -> asyncio.Future[Ended | None]:
        """Note an end; return the future of its answer."""
        pending = self.ends.get(token)
        if pending is None:
            pending = PendingEnd(at, ask_at, asyncio.get_running_loop().create_future())
            self.ends[token] = pending
        elif not pending.wanted:
            pending.at, pending.ask_at, pending.wanted = at, ask_at, True
        pending.at = min(at, pending.at)
        return pending.answer

    def spare(self, token: str) -> bool:
        """Note that an end is taken back; return whether the janitor has to be told."""
        pending = self.ends.get(token)
        if pending is None or not pending.wanted:
            return False
        pending.wanted = False
        pending.spares += 1
        return True

    def on_spared(self, token: str) -> None:
        """Note that an end was taken back.

        An end that was asked for after the spare stands, and has an answer of its own.
        """
        pending = self.ends.get(token)
        if pending is not None:
            pending.spares -= 1
            if not pending.wanted and pending.spares <= 0:
                self.on_over(token, None)

    def on_over(self, token: str, ended: Ended | None) -> None:
        """Answer an end."""
        pending = self.ends.pop(token, None)
        if pending is not None and not pending.answer.done():
            pending.answer.set_result(ended)

    def on_swept(self, swept: Swept) -> None:
        """Answer the oldest sweep."""
        if self.sweeps and not (first := self.sweeps.pop(0)).done():
            first.set_result(swept)

    def on_pong(self, number: int) -> None:
        """Answer a ping."""
        ping = self.pings.get(number)
        if ping is not None and not ping.done():
            ping.set_result(None)
