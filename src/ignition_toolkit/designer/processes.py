"""The processes of one launch, whatever forked them: found by a mark in their environment."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from ignition_toolkit.playbook.models import HandedOver

#: Environment variable that marks what a launch has started.
MARK = "ITK_DESIGNER"


def new_mark() -> str:
    """Return a mark that no other launch has."""
    return secrets.token_hex(8)


def is_marked(pid: int, mark: str) -> bool:
    """Say whether a process lives and is of a launch."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"{MARK}={mark}".encode() in environment.split(b"\0")


def marked(mark: str) -> Iterator[HandedOver]:
    """Yield the living processes of a launch, by number."""
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdecimal()):
        # The start before the mark: who has the mark has that start.
        start = _start(pid)
        if start is not None and is_marked(pid, mark):
            yield HandedOver(pid=pid, name=_name(pid), start=start)


def _start(pid: int) -> int | None:
    """Return the clock tick of a process's start, None when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return None
    # The name before it may hold brackets and spaces.
    return int(stat.rpartition(")")[2].split()[19])


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text("utf-8", "replace").rstrip("\n")
    except OSError:
        return "?"
