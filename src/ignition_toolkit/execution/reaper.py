"""Reaps the orphans of dead runs, which a subreaper inherits: by pid, and only when dead."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> None:
    """Make this process the parent of everything that its dead children leave behind.

    Raises OSError where the kernel does not know this (before Linux 3.4).
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) failed")


class Reaper:
    """Reaps dead children that nobody else waits for.

    Args:
        own: returns the pids of the children that have somebody who waits for them.
    """

    def __init__(self, own: Callable[[], Collection[int]]) -> None:
        self._own = own

    def reap(self) -> int:
        """Reap what is dead and nobody's; return how many. Never blocks."""
        own = set(self._own())
        return sum(_reap_one(pid) for pid in _children() if pid not in own)


def _reap_one(pid: int) -> bool:
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG) is not None
    except ChildProcessError:
        return False


def _children() -> Iterator[int]:
    for task in Path("/proc/self/task").iterdir():
        try:
            yield from map(int, (task / "children").read_text("ascii").split())
        except OSError:
            # The thread has ended, or this kernel keeps no child lists; its zombies then wait
            # for the end of this process, which costs an entry in the process table each.
            continue
