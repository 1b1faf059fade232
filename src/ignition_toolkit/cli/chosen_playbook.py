"""Which playbook a command line names: a path inside the library, or any file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ignition_toolkit.errors import NotFound, OperatorError
from ignition_toolkit.playbook.library import Library
from ignition_toolkit.playbook.wording import nearest, shown
from ignition_toolkit.playbook.yaml_nodes import MAX_BYTES

#: A path that begins so means a file, also where the library has one of the same path.
FILE_PREFIXES = ("/", "./", "../", "~")


@dataclass(frozen=True)
class ChosenPlaybook:
    """A playbook to run.

    Args:
        path: inside the library; with a text the file's own path.
        text: of a file outside the library.
    """

    path: str
    text: str | None = None


def choose(named: str, library: Library) -> ChosenPlaybook:
    """Return what a person named, for a worker on this machine.

    A file that is the library's own counts as the library's, so that its record names it so.

    Raises:
        NotFound: neither the library nor the disk has it; the nearest path is named.
        OperatorError: the file cannot be read.
    """
    if not named.startswith(FILE_PREFIXES):
        try:
            library.read(named)
            return ChosenPlaybook(named)
        except NotFound as error:
            if not Path(named).is_file():
                raise _neither(named, library, error) from error
    file = _file(named)
    inside = _library_path(file, library)
    return ChosenPlaybook(inside) if inside else ChosenPlaybook(named, read_text(file))


def choose_for_server(named: str) -> ChosenPlaybook:
    """Return what a person named, for a server whose library may be another one.

    A file that is there is sent as text when its path cannot be one of a library.
    """
    if named.startswith(FILE_PREFIXES):
        return ChosenPlaybook(named, read_text(_file(named)))
    return ChosenPlaybook(named)


def file_instead(named: str) -> ChosenPlaybook | None:
    """Return the file of that name, for when a server's library has none; None without one."""
    path = Path(named)
    return ChosenPlaybook(named, read_text(path)) if path.is_file() else None


def _file(named: str) -> Path:
    try:
        return Path(named).expanduser()
    except RuntimeError as error:
        raise OperatorError(f"{named}: there is no such user's home folder") from error


def read_bytes(file: Path) -> bytes:
    """Return a file's content, at most one byte more than a playbook may have.

    Raises:
        OperatorError: it cannot be read.
    """
    try:
        if not file.is_file():
            raise OperatorError(f"{file}: " + ("is no file" if file.exists() else "no such file"))
        with file.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise OperatorError(f"{file}: the file cannot be read: {error.strerror}") from error


def read_text(file: Path) -> str:
    """Return a playbook file's text. Raises OperatorError when it is none, or too much."""
    data = read_bytes(file)
    if len(data) > MAX_BYTES:
        raise OperatorError(f"{file}: expected at most {MAX_BYTES // 1024} KiB, found more")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise OperatorError(f"{file}: expected text in UTF-8: {error.reason}") from error


def _neither(named: str, library: Library, error: NotFound) -> NotFound:
    """Return the error for what is neither in the library nor a file."""
    if any(os.path.lexists(folder / named) for folder in library.folders):
        # It is there and was refused: the library has said why.
        return error
    near = nearest(named, (entry.path for entry in library.list()))
    text = f"there is no playbook {shown(named)} in the library, and no file of that name{near}"
    return NotFound(text, path=named)


def _library_path(file: Path, library: Library) -> str | None:
    """Return the path under which the library would give this very file, None if it would not."""
    real = file.resolve()
    for entry in library.list():
        if (entry.folder / entry.path).resolve() == real:
            return entry.path
    return None
