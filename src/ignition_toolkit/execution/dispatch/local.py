"""The local dispatcher: first come, first served, so many at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ignition_toolkit.execution.views import WaitingFor
from ignition_toolkit.playbook.models import utc_now


class LocalDispatcher:
    """Gives out slots in the order of asking. To be used from the supervision loop only.

    Args:
        slots: executions at once, 1 or more.
        on_start: called when an execution may start.
        on_wait: called when an execution has to wait, with what for.
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
        self._running: list[str] = []
        #: Since when each waits, in the order of asking.
        self._waiting: dict[str, datetime] = {}
        self._stopped = False

    @property
    def running(self) -> int:
        """How many executions have a slot."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """How many executions wait."""
        return len(self._waiting)

    def submit(self, execution_id: str) -> None:
        """Queue an execution; it is started at once when a slot is free."""
        self._waiting[execution_id] = utc_now()
        self._start_next()
        if execution_id in self._waiting:
            self._say_waiting(execution_id)

    def withdraw(self, execution_id: str) -> bool:
        """Take an execution out of the queue; return False when it is not in it."""
        return self._waiting.pop(execution_id, None) is not None

    def release(self, execution_id: str) -> None:
        """Free the slot of an execution that is over; nothing happens when it has none."""
        if execution_id not in self._running:
            return
        was_named = execution_id == self._running[0]
        self._running.remove(execution_id)
        self._start_next()
        if was_named:
            for waiting in self._waiting:
                self._say_waiting(waiting)

    def stop(self) -> None:
        """Start no more executions; those that wait stay pending."""
        self._stopped = True

    def _start_next(self) -> None:
        while self._waiting and len(self._running) < self._slots and not self._stopped:
            execution_id = next(iter(self._waiting))
            del self._waiting[execution_id]
            self._running.append(execution_id)
            self._on_start(execution_id)

    def _say_waiting(self, execution_id: str) -> None:
        name = f"one of {self._slots} slots (ITK_MAX_RUNNING)"
        held_by = self._running[0] if self._running else None
        since = self._waiting[execution_id]
        what = WaitingFor(kind="slot", name=name, since=since, held_by=held_by)
        self._on_wait(execution_id, what)
