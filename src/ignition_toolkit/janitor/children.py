"""Two ways to list the children of processes: the kernel's own lists, and a scan of /proc.

The kernel's lists name a child from the moment of the fork; a scan can miss a process that
forks on every half millisecond for as long as it likes (measured), so it is the second choice.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Protocol

from ignition_toolkit.janitor import proc

#: How many of a process's youngest children are looked at before all others.
NEWEST = 8


class ChildLists(Protocol):
    """How the children of processes are found on this machine."""

    #: Whether the kernel's own lists are used.
    is_kernels: bool

    def each(self, parents: Iterable[int], *, anew: bool = True) -> Iterator[tuple[int, list[int]]]:
        """Yield every parent with its children, newest last, zombies included.

        Args:
            parents: pids; may grow while it is iterated over.
            anew: not from what was read for the last question, where reading is dear.
        """
        ...

    def newest(self, parent: int) -> list[int]:
        """Return the NEWEST youngest children as they are now; none where that cannot be told."""
        ...


class KernelLists:
    """Reads /proc/PID/task/*/children."""

    is_kernels = True

    def each(self, parents: Iterable[int], *, anew: bool = True) -> Iterator[tuple[int, list[int]]]:
        """Yield every parent with its children as they are when their turn comes."""
        for parent in parents:
            pids: list[int] = []
            for listing in self._read(parent):
                pids += map(int, listing.split())
            yield parent, pids

    def newest(self, parent: int) -> list[int]:
        """Return the youngest of each thread; the others are not even made numbers of."""
        pids: list[int] = []
        for listing in self._read(parent):
            pids += map(int, listing.rsplit(None, NEWEST)[-NEWEST:])
        return pids

    def _read(self, parent: int) -> Iterator[bytes]:
        for thread in proc.list_threads(parent):
            yield proc.read_file(f"/proc/{parent}/task/{thread}/children")


class ScannedLists:
    """Reads the parent of every process there is, once for all parents asked about."""

    is_kernels = False

    def __init__(self) -> None:
        """Know nothing yet."""
        self._children: dict[int, list[int]] = {}

    def each(self, parents: Iterable[int], *, anew: bool = True) -> Iterator[tuple[int, list[int]]]:
        """Yield every parent with its children as they were when /proc was read."""
        if anew or not self._children:
            self._read()
        for parent in parents:
            yield parent, self._children.get(parent, [])

    def newest(self, parent: int) -> list[int]:
        """Return none: a scan takes too long to catch who forks on."""
        return []

    def _read(self) -> None:
        self._children = {}
        for pid in proc.list_pids():
            if stat := proc.read_stat(pid):
                self._children.setdefault(stat.ppid, []).append(pid)


def choose_lists() -> ChildLists:
    """Return the kernel's lists where this kernel has them (CONFIG_PROC_CHILDREN)."""
    own = os.getpid()
    return KernelLists() if os.path.exists(f"/proc/self/task/{own}/children") else ScannedLists()


def ancestors(pid: int) -> set[proc.Identity]:
    """Return this process, its parent and so on up to pid 1."""
    found: set[proc.Identity] = set()
    stat = proc.read_stat(pid)
    while stat and stat.identity not in found:
        found.add(stat.identity)
        stat = proc.read_stat(stat.ppid)
    return found
