"""Cuts a byte stream into lines of text."""

from __future__ import annotations

import codecs
from collections.abc import Callable

#: Characters after which a line without an end is cut.
MAX_LINE = 64 * 1024


class Lines:
    """Cuts a byte stream into lines of text, bounded in length."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._on_line = on_line
        self._rest = ""

    def feed(self, data: bytes, *, final: bool = False) -> None:
        """Take in bytes; `final` ends the last line."""
        *lines, self._rest = (self._rest + self._decode(data, final)).split("\n")
        if self._rest and (final or len(self._rest) > MAX_LINE):
            lines.append(self._rest)
            self._rest = ""
        for line in lines:
            self._on_line(line.removesuffix("\r"))
