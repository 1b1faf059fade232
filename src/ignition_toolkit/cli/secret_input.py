"""How a secret comes in: at a prompt without echo, or from a file. Never as an argument."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from ignition_toolkit.credentials import Secret
from ignition_toolkit.errors import OperatorError

#: Bytes of a file at most; a longer secret is refused anyway.
MAX_FILE_BYTES = 256 * 1024

#: The file that stands for standard input.
STDIN = "-"


def read_secret(file: str | None, what: str) -> Secret:
    """Return a secret that a person gives; the line end at the end of a file is no part of it.

    Args:
        file: where it is, `-` for standard input; None to ask at the terminal, twice.
        what: what is asked for, such as `Password`.

    Raises:
        OperatorError: it cannot be read, or the two answers differ; nothing of it is shown.
        KeyboardInterrupt: Ctrl-C at the prompt.
    """
    if file is None:
        return _asked(what)
    where = "standard input" if file == STDIN else f"the file {file}"
    try:
        data = _read(file)
        text = data.decode("utf-8")
    except OSError as error:
        raise OperatorError(f"--file: {where} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise OperatorError(f"--file: {where} is no text in UTF-8") from error
    if len(data) > MAX_FILE_BYTES:
        raise OperatorError(f"--file: {where} holds more than {MAX_FILE_BYTES // 1024} KiB")
    return Secret(text.removesuffix("\n").removesuffix("\r"))


def _read(file: str) -> bytes:
    if file == STDIN:
        return sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
    with Path(file).expanduser().open("rb") as opened:
        return opened.read(MAX_FILE_BYTES + 1)


def _asked(what: str) -> Secret:
    if not sys.stdin.isatty():
        raise OperatorError(
            f"there is no terminal to ask for the {what.lower()} at: give --file FILE, or --file - "
            "to read it from standard input"
        )
    try:
        first, again = getpass.getpass(f"{what}: "), getpass.getpass(f"{what} again: ")
    except EOFError as error:
        raise OperatorError(f"no {what.lower()} was given; nothing was stored") from error
    if first != again:
        raise OperatorError("the two answers differ; nothing was stored: try again")
    return Secret(first)
