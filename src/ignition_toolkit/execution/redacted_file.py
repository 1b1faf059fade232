"""Artifacts as they are given out while they may hold secrets: redacted while they are read."""

from __future__ import annotations

from io import FileIO, RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.credentials.secret import REDACTED
from ignition_toolkit.errors import NotFound
from ignition_toolkit.execution.artifact_redaction import PIECE_BYTES, is_text
from ignition_toolkit.execution.artifacts import files_in, list_artifacts, open_artifact
from ignition_toolkit.execution.views import Artifact

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class RedactedFile(RawIOBase):
    """A text file, read without the secrets in it; closing it closes the file.

    Args:
        opened: at its beginning; steps may be writing it.
        redactor: knows the secrets.
    """

    def __init__(self, opened: FileIO, redactor: Redactor) -> None:
        super().__init__()
        self._opened = opened
        self._stream = redactor.stream()
        self._ready = b""
        self._is_over = False

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read a piece into a buffer; return its length, 0 at the end."""
        while not self._ready and not self._is_over:
            piece = self._opened.read(PIECE_BYTES)
            self._is_over = not piece
            self._ready = self._stream.feed(piece) if piece else self._stream.flush()
        view = memoryview(buffer).cast("B")
        piece, self._ready = self._ready[: len(view)], self._ready[len(view) :]
        view[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._opened.close()
        super().close()


def list_redacted(folder: Path, redactor: Redactor) -> tuple[Artifact, ...]:
    """Return the files below an execution's folder, as `list_artifacts`, without secrets."""
    found = list_artifacts(folder)
    return tuple(one.model_copy(update={"name": redactor.text(one.name)}) for one in found)


def open_redacted(folder: Path, name: str, redactor: Redactor) -> RawIOBase:
    """Open a file under a name that `list_redacted` gave, without the secrets in it.

    A binary file is given as it is. Raises NotFound.
    """
    opened = FileIO(_descriptor(folder, name, redactor))
    try:
        return RedactedFile(opened, redactor) if is_text(opened) else opened
    except BaseException:
        opened.close()
        raise


def _descriptor(folder: Path, name: str, redactor: Redactor) -> int:
    try:
        return open_artifact(folder, name)
    except NotFound:
        same = (a.name for a in files_in(folder) if redactor.text(a.name) == name)
        real = next(same, None) if REDACTED in name else None
        if real is None:
            raise
        return open_artifact(folder, real)
