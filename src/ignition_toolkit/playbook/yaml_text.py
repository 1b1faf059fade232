"""YAML as text: bytes become characters, and an error of the parser becomes a place and words."""

from __future__ import annotations

import codecs
import re

import yaml

from ignition_toolkit.playbook.wording import one_line
from ignition_toolkit.playbook.yaml_nodes import MAX_BYTES, Place, Problem

_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Refused(Exception):
    """The text cannot be read further."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(place, message)


def decoded(source: str | bytes) -> str:
    """Return the text, without a mark of its byte order. Raises Refused."""
    start = Place(1, 1)
    octets = source if isinstance(source, bytes) else source.encode("utf-8", "surrogatepass")
    if len(octets) > MAX_BYTES:
        raise Refused(start, f"expected at most 1 MiB ({MAX_BYTES} bytes), found more")
    if isinstance(source, bytes):
        try:
            text = source.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise Refused(*_bad_bytes(source, error)) from error
    else:
        text = source.removeprefix("\ufeff")
    bad = _FORBIDDEN.search(text)
    if bad is not None:
        place = _place_of(text, bad.start())
        raise Refused(place, f"the character U+{ord(bad[0]):04X} may not stand in YAML: remove it")
    if not text.strip():
        raise Refused(start, "expected a playbook, found an empty file")
    return text


def syntax_error(error: yaml.MarkedYAMLError, text: str) -> tuple[Place, str]:
    """Return where in the text the parser stopped, and why in words that help."""
    mark = error.problem_mark or error.context_mark
    place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
    message = one_line(error.problem or "this is not YAML")
    lines = text.split("\n")
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())] or "'\\t'" in message:
        return place, "found a tab where YAML allows only spaces: indent with spaces"
    if error.context:
        since = f" (line {error.context_mark.line + 1})" if error.context_mark else ""
        message = f"{one_line(error.context)}{since}: {message}"
    return place, f"this is not YAML: {message}{_advice(line)}"


def _bad_bytes(source: bytes, error: UnicodeDecodeError) -> tuple[Place, str]:
    if source[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return Place(1, 1), "expected UTF-8, found UTF-16: save the file as UTF-8"
    place = _place_of(source[: error.start].decode("utf-8", "replace"), None)
    return place, f"expected UTF-8, found the byte 0x{source[error.start]:02X}: save it as UTF-8"


def _place_of(text: str, index: int | None) -> Place:
    before = text if index is None else text[:index]
    return Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


def _advice(line: str) -> str:
    if re.search(r":\s+\{\{", line):
        return ": put the {{ reference }} in quotes"
    return ""
