"""Cuts a byte stream into lines of text."""

from __future__ import annotations

import codecs
from collections.abc import Callable

#: Characters after which a line is cut, whether or not its end is in sight.
MAX_LINE = 64 * 1024


class Lines:
    """Cuts a byte stream into lines of text, bounded in length.

    Args:
        on_line: gets each line without its end; bytes that are no UTF-8 become U+FFFD.
        most: characters of a line; a longer one comes in pieces.
    """

    def __init__(self, on_line: Callable[[str], None], most: int = MAX_LINE) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._on_line = on_line
        self._most = most
        self._parts: list[str] = []
        self._length = 0

    def feed(self, data: bytes, *, final: bool = False) -> None:
        """Take in bytes; `final` ends the last line."""
        *lines, rest = self._decode(data, final).split("\n")
        for line in lines:
            self._add(line)
            self._end_line()
        self._add(rest)
        if final and self._length:
            self._end_line()

    def _add(self, text: str) -> None:
        while self._length + len(text) > self._most:
            room = self._most - self._length
            self._keep(text[:room])
            self._end_line()
            text = text[room:]
        self._keep(text)

    def _keep(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)

    def _end_line(self) -> None:
        line = "".join(self._parts).removesuffix("\r")
        self._parts.clear()
        self._length = 0
        self._on_line(line)
