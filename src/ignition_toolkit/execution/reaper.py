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
    """Reaps dead children that nobody waits for.

    A child of this process's own session was started by somebody here who waits for it: what
    runners leave is in theirs or in one of its own.

    Args:
        own: returns the pids of the runners and the janitor, which their keepers wait for.
        is_starting: whether a runner is being started whose pid `own` cannot tell yet. A dead
            leader of a session is then left for the next time.
    """

    def __init__(self, own: Callable[[], Collection[int]], is_starting: Callable[[], bool]) -> None:
        self._own = own
        self._is_starting = is_starting

    def reap(self) -> int:
        """Reap what is dead and nobody's; return how many. Never blocks."""
        candidates = list(_children())
        own, mine = set(self._own()), os.getsid(0)
        return sum(self._reap_one(pid, mine) for pid in candidates if pid not in own)

    def _reap_one(self, pid: int, my_session: int) -> bool:
        session = _session_of_dead(pid)
        if session is None or session == my_session:
            return False
        if session == pid and self._is_starting():
            return False
        try:
            return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG) is not None
        except ChildProcessError:
            return False


def _session_of_dead(pid: int) -> int | None:
    """Return the session of a zombie, None for a process that lives or is not there."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return None
    # The name in brackets may hold spaces and brackets of its own.
    state, _, _, session, *_ = stat.rpartition(")")[2].split()
    return int(session) if state == "Z" else None


def _children() -> Iterator[int]:
    for task in Path("/proc/self/task").iterdir():
        try:
            yield from map(int, (task / "children").read_text("ascii").split())
        except OSError:
            # The thread has ended, or this kernel keeps no child lists; its zombies then wait
            # for the end of this process, which costs an entry in the process table each.
            continue
