"""The values of `-p`: `key=value`, `key=@file`, `key=@env:NAME`. No message ever shows a value."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ignition_toolkit.errors import OperatorError
from ignition_toolkit.playbook.parameters import NAME

#: A request to a server may hold 1 MiB in all.
MAX_FILE_BYTES = 900 * 1024

FORMS = "-p key=value, -p key=@file or -p key=@env:NAME"


def parse_given(options: Iterable[str]) -> dict[str, str]:
    """Return the values of all `-p` by name, read from files and the environment where asked.

    `@@` at the beginning of a value stands for one `@`. The line end at the end of a file is not
    part of the value.

    Raises:
        OperatorError: one cannot be understood or read.
    """
    values: dict[str, str] = {}
    for position, option in enumerate(options, start=1):
        name, equals, text = option.partition("=")
        if not equals:
            raise OperatorError(f"-p number {position} has no '=': write {FORMS}")
        if not NAME.fullmatch(name):
            raise OperatorError(
                f"-p number {position} does not begin with the name of a parameter "
                f"(letters, digits, '_' and '-'): write {FORMS}"
            )
        if name in values:
            raise OperatorError(f"-p {name} is given twice: which value is meant?")
        values[name] = _value(name, text)
    return values


def _value(name: str, text: str) -> str:
    if text.startswith("@@"):
        return text[1:]
    if text.startswith("@env:"):
        return _from_environment(name, text.removeprefix("@env:"))
    if text.startswith("@"):
        return _from_file(name, text[1:])
    return text


def _from_environment(name: str, variable: str) -> str:
    value = os.environ.get(variable)
    if value is None:
        raise OperatorError(
            f"-p {name}=@env:{variable}: there is no environment variable {variable!r}; "
            "set and export it first"
        )
    return value


def _from_file(name: str, path: str) -> str:
    # What follows the '@' is not shown: it may be a password that happens to begin with one.
    where = f"-p {name}=@..."
    try:
        with Path(path).expanduser().open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        text = data.decode("utf-8")
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OperatorError(
            f"{where}: the file named after '@' cannot be read: {reason}; "
            f"a value that itself begins with '@' is written {name}=@@..."
        ) from error
    except ValueError as error:
        raise OperatorError(f"{where}: the file is no text in UTF-8") from error
    if len(data) > MAX_FILE_BYTES:
        raise OperatorError(
            f"{where}: the file is bigger than {MAX_FILE_BYTES // 1024} KiB; "
            "give a playbook the path of a file that big"
        )
    return text.removesuffix("\n").removesuffix("\r")
