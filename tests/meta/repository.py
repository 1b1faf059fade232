"""What the meta tests look at: the files of this repository, tracked or about to be."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

REPO = Path(__file__).parents[2]
SRC = REPO / "src" / "ignition_toolkit"


@cache
def files() -> tuple[Path, ...]:
    """Return every file that is tracked, or is neither tracked nor ignored."""
    # A checkout that another user owns, as on some build machines, is read all the same.
    git = ["git", "-c", "safe.directory=*"]
    command = [*git, "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listing = subprocess.run(command, cwd=REPO, capture_output=True, check=True, timeout=30).stdout
    paths = (REPO / name for name in listing.decode().split("\0") if name)
    return tuple(sorted(path for path in paths if path.is_file()))


def package_modules() -> Iterator[tuple[Path, str, ast.Module]]:
    """Yield path, text and syntax tree of every module under src."""
    for path in files():
        if path.is_relative_to(SRC) and path.suffix == ".py":
            text = path.read_text("utf-8")
            yield path, text, ast.parse(text)


def place(path: Path, line: int) -> str:
    """Return `path:line`, relative to the repository, for a message."""
    return f"{path.relative_to(REPO)}:{line}"
