"""Files that are not complete yet: they are removed also when the process that writes is killed.

A killed process cannot remove anything. So it has put a link to the file into its folder for
temporary files before, and whoever removes that folder removes what the links lead to.
"""

from __future__ import annotations

import os
import stat
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: How the names of the links begin.
MARK = "itk-unfinished-"


@contextmanager
def unfinished(file: Path) -> Iterator[None]:
    """Have a file removed at the end of the block, and if this process is killed inside it.

    Args:
        file: not there yet; one that was given another name inside the block stays.

    Cancellation: removes it.
    """
    folder = Path(os.environ.get("TMPDIR") or tempfile.gettempdir())
    mark = folder / f"{MARK}{uuid.uuid4().hex}"
    # Without a mark, as on a full disk, the file is still removed at the end of the block.
    with suppress(OSError):
        mark.symlink_to(file.absolute())
    try:
        yield
    finally:
        for one in (file, mark):
            with suppress(OSError):
                one.unlink()


def remove_unfinished(folder: Path) -> None:
    """Remove the files that a killed process has marked as unfinished.

    Args:
        folder: its one for temporary files; one that is not there holds nothing.
    """
    for mark in folder.glob(f"{MARK}*"):
        with suppress(OSError):
            file = mark.readlink()
            if stat.S_ISREG(file.lstat().st_mode):
                file.unlink()
