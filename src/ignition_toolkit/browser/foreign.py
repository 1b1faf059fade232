"""The border to Playwright: its errors become ours, in one place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from ignition_toolkit.browser.wording import reworded
from ignition_toolkit.errors import BrowserError

#: Characters at most of what Playwright says of a failure.
MAX_MESSAGE = 1500

#: A web address inside a text, up to a blank, a quote or a bracket.
_ADDRESS = re.compile(r"""\bhttps?://[^\s"'<>`]+""", re.IGNORECASE)
_FIRST_WORD, _LAST_WORD = re.compile(r"^\S+"), re.compile(r"\S+$")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@contextmanager
def translated(what: str = "", *, newest: bool = False) -> Iterator[None]:
    """Turn the errors of Playwright into BrowserError.

    Args:
        what: what was tried, for the message; empty when Playwright's own words say it.
        newest: whether the end of its words matters more than their beginning, as of a log.
    """
    from playwright.async_api import Error

    try:
        yield
    except Error as error:
        said = plain(error.message, newest=True) if newest else plain(reworded(error.message))
        raise BrowserError(f"{what}: {said}" if what else said) from error


def plain(message: str, *, newest: bool = False) -> str:
    """Return what Playwright says, without colours and what queries hold, and cut to a length.

    It is not much longer than MAX_MESSAGE.
    """
    text = plain_addresses(_COLOURS.sub("", message)).strip()
    if len(text) <= MAX_MESSAGE:
        return text
    if not newest:
        return beginning(text, MAX_MESSAGE)
    first, _, rest = text.partition("\n")
    return f"{beginning(first, MAX_MESSAGE)}\n... (shortened)\n{_end(rest, MAX_MESSAGE)}"


def shown_address(url: str) -> str:
    """Return an address for people: without a person's name, what a query holds, and a fragment.

    Any of the three may hold a token, as pages that come back from a log-in show.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(an address that cannot be read)"
    host = parts.netloc.rpartition("@")[2]
    query = "..." if parts.query else ""
    return parts._replace(netloc=host, query=query, fragment="").geturl()


def plain_addresses(text: str) -> str:
    """Return a text whose web addresses are as `shown_address` shows them."""
    return _ADDRESS.sub(lambda found: shown_address(found.group()), text)


def beginning(text: str, length: int) -> str:
    """Return the whole words of a text that begin it, of so many characters at most.

    Not a part of a word: what a cut leaves of a secret is found by no redactor.
    """
    if len(text) <= length:
        return text
    return _LAST_WORD.sub("", text[:length]) + "... (shortened)"


def _end(text: str, length: int) -> str:
    return text if len(text) <= length else _FIRST_WORD.sub("", text[-length:])
