"""What a bad step does for all to see: lines in a file, `begun` and `acted`.

A line is `what pid seconds`, the seconds of the system's monotonic clock. `acted` stands for the
effect of the step in the plant: one that comes after a cancel is the harm. Every kind that nobody
cancels acts once: `seconds` after it has begun or later, where its docstring says nothing else.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field


class Bad(BaseModel):
    """The parameters of every kind here."""

    model_config = ConfigDict(extra="forbid")

    journal: str = Field(default="", description="File that gets the lines; empty for none")
    seconds: float = Field(default=60.0, gt=0, description="How long the step takes by itself")


class Entry(NamedTuple):
    """One line of a journal."""

    what: str
    pid: int
    t: float


def begin(params: dict[str, Any]) -> None:
    """Say that the step is under way."""
    write(params, "begun")


def act(params: dict[str, Any]) -> None:
    """Do what the step is there for."""
    write(params, "acted")


def write(params: dict[str, Any], what: str) -> None:
    """Add a line in one piece, from whatever thread or process."""
    line = f"{what} {os.getpid()} {time.monotonic():.6f}\n"
    out = os.open(params["journal"] or os.devnull, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(out, line.encode("ascii"))
    finally:
        os.close(out)


def read(journal: Path) -> list[Entry]:
    """Return what was written so far; a line that is being written is left out."""
    if not journal.exists():
        return []
    *lines, _ = journal.read_text("ascii").split("\n")
    return [Entry(what, int(pid), float(t)) for what, pid, t in map(str.split, lines)]
