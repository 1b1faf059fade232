"""Looks at executions from outside: who was there, who acted, and when last.

Nothing here asks the server. Processes are told apart by pid and start time; what belongs to an
execution is found by its signs of life, by the marker in its environment, and by lineage. The
format of the signs of life is told in examples/stuck-steps.
"""

import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tests.polling import poll_until

MARKER = "ITK_RUN"

#: Seconds between beats are 0.01 to 0.03; a process that beat within this is alive and acting.
RECENT_S = 1.0


class Identity(NamedTuple):
    """One process, for ever: its pid and the clock tick of its start."""

    pid: int
    start: int


@dataclass(frozen=True)
class Entry:
    """One line of the process table."""

    identity: Identity
    parent: int
    name: str
    state: str


class Beat(NamedTuple):
    """One sign of life, at a second of the monotonic clock."""

    identity: Identity
    at: float


def entry(pid: int) -> Entry | None:
    """Return a process's line of the table, None when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    head, _, tail = text.rpartition(")")
    fields = tail.split()
    identity = Identity(pid, int(fields[19]))
    return Entry(identity, int(fields[1]), head.partition("(")[2], fields[0])


def table() -> list[Entry]:
    """Return the process table as it is now."""
    pids = (int(name) for name in os.listdir("/proc") if name.isdigit())
    return [line for pid in pids if (line := entry(pid))]


def is_alive(identity: Identity) -> bool:
    """Say whether a process can still act.

    A zombie is dead only when its main thread was the last: others may go on writing.
    """
    found = entry(identity.pid)
    if found is None or found.identity != identity:
        return False
    if found.state not in "ZX":
        return True
    try:
        return len(os.listdir(f"/proc/{identity.pid}/task")) > 1
    except (FileNotFoundError, ProcessLookupError):
        return False


def below(roots: Iterable[int]) -> set[Identity]:
    """Return every descendant of some processes, themselves not included."""
    lines = table()
    family = set(roots)
    found: set[Identity] = set()
    grown = True
    while grown:
        new = {e.identity for e in lines if e.parent in family} - found
        grown = bool(new)
        found |= new
        family |= {identity.pid for identity in new}
    return found


def mark(pid: int) -> str | None:
    """Return the marker in a process's environment, None when it has none."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    prefix = f"{MARKER}=".encode()
    return next((v[len(prefix) :].decode() for v in environment if v.startswith(prefix)), None)


def marked(fits: Callable[[str], bool]) -> set[Identity]:
    """Return every process whose marker fits."""
    found = set()
    for line in table():
        text = mark(line.identity.pid)
        if text is not None and fits(text):
            found.add(line.identity)
    return found


def end(processes: Iterable[Identity]) -> None:
    """Kill what a failed test leaves behind, each process only if it is still the same one."""
    for identity in processes:
        if is_alive(identity):
            try:
                os.kill(identity.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def monotonic_of(wall: float) -> float:
    """Return the second of the monotonic clock at a second of the wall clock."""
    return wall - time.time() + time.monotonic()


def read_beats(path: Path) -> list[Beat]:
    """Return the signs of life in a file and in `FILE.held`, in the order of their times."""
    uptime_ahead = time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()
    beats = []
    for file in (path, path.with_name(path.name + ".held")):
        text = file.read_text("ascii") if file.exists() else ""
        # What comes after the last line end is still being written.
        for line in text.split("\n")[:-1]:
            pid, start, at = line.split()
            from_boot = at.startswith("b")
            second = float(at.lstrip("b")) - (uptime_ahead if from_boot else 0.0)
            beats.append(Beat(Identity(int(pid), int(start)), second))
    return sorted(beats, key=lambda beat: beat.at)


@dataclass
class Witness:
    """Watches one execution by the file that its processes beat into."""

    path: Path
    #: Everything that was seen to belong to it.
    tree: set[Identity] = field(default_factory=set)
    #: Markers of its runners.
    marks: set[str] = field(default_factory=set)

    def beats(self) -> list[Beat]:
        """Return its signs of life so far, oldest first."""
        return read_beats(self.path)

    def acted(self) -> set[Identity]:
        """Return the processes that have given a sign of life."""
        return {beat.identity for beat in self.beats()}

    def wait_acting(self, processes: int = 1, *, links: int = 0, deadline_s: float = 30.0) -> None:
        """Return when so many of its processes act now: the positive control.

        Args:
            processes: how many must be alive and have just given a sign of life.
            links: how many must have given one, dead or alive: the links of a forking chain do
                not live long enough to be met.
            deadline_s: seconds to wait.

        Raises AssertionError when they do not within the deadline. Notes the tree on the way.
        """
        poll_until(
            lambda: len(self.acting_now()) >= processes and len(self.acted()) >= links, deadline_s
        )
        self.look()

    def acting_now(self) -> set[Identity]:
        """Return the living processes whose newest sign of life is recent."""
        newest = {beat.identity: beat.at for beat in self.beats()}
        recent = {who for who, at in newest.items() if at > time.monotonic() - RECENT_S}
        return {identity for identity in recent if is_alive(identity)}

    def look(self) -> None:
        """Note every process that belongs to the execution now."""
        acted = self.acted()
        self.tree |= acted
        self.marks |= {text for identity in acted if (text := mark(identity.pid))}
        with_mark = marked(lambda text: text in self.marks) if self.marks else set()
        self.tree |= with_mark
        self.tree |= below(identity.pid for identity in with_mark)

    def alive(self) -> set[Identity]:
        """Return what lives of everything that was seen, or bears one of its markers."""
        return {one for one in self.tree | self.acted() if is_alive(one)} | {
            one for one in marked(lambda text: text in self.marks) if is_alive(one)
        }

    def last(self) -> float:
        """Return the monotonic second of the last sign of life."""
        return self.beats()[-1].at

    def assert_silent(self, since: float, for_s: float = 0.25) -> None:
        """Fail when anything acted after `since`, or does while this watches."""
        time.sleep(for_s)
        late = [beat for beat in self.beats() if beat.at > since]
        assert not late, (
            f"{len(late)} signs of life of {len({b.identity for b in late})} processes after the "
            f"end, the last {late[-1].at - since:.3f} s late"
        )

    def assert_gone(self) -> None:
        """Fail when a process of the execution is alive."""
        left = self.alive()
        assert not left, f"still alive: {[describe(identity) for identity in left]}"


def describe(identity: Identity) -> str:
    """Return pid, state, name and command line of a process, for a message."""
    found = entry(identity.pid)
    if found is None:
        return f"{identity.pid} (gone by now)"
    try:
        command = Path(f"/proc/{identity.pid}/cmdline").read_bytes().replace(b"\0", b" ")
    except OSError:
        command = b""
    return f"{identity.pid} {found.state} {found.name}: {command.decode(errors='replace')[:200]}"
