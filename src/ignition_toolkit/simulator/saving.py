"""The state file: read at the start, written anew as a whole under a temporary name."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from ignition_toolkit.simulator.state import State


class StateFileUnusable(Exception):
    """The state file cannot be read or written; the text says where and why."""


def load(path: Path) -> State | None:
    """Return the state in a file, None where there is no such file.

    Raises:
        StateFileUnusable: it cannot be read, or holds something else.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateFileUnusable(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return State.model_validate_json(text)
    except ValidationError as error:
        raise StateFileUnusable(f"{path}: {_first_problem(error)}") from error


def save(path: Path, text: str) -> None:
    """Write a state file; a reader finds the old one or the new one, never half of one.

    Raises:
        StateFileUnusable: the folder or the disk does not take it; the old file is as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        _remove(temporary)
        raise StateFileUnusable(
            f"{path}: cannot be written: {error.strerror}. "
            "Name a file in a folder that exists and that you may write into"
        ) from error


def _remove(temporary: Path) -> None:
    try:
        temporary.unlink()
    except OSError:
        # Where it could not be made it cannot be removed: the first error is the one to tell.
        return


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, problem["loc"])) or "the file"
    return (
        "expected a state that a simulated gateway has saved; "
        f"{place}: {problem['msg']}. Mend it, or name a file that does not exist to begin anew"
    )
