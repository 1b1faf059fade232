"""The access token: where a server has it from, and where a command beside it finds it.

Whoever has it may do all that the server can do. It is ITK_TOKEN, else the text of the file
`token` in the data folder, which a server makes when it needs one.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from ignition_toolkit.credentials import Secret
from ignition_toolkit.credentials.private_file import NotPrivate, read_private, write_private
from ignition_toolkit.errors import OperatorError

VARIABLE = "ITK_TOKEN"
DEMAND_VARIABLE = "ITK_REQUIRE_TOKEN"
FILE_NAME = "token"

#: Random bytes of a token that is made here.
RANDOM_BYTES = 32

#: Characters of a token. A shorter one could be guessed, as the right one is never refused.
MIN_LENGTH = 20
MAX_LENGTH = 512

#: What a header can carry without quotes.
_FORM = re.compile(rf"[!-~]{{{MIN_LENGTH},{MAX_LENGTH}}}")


@dataclass(frozen=True)
class AccessToken:
    """A token, and where it was found.

    Args:
        value: itself.
        file: the file that holds it; None for ITK_TOKEN.
    """

    value: Secret
    file: Path | None = None

    @property
    def origin(self) -> str:
        """Where a person finds it, for the middle of a sentence."""
        return f"the file {self.file}" if self.file else VARIABLE


def token_is_demanded() -> bool:
    """Whether ITK_REQUIRE_TOKEN wants a token asked for on loopback too.

    Raises:
        OperatorError: it is neither 0 nor 1.
    """
    text = os.environ.get(DEMAND_VARIABLE, "")
    if text not in ("", "0", "1"):
        raise OperatorError(
            f"{DEMAND_VARIABLE} is {text!r}: expected 1 to have the server ask for its access "
            "token on this machine too, or 0"
        )
    return text == "1"


def token_from_environment() -> AccessToken | None:
    """Return the token in ITK_TOKEN, None when it is not set.

    Raises:
        OperatorError: it is too short, too long or no visible ASCII; its value is not shown.
    """
    text = os.environ.get(VARIABLE, "")
    return AccessToken(_checked(text, VARIABLE)) if text else None


def token_from_folder(data_dir: Path) -> AccessToken | None:
    """Return the token that a data folder holds; None where this user finds none."""
    path = data_dir / FILE_NAME
    try:
        return AccessToken(_read(path), path)
    except (OSError, OperatorError):
        return None


def token_for_server(data_dir: Path) -> AccessToken:
    """Return the token that a server asks for, which is made when there is none. Blocks.

    Args:
        data_dir: a folder that this process owns.

    Raises:
        OperatorError: the token or its file cannot be used; the message says what to do.
    """
    if given := token_from_environment():
        return given
    path = data_dir / FILE_NAME
    try:
        with contextlib.suppress(FileNotFoundError):
            return AccessToken(_read(path), path)
        return AccessToken(_make(path), path)
    except OSError as error:
        raise OperatorError(
            f"the access token in {path} cannot be read or made: {error.strerror or error}; "
            f"mend that, or give the server a token in {VARIABLE}"
        ) from error


def _read(path: Path) -> Secret:
    try:
        text = read_private(path, MAX_LENGTH + 1).decode("ascii", "replace")
    except NotPrivate as error:
        raise OperatorError(
            f"the access token in {path} is not a secret: expected a file that only its owner "
            "may read (mode 0600); remove it, and the server makes a new one at its next start"
        ) from error
    return _checked(text.removesuffix("\n"), f"the file {path}")


def _make(path: Path) -> Secret:
    text = secrets.token_urlsafe(RANDOM_BYTES)
    write_private(path, f"{text}\n".encode("ascii"))
    return Secret(text)


def _checked(text: str, origin: str) -> Secret:
    if _FORM.fullmatch(text) is None:
        raise OperatorError(
            f"the access token in {origin} cannot be used: expected {MIN_LENGTH} to {MAX_LENGTH} "
            f"visible ASCII characters without blanks, found {len(text)} characters that are "
            "not; `openssl rand -hex 32` makes one"
        )
    return Secret(text)
