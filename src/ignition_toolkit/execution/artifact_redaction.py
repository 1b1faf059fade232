"""Takes secrets out of the text files that an execution has left. Blocks: for a thread.

A step writes its files itself, while it runs: this is done once nothing of the execution can write
any more. Binary files stay as they are, as they would be broken.
"""

from __future__ import annotations

import codecs
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from io import FileIO as RawFile
from pathlib import Path

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.errors import WrongState
from ignition_toolkit.execution.artifact_folders import Pace, TimeUp
from ignition_toolkit.execution.artifacts import files_in

#: Seconds for all files of an execution, which has its gateway for that time.
MAX_S = 5.0
#: Bytes that are looked at in one go: nobody else's turn comes meanwhile.
PIECE_BYTES = 64 * 1024
#: How the name of a file begins that is being written in the place of another, beside it.
PART = ".redacted-"


def redact_files(folder: Path, redactor: Redactor, seconds: float = MAX_S) -> list[str]:
    """Replace secrets by `***` in all text files below a folder.

    Args:
        folder: of an execution whose processes are gone.
        redactor: knows its secrets.
        seconds: after which the rest is left as it is.

    Returns: what people are to be told of files that may hold a secret yet, a line each.
    """
    pace = Pace(threading.Event(), seconds)
    problems: list[str] = []
    for artifact in files_in(folder):
        file = folder / artifact.name
        name = redactor.text(artifact.name)
        try:
            _redact(file, redactor, pace)
        except TimeUp:
            problems.append(
                f"artifact {name} and those after it were not looked through for secrets: that"
                f" would have taken longer than {seconds:g} s"
            )
            return problems
        except OSError as error:
            why = error.strerror or str(error)
            problems.append(f"artifact {name} could not be looked through for secrets: {why}")
    return problems


def redacted_copy(descriptor: int, redactor: Redactor, seconds: float = MAX_S) -> int:
    """Return a descriptor of a copy without secrets, or the same one where the file is no text.

    For a file of an execution that runs, whose steps go on writing it.

    Args:
        descriptor: of the file; closed, unless it is returned.
        redactor: knows the execution's secrets.
        seconds: that it may take.

    Raises WrongState when it takes longer, OSError when there is no room.
    """
    pace = Pace(threading.Event(), seconds)
    with open(descriptor, "rb", buffering=0, closefd=False) as opened:
        try:
            if not _is_text(opened, pace):
                opened.seek(0)
                return descriptor
            copy = _copy(opened, redactor, pace)
        except TimeUp:
            os.close(descriptor)
            raise WrongState(
                "the file is too large to take secrets out of it while its execution runs; fetch it"
                " when that is over",
                status="running",
            ) from None
        except BaseException:
            os.close(descriptor)
            raise
    os.close(descriptor)
    return copy


def _copy(opened: RawFile, redactor: Redactor, pace: Pace) -> int:
    with tempfile.TemporaryFile(buffering=0) as copy:
        for piece in _redacted(opened, redactor, pace):
            copy.write(piece)
        copy.seek(0)
        return os.dup(copy.fileno())


def _redact(file: Path, redactor: Redactor, pace: Pace) -> None:
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb", buffering=0) as opened:
        facts = os.fstat(descriptor)
        if not _is_text(opened, pace):
            return
        # What stands for a secret is shorter than any secret: where nothing shrank, none was found.
        if sum(map(len, _redacted(opened, redactor, pace))) == facts.st_size:
            return
        # A name that no step can have taken, and a mode that shows it to nobody else.
        made, name = tempfile.mkstemp(prefix=PART, dir=file.parent)
        part = Path(name)
        try:
            with open(made, "wb") as out:
                for piece in _redacted(opened, redactor, pace):
                    out.write(piece)
                os.fchmod(made, facts.st_mode & 0o7777)
            part.replace(file)
        finally:
            with suppress(OSError):
                part.unlink()


def _redacted(opened: RawFile, redactor: Redactor, pace: Pace) -> Iterator[bytes]:
    stream = redactor.stream()
    for piece in _pieces(opened, pace):
        yield stream.feed(piece)
    yield stream.flush()


def _is_text(opened: RawFile, pace: Pace) -> bool:
    """Say whether a file is UTF-8 without a NUL, as far as its beginning tells."""
    first = next(_pieces(opened, pace), b"")
    if b"\0" in first:
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(first)
    except UnicodeDecodeError:
        return False
    return True


def _pieces(opened: RawFile, pace: Pace) -> Iterator[bytes]:
    opened.seek(0)
    while piece := opened.read(PIECE_BYTES):
        pace.rest()
        yield piece
