"""YAML text -> a tree of nodes that know their places, within limits.

The meaning is YAML 1.1 as PyYAML's safe loader has it, because existing files were written for
it: `no` is false, `22:30` is 1350, `010` is 8. Where YAML 1.2 reads a plain word differently the
tree notes it, and the loader warns when the word is used. Two things differ from the safe loader:
a date stays the text that was written, and every key is text.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from ignition_toolkit.playbook.wording import one_line, shown
from ignition_toolkit.playbook.yaml_nodes import (
    MAX_ALIASES,
    MAX_DEPTH,
    MAX_NODES,
    Entry,
    Map,
    Node,
    Place,
    Problem,
    Scalar,
    Sequence,
    Tree,
)
from ignition_toolkit.playbook.yaml_scalars import difference, read
from ignition_toolkit.playbook.yaml_text import Refused, decoded, syntax_error


def parse(source: str | bytes) -> Tree:
    """Read one YAML document. Never raises on any text or bytes: problems are in the tree."""
    composer = _Composer()
    try:
        text = decoded(source)
        root: Node | None = composer.document(text)
    except Refused as stop:
        composer.problems.append(stop.problem)
        root = None
    return Tree(root, sorted(composer.problems, key=lambda p: p.place))


#: Tags that leave the meaning to the value.
_NO_TAG = (None, "!")

# Either gives the same events for a text that both take; the one in C is some twenty-five times
# faster, and a playbook of 1,000 steps is read at every start.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Composer:
    """Makes nodes of parser events, counting as they come, so that a bomb costs nothing."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._anchors: dict[str, Node | None] = {}
        self._aliases = 0
        self._nodes = 0

    def document(self, text: str) -> Node:
        events = self._events(text)
        root: Node | None = None
        for event in events:
            if isinstance(event, DocumentStartEvent):
                if root is not None:
                    raise Refused(_at(event), "expected one document, found a second one after ---")
                root = self._node(next(events), events, 1)
        if root is None:
            raise Refused(Place(1, 1), "expected a playbook, found a file with comments only")
        return root

    @staticmethod
    def _events(text: str) -> Iterator[Event]:
        try:
            yield from yaml.parse(text, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            raise Refused(*syntax_error(error, text)) from error
        except (yaml.YAMLError, ValueError) as error:
            # ValueError: an escape such as "\UFFFFFFFF" is no character.
            raise Refused(Place(1, 1), f"this is not YAML: {one_line(str(error))}") from error

    def _node(self, event: Event, events: Iterator[Event], depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise Refused(_at(event), f"expected at most {MAX_DEPTH} levels of nesting, found more")
        if isinstance(event, AliasEvent):
            return self._alias(event, depth)
        assert isinstance(event, NodeEvent)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        node = self._new_node(event, events, depth)
        self._count(event, 1)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _new_node(self, event: Event, events: Iterator[Event], depth: int) -> Node:
        if isinstance(event, ScalarEvent):
            return self._scalar(event)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(event, events, depth)
        assert isinstance(event, MappingStartEvent)
        return self._map(event, events, depth)

    def _count(self, event: Event, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise Refused(
                _at(event),
                f"expected at most {MAX_NODES} values, found more, counting every alias written"
                " out: a file that grows like this cannot be a playbook",
            )

    def _alias(self, event: AliasEvent, depth: int) -> Node:
        name = f"*{event.anchor}"
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            raise Refused(_at(event), f"expected at most {MAX_ALIASES} aliases, found more")
        if event.anchor not in self._anchors:
            raise Refused(_at(event), f"the alias {name} has no anchor &{event.anchor} above it")
        node = self._anchors[event.anchor]
        if node is None:
            raise Refused(_at(event), f"the alias {name} stands inside its own anchor")
        if depth + node.depth - 1 > MAX_DEPTH:
            raise Refused(_at(event), f"expected at most {MAX_DEPTH} levels of nesting, found more")
        self._count(event, node.size)
        return node

    def _sequence(self, event: SequenceStartEvent, events: Iterator[Event], depth: int) -> Sequence:
        self._check_tag(event, "seq")
        node = Sequence(_at(event))
        for inner in events:
            if isinstance(inner, SequenceEndEvent):
                break
            item = self._node(inner, events, depth + 1)
            node.items.append(item)
            _grow(node, item)
        return node

    def _map(self, event: MappingStartEvent, events: Iterator[Event], depth: int) -> Map:
        self._check_tag(event, "map")
        node = Map(_at(event))
        merged: list[Node] = []
        for inner in events:
            if isinstance(inner, MappingEndEvent):
                break
            key = self._node(inner, events, depth + 1)
            value = self._node(next(events), events, depth + 1)
            _grow(node, value)
            if _is_merge(inner):
                merged.append(value)
            else:
                self._add(node, _at(inner), key, value)
        for value in merged:
            self._merge(node, value)
        return node

    def _add(self, node: Map, place: Place, key: Node, value: Node) -> None:
        if not isinstance(key, Scalar) or key.value is None:
            self.problems.append(Problem(place, _bad_key(key)))
            return
        name = key.text
        first = node.entries.get(name)
        if first is not None:
            message = f"the key {shown(name)} stands twice; first in line {first.place.line}"
            self.problems.append(Problem(place, message))
            return
        doubt = None
        if not isinstance(key.value, str):
            doubt = f"the key {name} is taken as the text {shown(name)}: put it in quotes"
        node.entries[name] = Entry(place, value, doubt)

    def _merge(self, node: Map, value: Node) -> None:
        sources = value.items if isinstance(value, Sequence) else [value]
        for source in sources:
            if not isinstance(source, Map):
                self.problems.append(
                    Problem(source.place, "expected a mapping to merge after <<, found none")
                )
                continue
            for key, entry in source.entries.items():
                node.entries.setdefault(key, entry)

    def _scalar(self, event: ScalarEvent) -> Scalar:
        place = _at(event)
        if event.tag in _NO_TAG:
            if event.implicit[0]:
                return self._plain_scalar(place, event.value)
            return Scalar(place, event.value, event.value)
        tag = _short_tag(event.tag)
        return self._tagged_scalar(event, place, tag)

    def _plain_scalar(self, place: Place, text: str) -> Scalar:
        try:
            value = read(text)
            doubt = difference(text, value)
        except (ValueError, OverflowError):
            self.problems.append(Problem(place, f"{shown(text)} is no number that can be read"))
            return Scalar(place, None, text)
        if isinstance(value, float) and not math.isfinite(value):
            self.problems.append(Problem(place, f"expected a finite number, found {text}"))
            value = None
        return Scalar(place, value, text, doubt)

    def _tagged_scalar(self, event: ScalarEvent, place: Place, tag: str) -> Scalar:
        readers = {
            "null": "nothing",
            "bool": "true or false",
            "int": "a number",
            "float": "a number",
        }
        if tag not in readers:
            self._check_tag(event, "str")
            return Scalar(place, event.value, event.value)
        node = self._plain_scalar(place, event.value)
        value = float(node.value) if tag == "float" and isinstance(node.value, int) else node.value
        wanted = {"null": type(None), "bool": bool, "int": int, "float": float}[tag]
        if type(value) is not wanted:
            message = f"expected {readers[tag]} after !!{tag}, found {shown(event.value)}"
            self.problems.append(Problem(place, message))
        return Scalar(place, value, event.value)

    def _check_tag(self, event: NodeEvent, usual: str) -> None:
        tag = getattr(event, "tag", None)
        if tag not in _NO_TAG and _short_tag(tag) != usual:
            message = f"the tag {shown(tag)} is not allowed: playbooks hold plain values only"
            self.problems.append(Problem(_at(event), message))


def _at(event: Event) -> Place:
    mark = event.start_mark
    assert mark is not None
    return Place(mark.line + 1, mark.column + 1)


def _grow(node: Node, child: Node) -> None:
    node.size += child.size
    node.depth = max(node.depth, child.depth + 1)


def _is_merge(event: Event) -> bool:
    return isinstance(event, ScalarEvent) and event.value == "<<" and event.implicit[0]


def _short_tag(tag: str | None) -> str:
    return (tag or "").removeprefix("tag:yaml.org,2002:")


def _bad_key(key: Node) -> str:
    if isinstance(key, Map):
        return "a key must be text, found a mapping: put a {{ reference }} in quotes"
    return "a key must be text, found " + ("a list" if isinstance(key, Sequence) else "nothing")
