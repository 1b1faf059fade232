"""Reads where a runner stood when it was asked: it writes that into a file of its own folder."""

from __future__ import annotations

import os
from pathlib import Path

from ignition_toolkit.playbook.stuck_trace import stuck_place

#: Name of the file; the runner opens it under the same.
STUCK_FILE = "stuck.txt"
#: Bytes of `faulthandler`'s text that are read, from its end: the newest.
_TRACE_BYTES = 200_000


def read_stuck_place(folder: Path) -> str | None:
    """Return `file:line in function`, None when it was not asked or had no answer. Blocks."""
    try:
        with (folder / STUCK_FILE).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - _TRACE_BYTES))
            return stuck_place(file.read(_TRACE_BYTES).decode("utf-8", "replace"))
    except OSError:
        return None
