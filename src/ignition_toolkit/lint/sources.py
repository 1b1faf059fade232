"""Finding Python files and reading them, whatever their encoding."""

from __future__ import annotations

import io
import os
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path

#: Files over this size are generated; they are told of instead of read.
MAX_BYTES = 4 * 1024 * 1024
_SKIPPED = {"__pycache__", "node_modules", "site-packages"}


class Unreadable(Exception):
    """A file could not be read. Its text says why, `line` and `column` where, from 1."""

    def __init__(self, why: str, line: int = 1, column: int = 1) -> None:
        super().__init__(why)
        self.line = line
        self.column = column


def python_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files that are given, and the `.py` files below folders that are given.

    Hidden folders, virtual environments, caches, pipes and devices below a given folder are left
    out, links to folders are not followed. Raises FileNotFoundError for a path that does not exist.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(str(path))
        found.update(dict.fromkeys(_below(path) if path.is_dir() else [path]))
    return list(found)


def _below(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _is_skipped(Path(place, name)))
        named = (Path(place, name) for name in sorted(files) if name.endswith(".py"))
        yield from (path for path in named if not _is_special(path))


def _is_special(path: Path) -> bool:
    """Say whether a name is a pipe, a device or a socket, which would be waited for."""
    # Not Path's own, which raise for what may not be looked at.
    return os.path.exists(path) and not os.path.isfile(path)


def _is_skipped(folder: Path) -> bool:
    name = folder.name
    return name in _SKIPPED or name.startswith(".") or os.path.isfile(folder / "pyvenv.cfg")


def read_source(path: Path) -> str:
    """Return the text of a Python file, by the encoding that it declares. Raises Unreadable."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Unreadable(f"it cannot be opened: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise Unreadable(f"it is longer than {MAX_BYTES >> 20} MiB")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
    except (SyntaxError, LookupError, UnicodeError) as error:
        raise Unreadable(f"its text does not fit its encoding: {error}") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def module_name(path: Path) -> str:
    """Return the name by which a file is imported, from the packages around it."""
    path = path.absolute()
    parts = [] if path.stem == "__init__" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").is_file() and folder.name:
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts) or path.parent.name


def name_below(path: Path, folder: Path) -> str | None:
    """Return the name by which a file is imported where `folder` is on Python's path, if it is.

    It differs from `module_name` where packages have no `__init__.py`.
    """
    try:
        parts = list(path.absolute().relative_to(folder.absolute()).with_suffix("").parts)
    except ValueError:
        return None
    if parts and parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts) or None
