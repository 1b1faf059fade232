"""The local dispatcher: an execution starts when a slot and all that it claims are free."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from ignition_toolkit.execution.dispatch.lines import Aliases, Lines
from ignition_toolkit.execution.views import Claim, WaitingFor
from ignition_toolkit.playbook.models import utc_now


@dataclass(frozen=True)
class _Obstacle:
    """What an execution waits for first; `claim` is None for a slot."""

    claim: Claim | None
    since: datetime
    held_by: str | None = None
    is_blocked: bool = False


class LocalDispatcher:
    """Decides what starts when. To be used from the supervision loop only.

    First come, first served for each thing: a later execution may pass an earlier one that waits
    for something else, never one that waits for the same. All that an execution claims is taken
    in one moment, with its slot.

    Args:
        slots: executions at once, 1 or more.
        on_start: called when an execution may start.
        on_wait: called when an execution has to wait, with what for; again when that changes.
    """

    def __init__(
        self,
        slots: int,
        on_start: Callable[[str], None],
        on_wait: Callable[[str, WaitingFor], None],
    ) -> None:
        self._slots = slots
        self._on_start = on_start
        self._on_wait = on_wait
        #: All that run, wait or block stand in their lines.
        self._lines = Lines()
        self._running: set[str] = set()
        #: What each waits for, in the order of asking; None until that was told.
        self._waiting: dict[str, _Obstacle | None] = {}
        #: Over, without a slot, and still in their lines until somebody unblocks them.
        self._blocking: set[str] = set()
        self._stopped = False

    @property
    def running(self) -> int:
        """How many executions have a slot."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """How many executions wait."""
        return len(self._waiting)

    def submit(
        self, execution_id: str, claims: Collection[Claim] = (), aliases: Aliases | None = None
    ) -> None:
        """Queue an execution; it is started at once when all that it needs is free.

        Args:
            execution_id: the execution.
            claims: what it needs for itself.
            aliases: further names of what it claims: who has a thing by any of them has it.
        """
        self._lines.join(execution_id, claims, aliases)
        self._waiting[execution_id] = None
        # Nothing became free, so nobody else can start.
        if self._may_start(execution_id):
            self._start(execution_id)
        else:
            self._tell(execution_id)

    def withdraw(self, execution_ids: Iterable[str]) -> None:
        """Take executions out of the queue, all before another starts; others are passed over."""
        withdrawn = [one for one in execution_ids if one in self._waiting]
        for execution_id in withdrawn:
            del self._waiting[execution_id]
            self._lines.leave(execution_id)
        if withdrawn:
            self._go_on()

    def release(self, execution_id: str, *, blocks: bool = False) -> None:
        """Free what an execution has that is over; nothing happens when it has no slot.

        Args:
            execution_id: the execution.
            blocks: keep what it claimed, and free its slot alone.
        """
        if execution_id not in self._running:
            return
        self._running.remove(execution_id)
        if blocks:
            self._blocking.add(execution_id)
        else:
            self._lines.leave(execution_id)
        self._go_on()

    def block(self, execution_id: str, claims: Collection[Claim]) -> None:
        """Keep what an execution claimed that an earlier worker ran, before anything is queued."""
        self._lines.join(execution_id, claims)
        self._blocking.add(execution_id)

    def unblock(self, execution_id: str) -> None:
        """Free what an execution blocks; nothing happens when it blocks nothing."""
        if execution_id in self._blocking:
            self._blocking.remove(execution_id)
            self._lines.leave(execution_id)
            self._go_on()

    def stop(self) -> None:
        """Start no more executions; those that wait stay pending."""
        self._stopped = True

    def _go_on(self) -> None:
        """Start who can start, in the order of asking; tell the others what they wait for now."""
        if self._stopped:
            return
        for execution_id in list(self._waiting):
            if self._may_start(execution_id):
                self._start(execution_id)
        for execution_id in self._waiting:
            self._tell(execution_id)

    def _may_start(self, execution_id: str) -> bool:
        has_slot = len(self._running) < self._slots and not self._stopped
        return has_slot and not self._lines.missing(execution_id)

    def _start(self, execution_id: str) -> None:
        del self._waiting[execution_id]
        self._running.add(execution_id)
        self._on_start(execution_id)

    def _tell(self, execution_id: str) -> None:
        told = self._waiting[execution_id]
        found = self._obstacle(execution_id, told)
        if found != told:
            self._waiting[execution_id] = found
            self._on_wait(execution_id, self._reason(found))

    def _obstacle(self, execution_id: str, told: _Obstacle | None) -> _Obstacle:
        missing = self._lines.missing(execution_id)
        # What was told stays told for as long as it is true, and with it the time.
        known = told.claim if told is not None else None
        claim = known if known in missing else next(iter(missing), None)
        is_same = told is not None and told.claim == claim
        since = told.since if told is not None and is_same else utc_now()
        if claim is None:
            return _Obstacle(None, since)
        holder = self._lines.first(execution_id, claim)
        return _Obstacle(claim, since, holder, holder in self._blocking)

    def _reason(self, found: _Obstacle) -> WaitingFor:
        if found.claim is None:
            name = f"one of {self._slots} slots (ITK_MAX_RUNNING)"
            return WaitingFor(kind="slot", name=name, since=found.since)
        name = found.claim.name
        if found.is_blocked:
            name += f" (blocked: `itk release {found.held_by}` frees it)"
        return WaitingFor(
            kind=found.claim.kind, name=name, since=found.since, held_by=found.held_by
        )
