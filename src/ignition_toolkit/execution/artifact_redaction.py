"""Takes secrets out of the text files that an execution has left. Blocks: for a thread.

A step writes its files itself, while it runs: this is done once nothing of the execution can write
any more. Binary files stay as they are, as they would be broken.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from io import RawIOBase
from pathlib import Path

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.execution.artifact_folders import Pace, TimeUp
from ignition_toolkit.execution.artifacts import files_in

#: Seconds for one file; a text of gigabytes takes less.
MAX_FILE_S = 600.0
#: Bytes that are looked at in one go: nobody else's turn comes meanwhile.
PIECE_BYTES = 64 * 1024
#: Problems that are told of one execution.
MAX_PROBLEMS = 10
#: Octets that no text has: all controls but those from bell to carriage return, and escape.
_CONTROLS = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]")


def redact_files(
    folder: Path,
    redactor: Redactor,
    scratch: Path,
    stop: threading.Event,
    seconds: float = MAX_FILE_S,
) -> list[str]:
    """Replace secrets by `***` in all text files below a folder, and in the names of all files.

    A file is replaced whole, by a rename: who reads it gets the old one or the new one. What was
    cut short may be done again. Memory does not grow with a file.

    Args:
        folder: of an execution whose processes are gone.
        redactor: knows its secrets.
        scratch: folder on the same file system, for files that are being written.
        stop: ends the work.
        seconds: for one file.

    Returns: what people are to be told of files that may hold a secret yet, a line each.

    Raises TimeUp when it was told to stop.
    """
    problems: list[str] = []

    def attempt(name: str, do: Callable[[Path], None]) -> None:
        why = _problem(folder / name, do, stop, seconds)
        if why is not None and len(problems) < MAX_PROBLEMS:
            shown = redactor.text(name)
            problems.append(f"{shown} could not be looked through for secrets: {why}")

    for artifact in files_in(folder):
        attempt(artifact.name, partial(_redact, redactor, Pace(stop, seconds), scratch))
    for name in [found.name for found in files_in(folder)]:
        if (new := redactor.text(name)) != name:
            attempt(name, partial(_rename, folder, new))
    return problems


def _problem(
    file: Path, do: Callable[[Path], None], stop: threading.Event, seconds: float
) -> str | None:
    try:
        do(file)
    except TimeUp:
        if stop.is_set():
            raise
        return f"that takes longer than {seconds:g} s"
    except FileNotFoundError:
        return None  # removed meanwhile
    except OSError as error:
        return error.strerror or str(error)
    return None


def _redact(redactor: Redactor, pace: Pace, scratch: Path, file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb", buffering=0) as opened:
        facts = os.fstat(descriptor)
        if not is_text(opened):
            return
        # What stands for a secret is shorter than any secret: where nothing shrank, none was found.
        if sum(map(len, _redacted(opened, redactor, pace))) == facts.st_size:
            return
        scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Not beside it: what a cut-off leaves would look like a file of the execution's.
        made, name = tempfile.mkstemp(dir=scratch)
        part = Path(name)
        try:
            with open(made, "wb") as out:
                for piece in _redacted(opened, redactor, pace):
                    out.write(piece)
                os.fchmod(made, facts.st_mode & 0o7777)
                out.flush()
                os.fsync(made)
            part.replace(file)
            # The mark goes when all is done: it must not reach the disk before this name does.
            _sync_folder(file.parent)
        finally:
            with suppress(OSError):
                part.unlink()


def _redacted(opened: RawIOBase, redactor: Redactor, pace: Pace) -> Iterator[bytes]:
    opened.seek(0)
    stream = redactor.stream()
    while piece := opened.read(PIECE_BYTES):
        pace.rest()
        yield stream.feed(piece)
    yield stream.flush()


def is_text(opened: RawIOBase) -> bool:
    """Say whether a file is text in ASCII or what extends it, as far as its beginning tells.

    It is at its beginning again afterwards.
    """
    opened.seek(0)
    first = opened.read(PIECE_BYTES) or b""
    opened.seek(0)
    return _CONTROLS.search(first) is None


def _rename(folder: Path, name: str, file: Path) -> None:
    """Give a file another name, and leave no empty folders behind."""
    target = folder / name
    number = 2
    while os.path.lexists(target):
        target, number = folder / f"{name} ({number})", number + 1
    target.parent.mkdir(parents=True, exist_ok=True)
    file.rename(target)
    _sync_folder(target.parent)
    for parent in file.parents:
        if parent == folder:
            break
        with suppress(OSError):
            parent.rmdir()
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
