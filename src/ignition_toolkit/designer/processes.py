"""The processes of one launch, whatever forked them: found by a mark in their environment."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from ignition_toolkit.playbook.models import Process

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


def marked(mark: str) -> Iterator[Process]:
    """Yield the living processes of a launch, by number."""
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdecimal()):
        if is_marked(pid, mark):
            yield Process(pid=pid, name=_name(pid))


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text("utf-8", "replace").rstrip("\n")
    except OSError:
        return "?"
