"""Reads the keys of YAML mappings by type, and collects every problem and warning on the way."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from ignition_toolkit.playbook.wording import described, listed, nearest, one_line, shown
from ignition_toolkit.playbook.yaml_nodes import (
    Entry,
    Map,
    Node,
    Place,
    Problem,
    Scalar,
    Sequence,
    plain,
)

#: A longer wait is a mistake in the unit.
MAX_DURATION_S = 7 * 24 * 3600.0


@dataclass
class Reading:
    """What was found so far in one file."""

    path: str
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def problem(self, place: Place, message: str) -> None:
        """Note an error at a place."""
        self.problems.append(Problem(place, message))

    def warning(self, place: Place, message: str) -> None:
        """Note a warning at a place."""
        self.warnings.append(Problem(place, message))

    def lines(self, found: Iterable[Problem]) -> list[str]:
        """Return one line per problem, each once, in the order of the text."""
        ordered = sorted(found, key=lambda p: p.place)
        return list(dict.fromkeys(line(self.path, p.place, p.message) for p in ordered))


def line(path: str, place: Place, message: str) -> str:
    """Return `path:line:column: message` as one unwrapped line."""
    return f"{one_line(path)}:{place.line}:{place.column}: {one_line(message)}"


class Fields:
    """One mapping of the file, read key by key; what is wrong goes to the Reading.

    Args:
        what: how messages name the mapping, such as `the step 'wait'`.
    """

    def __init__(self, reading: Reading, node: Map, what: str) -> None:
        self.reading = reading
        self.node = node
        self.what = what

    def check_keys(self, known: Collection[str]) -> None:
        """Note every key that is not known, with the nearest one that is."""
        for key, entry in self.node.entries.items():
            if key not in known:
                self.reading.problem(
                    entry.place,
                    f"{self.what} has no key {shown(key)}; it has {listed(known)}"
                    f"{nearest(key, known)}",
                )

    def place(self, key: str) -> Place:
        """Return the place of a key's value, or of the mapping where there is none."""
        entry = self.node.entries.get(key)
        return entry.node.place if entry else self.node.place

    def given(self, key: str) -> Node | None:
        """Return a key's value; None when the key is absent or empty."""
        entry = self.node.entries.get(key)
        if entry is None or (isinstance(entry.node, Scalar) and entry.node.value is None):
            return None
        return entry.node

    def required_text(self, key: str) -> str:
        """Return a text that must be there; on a problem the empty text."""
        found = self.given(key)
        if found is None:
            entry = self.node.entries.get(key)
            place = entry.place if entry else self.node.place
            why = f"{self.what} needs the key {key!r}: expected text, found nothing"
            self.reading.problem(place, why)
            return ""
        text = self.text(key)
        if not text.strip() and isinstance(found, Scalar) and isinstance(found.value, str):
            self.wrong(found, f"{key}: expected text")
        return text

    def text(self, key: str, default: str = "") -> str:
        """Return a text, or the default when there is none or it is no text."""
        found = self.given(key)
        if found is None:
            return default
        if isinstance(found, Scalar) and isinstance(found.value, str):
            return found.value
        hint = f': write "{one_line(found.text)}" in quotes' if isinstance(found, Scalar) else ""
        self.wrong(found, f"{key}: expected text", hint)
        return default

    def written(self, key: str) -> str | None:
        """Return a single value as it is written, so that the version 1.10 stays `1.10`."""
        found = self.given(key)
        if found is None:
            return None
        if isinstance(found, Scalar):
            return found.text
        self.wrong(found, f"{key}: expected text")
        return None

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false."""
        found = self.given(key)
        if found is None:
            return default
        if isinstance(found, Scalar) and isinstance(found.value, bool):
            return found.value
        self.wrong(found, f"{key}: expected true or false")
        return default

    def choice(self, key: str, choices: Collection[str], default: str) -> str:
        """Return one of the choices."""
        found = self.given(key)
        if found is None:
            return default
        value = plain(found)
        if isinstance(value, str) and value in choices:
            return value
        close = nearest(value, choices) if isinstance(value, str) else ""
        self.wrong(found, f"{key}: expected {' or '.join(choices)}", close)
        return default

    def seconds(self, key: str, default: float, *, zero: bool) -> float:
        """Return a duration in seconds: finite, at most `MAX_DURATION_S`, above or from zero."""
        found = self.given(key)
        if found is None:
            return default
        value = plain(found)
        if isinstance(value, int | float) and not isinstance(value, bool):
            enough = value >= 0 if zero else value > 0
            if enough and value <= MAX_DURATION_S and math.isfinite(value):
                return float(value)
        least = "from 0" if zero else "above 0"
        self.wrong(found, f"{key}: expected seconds {least} and up to {MAX_DURATION_S:.0f}")
        return default

    def whole(self, key: str, default: int, most: int) -> int:
        """Return a whole number from 0 to `most`."""
        found = self.given(key)
        if found is None:
            return default
        value = plain(found)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most:
            return value
        self.wrong(found, f"{key}: expected a whole number from 0 to {most}")
        return default

    def items(self, key: str) -> list[Node]:
        """Return the items of a list; none when the key is absent or empty."""
        found = self.given(key)
        if found is None:
            return []
        if isinstance(found, Sequence):
            return found.items
        self.wrong(found, f"{key}: expected a list, each item after a dash")
        return []

    def mapping(self, key: str) -> Mapping[str, Entry]:
        """Return the entries of a mapping; none when the key is absent or empty."""
        found = self.given(key)
        if found is None:
            return {}
        if isinstance(found, Map):
            return found.entries
        self.wrong(found, f"{key}: expected a mapping of names to values")
        return {}

    def wrong(self, node: Node, expected: str, hint: str = "") -> None:
        """Note that a value is not what was expected."""
        found = described(node.value) if isinstance(node, Scalar) else _kind(node)
        self.reading.problem(node.place, f"{self.what}: {expected}, found {found}{hint}")


def _kind(node: Node) -> str:
    if isinstance(node, Sequence):
        return "a list" if node.items else "an empty list"
    return "a mapping"
