"""Values that steps hand on, brought to what JSON can carry."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ignition_toolkit.credentials.secret import Secret

#: Levels of lists and dicts that are kept; what is deeper becomes text.
MAX_DEPTH = 30
#: Size of one value: its characters, and eight for each item, number and key.
MAX_SIZE = 1024 * 1024

_ITEM_SIZE = 8
#: Larger integers are kept as text: a JSON reader would turn them into infinity.
_MAX_INT = 2**1023


class TooLarge(ValueError):
    """A value is larger than `MAX_SIZE`."""


def jsonable(value: object) -> Any:
    """Return `value` as text, numbers, booleans, None, lists and dicts with text keys.

    Secrets stay `Secret`. Numbers that JSON does not know, and objects, become their text; so
    does half of a surrogate pair, which no encoding knows. Raises TooLarge.
    """
    return _Reader().read(value, MAX_DEPTH)


def clean_text(text: str) -> str:
    """Return a text that can be encoded: lone surrogates are written as `\\udcff`."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


class _Reader:
    """Copies one value, counting its size: a list that holds itself has no other end."""

    def __init__(self) -> None:
        self._room = MAX_SIZE

    def read(self, value: object, depth: int) -> Any:
        self._take(_ITEM_SIZE)
        if depth > 0 and isinstance(value, Mapping):
            return {self._text(str(k)): self.read(item, depth - 1) for k, item in value.items()}
        if depth > 0 and isinstance(value, list | tuple | set | frozenset):
            return [self.read(item, depth - 1) for item in value]
        if isinstance(value, Secret):
            return Secret(self._text(value.reveal()))
        return _number(value) if _is_plain(value) else self._text(_as_text(value))

    def _text(self, text: str) -> str:
        text = clean_text(text)
        self._take(len(text))
        return text

    def _take(self, size: int) -> None:
        self._room -= size
        if self._room < 0:
            raise TooLarge(
                f"a value may have {MAX_SIZE} characters in all, with {_ITEM_SIZE} for each item;"
                " write larger ones to a file among the artifacts and hand on its path"
            )


def _is_plain(value: object) -> bool:
    """Whether JSON has a word for the value, text aside."""
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (isinstance(value, int) and abs(value) <= _MAX_INT)


def _number(value: Any) -> Any:
    """Return None, a boolean or a number as the built-in type, whatever class it came as."""
    if value is None or isinstance(value, bool):
        return value
    return int(value) if isinstance(value, int) else float(value)


def _as_text(value: object) -> str:
    if isinstance(value, str):
        # Without asking the class: the text of an enumeration's member is its value.
        return str.__str__(value)
    # Python refuses to write very large integers as decimals.
    return hex(value) if isinstance(value, int) else str(value)


def to_wire(value: object) -> Any:
    """Return a value of `jsonable` with each secret as `{"$secret": text}`, for a private pipe."""
    if isinstance(value, Secret):
        return {"$secret": value.reveal()}
    if isinstance(value, dict):
        return {key: to_wire(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_wire(item) for item in value]
    return value


def from_wire(value: object) -> Any:
    """Return what `to_wire` was given."""
    if isinstance(value, dict):
        if value.keys() == {"$secret"}:
            return Secret(str(value["$secret"]))
        return {key: from_wire(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_wire(item) for item in value]
    return value
