"""The playbook library: the shipped folder, shadowed by a person's own folders.

A path names a playbook relative to these folders, with forward slashes. No path and no symbolic
link leads out of the folder it is looked up in.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import ignition_toolkit
from ignition_toolkit.errors import NotFound
from ignition_toolkit.playbook.wording import nearest, one_line, shown
from ignition_toolkit.playbook.yaml_nodes import MAX_BYTES

SUFFIXES = (".yaml", ".yml")
MAX_PATH_CHARACTERS = 500

#: Bounds of a walk through one folder, against loops of links and other people's disks.
MAX_FOLDER_DEPTH = 16
MAX_FILES = 5000

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True)
class Entry:
    """One playbook of the library."""

    #: Relative to its folder, with forward slashes: what a run is asked for by.
    path: str
    #: Whether it came with the package, or lies in a folder of the person's own.
    source: Literal["shipped", "own"]
    folder: Path
    #: Whether it hides a playbook of the same path in an earlier folder.
    shadows: bool = False


def shipped_folder() -> Path | None:
    """Return the folder of the playbooks that come with the package; None when there is none.

    In an installed wheel it lies in the package, in a checkout beside `src`.
    """
    package = Path(ignition_toolkit.__file__).resolve().parent
    beside = package.parent.parent / "playbooks" if package.parent.name == "src" else None
    for folder in (package / "_playbooks", beside):
        if folder is not None and folder.is_dir():
            return folder
    return None


def check_path(path: str) -> str | None:
    """Say what is wrong with a library path as text alone; None when nothing is."""
    wrong = (
        (
            len(path) > MAX_PATH_CHARACTERS,
            f"expected at most {MAX_PATH_CHARACTERS} characters, found {len(path)}",
        ),
        (_CONTROL.search(path) is not None, "expected no control characters"),
        ("\\" in path, "expected forward slashes, found a backslash"),
        (path.startswith("/"), "expected a path relative to the library, found an absolute one"),
        (
            any(part in ("", ".", "..") for part in path.split("/")),
            "expected plain names between the slashes, found an empty one, . or ..",
        ),
        (
            not path.endswith(SUFFIXES),
            f"expected a name that ends in {' or '.join(SUFFIXES)}",
        ),
    )
    return next((message for is_wrong, message in wrong if is_wrong), None)


class Library:
    """Finds and reads playbooks.

    Args:
        folders: the person's own folders; a later one shadows an earlier one, and each of them
            the shipped ones. Folders need not exist.
        shipped: the shipped folder; by default the one that came with the package.
    """

    def __init__(self, folders: Sequence[Path] = (), shipped: Path | None = None) -> None:
        first = shipped if shipped is not None else shipped_folder()
        self._folders: list[tuple[Literal["shipped", "own"], Path]] = []
        if first is not None:
            self._folders.append(("shipped", first))
        self._folders += [("own", folder) for folder in folders]

    @property
    def folders(self) -> list[Path]:
        """Every folder, in the order in which a later one shadows an earlier one."""
        return [folder for _, folder in self._folders]

    def list(self) -> list[Entry]:
        """Return every playbook, shadowed ones left out, by path. It reads no file's text."""
        found: dict[str, Entry] = {}
        for source, folder in self._folders:
            for path in _walk(folder):
                found[path] = Entry(path, source, folder, shadows=path in found)
        # A link that leads out hides what it shadows, here as for `read`.
        return [found[path] for path in sorted(found) if self._home(path) == found[path].folder]

    def read(self, path: str) -> bytes:
        """Return a playbook's text, at most one byte more than a playbook may have.

        The folder is checked on the opened file, so that a file replaced meanwhile is either the
        old or the new one, never one outside.

        Raises: NotFound when there is none, or the path or a link leads out of the library.
        """
        if why := check_path(path):
            raise NotFound(f"no playbook has the path {shown(path)}: {why}", path=one_line(path))
        folder = self._home(path)
        if folder is not None:
            return _read_inside(folder, path)
        close = nearest(path, (entry.path for entry in self.list()))
        raise NotFound(f"there is no playbook {shown(path)} in the library{close}", path=path)

    def _home(self, path: str) -> Path | None:
        """Return the folder whose file of this path hides those of the others."""
        having = (f for _, f in reversed(self._folders) if os.path.lexists(f / path))
        return next(having, None)


def _walk(folder: Path) -> Iterator[str]:
    """Yield the playbooks of a folder; links that stay inside are followed."""
    root = os.path.realpath(folder)
    pending = [("", 0)]
    seen = {root}
    left = MAX_FILES
    while pending and left > 0:
        prefix, depth = pending.pop()
        for name, real, is_folder in _members(root, os.path.join(root, prefix)):
            left -= 1
            if is_folder:
                if depth < MAX_FOLDER_DEPTH and real not in seen:
                    seen.add(real)
                    pending.append((f"{prefix}{name}/", depth + 1))
            elif check_path(prefix + name) is None:
                yield prefix + name


def _members(root: str, folder: str) -> list[tuple[str, str, bool]]:
    """Names in a folder that a playbook may have, where each leads, whether to a folder."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    found = []
    for name in names:
        real = os.path.realpath(os.path.join(folder, name))
        is_folder = os.path.isdir(real)
        if name.startswith(".") or not _inside(root, real):
            continue
        if is_folder or (name.endswith(SUFFIXES) and os.path.isfile(real)):
            found.append((name, real, is_folder))
    return found


def _inside(root: str, real: str) -> bool:
    return real.startswith(root.rstrip("/") + "/")


def _read_inside(folder: Path, path: str) -> bytes:
    root = os.path.realpath(folder)
    if not _inside(root, os.path.realpath(folder / path)):
        raise _leads_out(path, folder)
    try:
        # Non-blocking, or a named pipe in the folder would hold the reader for ever.
        descriptor = os.open(folder / path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        why = error.strerror or str(error)
        raise NotFound(f"the playbook {shown(path)} cannot be read: {why}", path=path) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise NotFound(f"the playbook {shown(path)} is no regular file", path=path)
        if not _inside(root, os.readlink(f"/proc/self/fd/{descriptor}")):
            raise _leads_out(path, folder)
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)


def _leads_out(path: str, folder: Path) -> NotFound:
    return NotFound(
        f"the playbook {shown(path)} is a link that leads out of {folder}:"
        " copy the file into the library",
        path=path,
    )
