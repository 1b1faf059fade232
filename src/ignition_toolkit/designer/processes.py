"""The processes of one launch, whatever forked them: found by a mark in their environment.

What a marked process has started belongs to it too, also with an environment of its own: it is its
descendant, or in its session.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ignition_toolkit.playbook.models import HandedOver
from ignition_toolkit.protocol import HAND_OVER_MARK


@dataclass(frozen=True)
class _Look:
    """What /proc says of one process."""

    pid: int
    ppid: int
    session: int
    start: int


def new_mark() -> str:
    """Return a mark that no other launch has."""
    return secrets.token_hex(8)


def is_marked(pid: int, mark: str) -> bool:
    """Say whether a process lives and is of a launch."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"{HAND_OVER_MARK}={mark}".encode() in environment.split(b"\0")


def is_still(process: HandedOver) -> bool:
    """Say whether this very process has its number."""
    look = _look(process.pid)
    return look is not None and look.start == process.start


def belonging(mark: str) -> Sequence[HandedOver]:
    """Return the living processes of a launch, by number: those that bear its mark and theirs."""
    everybody = [look for pid in _numbers() if (look := _look(pid)) is not None]
    found = _with_theirs([look for look in everybody if is_marked(look.pid, mark)], everybody)
    return tuple(
        HandedOver(pid=look.pid, name=_name(look.pid), start=look.start, mark=mark)
        for look in sorted(found, key=lambda look: look.pid)
    )


def _with_theirs(marked: Iterable[_Look], everybody: Iterable[_Look]) -> set[_Look]:
    """Add the members of their sessions, and all that descends from these."""
    found = set(marked)
    # A launcher is started in a session of its own, so none of these is the runner's. A session's
    # number is given to nobody else while one of them is in it.
    sessions = {look.session for look in found} - {os.getsid(0)}
    found |= {look for look in everybody if look.session in sessions}
    before = 0
    while len(found) > before:
        before = len(found)
        parents = {look.pid for look in found}
        found |= {look for look in everybody if look.ppid in parents}
    return found


def _numbers() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def _look(pid: int) -> _Look | None:
    """Return what a process is, None when it has ended: a corpse that waits to be reaped too."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return None
    # The name before it may hold brackets and spaces.
    fields = stat.rpartition(")")[2].split()
    # A main thread may have ended while others act: then there is more than the one.
    if fields[0] in "ZX" and int(fields[17]) <= 1:
        return None
    return _Look(pid, int(fields[1]), int(fields[3]), int(fields[19]))


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text("utf-8", "replace").rstrip("\n")
    except OSError:
        return "?"
