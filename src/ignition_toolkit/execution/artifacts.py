"""The files that executions leave: what there is, and where one is. Blocks: for a thread."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from ignition_toolkit.errors import NotFound
from ignition_toolkit.execution.views import Artifact

#: Files of one execution that are listed.
MAX_LISTED = 500

#: Seconds for which the files of all executions are counted.
COUNT_S = 0.2


def list_artifacts(folder: Path) -> tuple[Artifact, ...]:
    """Return the regular files below an execution's folder, by name, at most MAX_LISTED."""
    found = islice(files_in(folder), MAX_LISTED)
    return tuple(sorted(found, key=lambda artifact: artifact.name))


def open_artifact(folder: Path, name: str) -> int:
    """Return a descriptor of one file, which the caller closes.

    The file is checked when it is open, so that one that is replaced meanwhile is either the old
    or the new one, never one outside.

    Raises:
        NotFound: there is no regular file of that name inside the folder.
    """
    root = os.path.realpath(folder)
    try:
        # Non-blocking, or a named pipe would hold the reader for ever.
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        raise _missing(name) from error
    inside = os.readlink(f"/proc/self/fd/{descriptor}").startswith(root + "/")
    if inside and stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise _missing(name)


def count_bytes(root: Path) -> int | None:
    """Return the bytes of all executions' artifacts; None when that takes over COUNT_S seconds."""
    until = time.monotonic() + COUNT_S
    total = 0
    for artifact in files_in(root):
        total += artifact.size
        if time.monotonic() > until:
            return None
    return total


def files_in(folder: Path) -> Iterator[Artifact]:
    """Yield the regular files below a folder, in no order."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent) / name
            try:
                facts = path.lstat()
            except OSError:
                continue  # removed meanwhile
            if stat.S_ISREG(facts.st_mode):
                yield Artifact(name=str(path.relative_to(folder)), size=facts.st_size)


def _missing(name: str) -> NotFound:
    return NotFound(f"this execution has no artifact {name[:200]!r}")
