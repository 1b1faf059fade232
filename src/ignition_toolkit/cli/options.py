"""The options that several commands share. This module decides how they read in the help."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from ignition_toolkit.errors import OperatorError

ExecutionId = Annotated[
    str, typer.Argument(metavar="ID", help="The execution, as `itk list` shows it.")
]

Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        help="The server to ask. Else ITK_SERVER, else the server that owns the data folder, "
        "else http://127.0.0.1:5000.",
        show_default=False,
    ),
]

DataDir = Annotated[
    str | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        help="The data folder. Else ITK_DATA_DIR, else this user's own.",
        show_default=False,
    ),
]

Playbooks = Annotated[
    list[str] | None,
    typer.Option(
        "--playbooks",
        metavar="DIR",
        help="A folder with playbooks of your own, may be given several times. "
        "Else the folders in ITK_PLAYBOOKS.",
        show_default=False,
    ),
]

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def whole_number(least: int, most: int) -> Callable[[str | int], int]:
    """Return the parser of an option that takes a whole number of these bounds."""

    def parse(given: str | int) -> int:
        try:
            number = int(given)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise typer.BadParameter(
                f"expected a whole number from {least} to {most}, found {given!r}"
            )
        return number

    return parse


def one_of(*words: str) -> Callable[[str], str]:
    """Return the parser of an option that takes one of these words."""

    def parse(given: str) -> str:
        if given not in words:
            raise typer.BadParameter(f"expected {' or '.join(words)}, found {given!r}")
        return given

    return parse


def given_path(text: str | None, option: str) -> Path | None:
    """Return the path that an option was given. Raises OperatorError for an empty one."""
    if text == "":
        raise OperatorError(f"{option} is empty: name a folder, or leave the option out")
    return Path(text) if text is not None else None


def given_paths(texts: list[str] | None, option: str) -> list[Path]:
    """Return the paths that a repeated option was given. Raises as `given_path`."""
    paths = (given_path(text, option) for text in texts or [])
    return [path for path in paths if path is not None]
