"""Files that only their owner may read: read with that checked, written in one piece."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path


class NotPrivate(Exception):
    """A file that was to be private is none: no plain file, or others may read or write it."""


def read_private(path: Path, most: int, *, mounted: bool = False) -> bytes:
    """Return what a private file holds, cut after `most` bytes and one more. Blocks.

    Args:
        path: the file.
        most: bytes that are expected at most.
        mounted: whether somebody else may have put it there for us, such as a container engine:
            then it may be reached through a link, and one of another user or of a read-only file
            system may be such as all may read, if nobody else may write it.

    Raises:
        NotPrivate: others may read or change it, or it is no plain file.
        OSError: it cannot be read.
    """
    # Not through a link, and not waiting for the other end of a pipe.
    flags = os.O_RDONLY | os.O_NONBLOCK | (0 if mounted else os.O_NOFOLLOW)
    descriptor = os.open(path, flags)
    with open(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        is_given = mounted and (found.st_uid != os.geteuid() or _is_read_only(descriptor))
        refused = 0o022 if is_given else 0o077
        if not stat.S_ISREG(found.st_mode) or found.st_mode & refused:
            raise NotPrivate(str(path))
        return file.read(most + 1)


def _is_read_only(descriptor: int) -> bool:
    return bool(os.fstatvfs(descriptor).f_flag & os.ST_RDONLY)


def write_private(path: Path, data: bytes) -> None:
    """Write a file with mode 0600 in one piece, in place of an older one. Blocks.

    Only one process at a time may do that: the owner of the data folder. Raises OSError; the older
    one is there as it was then.
    """
    # One fixed name is enough for one writer. One that is left may have another mode.
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
