"""What was left to people: processes that no tree takes, whatever marker they bear."""

from __future__ import annotations

from collections.abc import Callable

from ignition_toolkit.janitor import proc
from ignition_toolkit.janitor.proc import Identity, Stat

#: Ancestors at most that are looked at for one that was left to a person.
MAX_ANCESTORS = 64
#: Marks that are kept in mind; the oldest give way.
MAX_MARKS = 1000


class Kept:
    """Processes that were left to people, with all that descends from them or bears their mark.

    The mark is what finds a program that a person's process has started, once the latter has
    ended: it is nobody's descendant then.
    """

    def __init__(self, is_end: Callable[[Identity], bool]) -> None:
        """Know none.

        Args:
            is_end: says whether a process can never be a person's, such as the worker or a
                runner: what descends from it is judged without a look beyond it.
        """
        self._is_end = is_end
        self._processes: dict[int, Identity] = {}
        #: Their marks, in the order in which they came.
        self._marks: dict[str, None] = {}

    def add(self, who: Identity, mark: str | None) -> None:
        """Leave a process alone from now on, and what bears its mark, if it has one."""
        kept = [*self._processes.values(), who]
        self._processes = {other.pid: other for other in kept if not proc.is_gone(other)}
        if mark is not None:
            self._marks[mark] = None
            while len(self._marks) > MAX_MARKS:
                del self._marks[next(iter(self._marks))]

    def knows(self, pid: int) -> bool:
        """Say whether the process that has this pid now is known to be kept, without a search."""
        return pid in self._processes and proc.identify(pid) == self._processes[pid]

    def has(self, stat: Stat) -> bool:
        """Say whether a process, or one that it descends from, was left to a person."""
        if not self._processes and not self._marks:
            return False
        look: Stat | None = stat
        for _ in range(MAX_ANCESTORS):
            if look is None or look.pid <= 1 or self._is_end(look.identity):
                return False
            if self._is_one(look):
                self._processes[stat.pid] = stat.identity
                return True
            look = proc.read_stat(look.ppid)
        return False

    def _is_one(self, stat: Stat) -> bool:
        if self._processes.get(stat.pid) == stat.identity:
            return True
        return bool(self._marks) and proc.read_hand_over_mark(stat) in self._marks
