"""The tree of one YAML text: values that know their places. `yaml_parser` makes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from ignition_toolkit.playbook.yaml_scalars import Plain

#: Limits of one file. A playbook of 1,000 steps has about 100 kB and 15,000 nodes.
MAX_BYTES = 1024 * 1024
MAX_DEPTH = 50
MAX_ALIASES = 1000
#: Nodes with every alias written out.
MAX_NODES = 200_000

#: A value as JSON knows it; numbers are finite.
Value: TypeAlias = "Plain | list[Value] | dict[str, Value]"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in the text; line and column from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong or doubtful at a place."""

    place: Place
    message: str


@dataclass(slots=True)
class Node:
    """Base of the nodes. `size` and `depth` count every alias written out."""

    place: Place
    size: int = field(default=1, kw_only=True)
    depth: int = field(default=1, kw_only=True)


@dataclass(slots=True)
class Scalar(Node):
    """A single value. `text` is what was written, without quotes."""

    value: Plain
    text: str
    #: What YAML 1.2 reads here, where that differs; one line.
    doubt: str | None = None


@dataclass(slots=True)
class Sequence(Node):
    """A list."""

    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Entry:
    """One key of a mapping, with the key's own place."""

    place: Place
    node: Node
    doubt: str | None = None


@dataclass(slots=True)
class Map(Node):
    """A mapping from text; merged keys (`<<`) are already in it."""

    entries: dict[str, Entry] = field(default_factory=dict)


@dataclass
class Tree:
    """What `parse` found: a root node unless something was wrong."""

    root: Node | None
    problems: list[Problem] = field(default_factory=list)


def plain(node: Node) -> Value:
    """Return the node as a JSON value; what two aliases share is copied."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    assert isinstance(node, Map)
    return {key: plain(entry.node) for key, entry in node.entries.items()}


def doubts(node: Node) -> Iterator[Problem]:
    """Yield where YAML 1.2 reads the node or one below it differently."""
    if isinstance(node, Scalar) and node.doubt:
        yield Problem(node.place, node.doubt)
    if isinstance(node, Sequence):
        for item in node.items:
            yield from doubts(item)
    if isinstance(node, Map):
        for entry in node.entries.values():
            if entry.doubt:
                yield Problem(entry.place, entry.doubt)
            yield from doubts(entry.node)
