"""Backups: zip files with the whole state, made while they are sent, at constant memory.

What a real backup holds inside is not known here: the entries are the simulator's own.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import IO

from ignition_toolkit.simulator.state import State
from ignition_toolkit.simulator.streams import PIECE_BYTES

STATE = "simulated-gateway.json"
VERSION = "version.txt"
PADDING = "padding.bin"

#: More than a state has; a zip file that says otherwise is none of ours.
MAX_STATE_BYTES = 2**30


class NotABackup(Exception):
    """A file cannot be restored; the text says why."""


def make_backup(version: str, state: str, size_bytes: int) -> Iterator[bytes]:
    """Yield a backup piece by piece.

    Args:
        version: of the gateway.
        state: as JSON.
        size_bytes: about how large it becomes, at least what the state needs.
    """
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(VERSION, version)
        archive.writestr(STATE, state)
        padding = bytes(PIECE_BYTES)
        left = size_bytes - len(state)
        with archive.open(PADDING, "w", force_zip64=True) as file:
            while left > 0:
                file.write(padding[:left])
                left -= len(padding)
                yield pipe.take()
    yield pipe.take()


def read_backup(file: IO[bytes], version: str, *, own_only: bool) -> State | None:
    """Return the state in a backup; None for another's zip file, where those are taken.

    Args:
        file: a zip file.
        version: of the gateway.
        own_only: whether another's is refused.

    Raises:
        NotABackup: it is no zip file, of another line of versions, or cannot be restored.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            if VERSION not in archive.namelist() or STATE not in archive.namelist():
                if own_only:
                    raise NotABackup("Backup file has no version.")
                return None
            if _line(archive.read(VERSION).decode("ascii")) != _line(version):
                raise NotABackup("Backup file is of another version.")
            if archive.getinfo(STATE).file_size > MAX_STATE_BYTES:
                raise NotABackup("Backup file is too large.")
            return State.model_validate_json(archive.read(STATE))
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, ValueError) as error:
        raise NotABackup("Unable to read backup file.") from error


def _line(version: str) -> list[str]:
    return version.split(".")[:2]


class _Pipe(io.RawIOBase):
    """Takes what a zip file writes until somebody takes it; cannot be sought in."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        view = memoryview(data)  # type: ignore[arg-type]  # zipfile writes bytes and views
        self._waiting += view
        return view.nbytes

    def take(self) -> bytes:
        data, self._waiting = bytes(self._waiting), bytearray()
        return data
