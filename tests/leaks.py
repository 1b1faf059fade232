"""What a test has left behind in the pytest process: threads, child processes, open handles."""

import gc
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

T = TypeVar("T")

#: Seconds that what is ending by itself (a reaper thread, a closing pipe) gets to be gone.
SETTLE_S = 2.0

#: Handles that a library opens once for the life of the process.
LASTING_HANDLES = frozenset({"/dev/urandom", "/dev/random"})


@dataclass(frozen=True)
class Footprint:
    """A picture of this process, to be compared with a later one."""

    threads: frozenset[threading.Thread]
    children: frozenset[tuple[int, int]]
    handles: frozenset[tuple[int, str]]

    @classmethod
    def take(cls) -> Self:
        """Look at this process now; handles are pairs of number and target."""
        return cls(frozenset(threading.enumerate()), children(), handles())

    def left_since(self, *, with_handles: bool) -> list[str]:
        """Return a line for each thing that is here now, was not then and does not go away.

        Waits up to SETTLE_S for things that are ending, and ends children that stay.
        """
        deadline = time.monotonic() + SETTLE_S
        while lines := self._new(with_handles=with_handles):
            if time.monotonic() >= deadline:
                self._end_new_children()
                return lines
            gc.collect()
            time.sleep(0.01)
        return []

    def _new(self, *, with_handles: bool) -> list[str]:
        now = Footprint.take()
        lines = [f"thread {thread.name!r}" for thread in now.threads - self.threads]
        lines += [f"child {pid} {command(pid)!r}" for pid, _ in now.children - self.children]
        if with_handles:
            lines += [f"handle {number} on {what}" for number, what in now.handles - self.handles]
        return sorted(lines)

    def _end_new_children(self) -> None:
        """Keep one test's leak from disturbing the next; the report has been written."""
        for pid, _ in children() - self.children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def children() -> frozenset[tuple[int, int]]:
    """Return pid and start time of this process's children, zombies included."""
    pids: set[int] = set()
    for listing in Path("/proc/self/task").glob("*/children"):
        pids.update(int(pid) for pid in or_gone(listing.read_text, "").split())
    return frozenset((pid, start) for pid in pids if (start := start_time(pid)) is not None)


def start_time(pid: int) -> int | None:
    """Return the clock tick at which the process started, None when there is no such process."""
    stat = or_gone(Path(f"/proc/{pid}/stat").read_text, "")
    # The name in brackets may hold spaces and brackets of its own; field 22 counts from after it.
    return int(stat.rpartition(")")[2].split()[19]) if stat else None


def command(pid: int) -> str:
    """Return the command line of a process as text, empty for a zombie."""
    raw = or_gone(Path(f"/proc/{pid}/cmdline").read_bytes, b"")
    return raw.replace(b"\0", b" ").decode(errors="replace").strip()


def handles() -> frozenset[tuple[int, str]]:
    """Return the open file descriptors of this process and what they are open on."""
    found: set[tuple[int, str]] = set()
    for number in os.listdir("/proc/self/fd"):
        target = or_gone(partial(os.readlink, f"/proc/self/fd/{number}"), "")
        if target and target not in LASTING_HANDLES:
            found.add((int(number), target))
    return frozenset(found)


def or_gone(read: Callable[[], T], gone: T) -> T:
    """Read from /proc, where what was listed may be gone by the time it is opened."""
    try:
        return read()
    except (FileNotFoundError, ProcessLookupError):
        return gone
