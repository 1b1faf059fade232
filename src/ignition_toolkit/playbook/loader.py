"""YAML -> Playbook. Every problem of a file is found at once, each with its place.

Here a playbook's own keys, step kinds, the names of parameters and all references are checked.
The types of a step's parameters are a runner's to check: only it knows the handlers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ignition_toolkit.errors import PlaybookInvalid
from ignition_toolkit.playbook.arguments import WrongValue, convert
from ignition_toolkit.playbook.catalog import Catalog
from ignition_toolkit.playbook.models import (
    DEFAULT_ON_CANCEL_S,
    Concurrency,
    Parameter,
    ParameterType,
    Playbook,
    TraceWhen,
)
from ignition_toolkit.playbook.parameters import NAME, has_reference
from ignition_toolkit.playbook.reading import Fields, Reading, line
from ignition_toolkit.playbook.step_loader import StepReader, bad_name
from ignition_toolkit.playbook.wording import described, listed, one_line, shown
from ignition_toolkit.playbook.yaml_nodes import (
    Map,
    Node,
    Place,
    Scalar,
    Sequence,
    doubts,
    plain,
)
from ignition_toolkit.playbook.yaml_parser import parse

#: Keys of a playbook, in the order in which people write them.
ROOT_KEYS = (
    "name",
    "version",
    "description",
    "domain",
    "group",
    "verified",
    "concurrency",
    "trace",
    "parameters",
    "steps",
    "on_cancel",
    "on_cancel_timeout",
    "metadata",
)
PARAMETER_KEYS = ("name", "type", "required", "description", "default")

#: What a playbook is about. Another word only earns a warning: nothing depends on it.
DOMAINS = ("gateway", "perspective", "designer", "utility")

#: Where a value stands: keys and, from 0, positions in lists.
Location = tuple[str | int, ...]


@dataclass(frozen=True)
class Places:
    """Finds the place of a location in a playbook's text."""

    root: Map
    #: Where older spellings put what now has another name.
    moved: Mapping[Location, Place] = field(default_factory=dict)

    def at(self, location: Location) -> Place:
        """Return the place of the value there, or of the nearest value around it."""
        node: Node = self.root
        place = node.place
        for depth, part in enumerate(location, start=1):
            found = _child(node, part)
            place = self.moved.get(location[:depth]) or (found.place if found else place)
            if found is None:
                break
            node = found
        return place


def _child(node: Node, part: str | int) -> Node | None:
    if isinstance(node, Map):
        entry = node.entries.get(str(part))
        return entry.node if entry else None
    if isinstance(node, Sequence) and isinstance(part, int) and 0 <= part < len(node.items):
        return node.items[part]
    return None


@dataclass(frozen=True)
class Loaded:
    """A playbook that is right as far as it goes, and how to name places in its text."""

    playbook: Playbook
    #: Lines `path:line:column: message`, in the order of the text.
    warnings: list[str]
    places: Places

    def line(self, location: Location, message: str) -> str:
        """Return `path:line:column: message` for a location such as `("steps", 3, "timeout")`."""
        return line(self.playbook.path, self.places.at(location), message)


def load(text: str | bytes, path: str, catalog: Catalog) -> Loaded:
    """Read one playbook.

    Args:
        text: YAML, as bytes in UTF-8; at most 1 MiB.
        path: what messages and `Playbook.path` name it.
        catalog: the installed step kinds.

    Raises: PlaybookInvalid with every problem as one line `path:line:column: message`. Nothing
    else, whatever the text is.
    """
    reading = Reading(path)
    tree = parse(text)
    reading.problems += tree.problems
    reader = _PlaybookReader(reading, catalog)
    playbook = reader.read(tree.root) if tree.root is not None else None
    if playbook is None or reading.problems:
        raise invalid(path, reading.lines(reading.problems))
    assert isinstance(tree.root, Map)
    reading.warnings += doubts(tree.root)
    return Loaded(playbook, reading.lines(reading.warnings), Places(tree.root, reader.moved))


def invalid(path: str, problems: list[str]) -> PlaybookInvalid:
    """Return the error for a playbook with these problems."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return PlaybookInvalid(f"{one_line(path)} is no playbook: {count}", problems=problems)


class _PlaybookReader:
    def __init__(self, reading: Reading, catalog: Catalog) -> None:
        self._reading = reading
        self._catalog = catalog
        self.moved: dict[Location, Place] = {}

    def read(self, root: Node) -> Playbook | None:
        if not isinstance(root, Map):
            found = described(root.value) if isinstance(root, Scalar) else "a list"
            self._reading.problem(
                root.place, f"a playbook is a mapping with a name and steps, found {found}"
            )
            return None
        fields = Fields(self._reading, root, "the playbook")
        fields.check_keys(ROOT_KEYS)
        parameters = self._parameters(fields)
        steps = StepReader(self._reading, self._catalog, parameters)
        steps.read(fields)
        self.moved = steps.moved
        return self._playbook(fields, parameters, steps)

    def _playbook(
        self, fields: Fields, parameters: tuple[Parameter, ...], steps: StepReader
    ) -> Playbook:
        concurrency = fields.choice("concurrency", list(Concurrency), Concurrency.EXCLUSIVE)
        return Playbook(
            name=fields.required_text("name"),
            path=self._reading.path,
            version=fields.written("version"),
            domain=self._domain(fields),
            description=fields.text("description"),
            concurrency=Concurrency(concurrency),
            trace=TraceWhen(fields.choice("trace", list(TraceWhen), TraceWhen.ON_FAILURE)),
            parameters=parameters,
            steps=tuple(steps.steps),
            on_cancel=tuple(steps.on_cancel),
            on_cancel_timeout=fields.seconds("on_cancel_timeout", DEFAULT_ON_CANCEL_S, zero=False),
            group=fields.text("group") or None,
            verified=fields.flag("verified", False),
            metadata={key: plain(e.node) for key, e in fields.mapping("metadata").items()},
        )

    def _domain(self, fields: Fields) -> str | None:
        domain = fields.text("domain") or None
        if domain is not None and domain not in DOMAINS:
            self._reading.warning(
                fields.place("domain"),
                f"domain: expected one of {listed(DOMAINS)}, found {shown(domain)}; it is kept",
            )
        return domain

    def _parameters(self, fields: Fields) -> tuple[Parameter, ...]:
        found: dict[str, Parameter] = {}
        for number, item in enumerate(fields.items("parameters"), start=1):
            if not isinstance(item, Map):
                fields.wrong(item, f"parameter {number}: expected a mapping with a name and a type")
                continue
            parameter = self._parameter(item, number)
            if parameter.name in found:
                self._reading.problem(
                    item.place, f"the parameter {parameter.name!r} is declared twice"
                )
            elif parameter.name:
                found[parameter.name] = parameter
        return tuple(found.values())

    def _parameter(self, node: Map, number: int) -> Parameter:
        fields = Fields(self._reading, node, f"parameter {number}")
        name = fields.required_text("name")
        if name and not NAME.fullmatch(name):
            self._reading.problem(fields.place("name"), bad_name("parameter", name))
        elif name:
            fields.what = f"the parameter {name!r}"
        fields.check_keys(PARAMETER_KEYS)
        kind = ParameterType(fields.choice("type", list(ParameterType), ParameterType.STRING))
        return Parameter(
            name=name,
            type=kind,
            required=fields.flag("required", True) and "default" not in node.entries,
            description=fields.text("description"),
            default=self._default(fields, kind),
        )

    def _default(self, fields: Fields, kind: ParameterType) -> object:
        node = fields.given("default")
        if node is None:
            return None
        value = plain(node)
        if has_reference(value):
            fields.wrong(node, "default: expected a value without references")
            return None
        if kind is ParameterType.CREDENTIAL and not isinstance(node, Scalar):
            fields.wrong(node, "default: expected the name of a stored credential")
            return None
        try:
            return convert(kind, value)
        except WrongValue as error:
            return self._mended_default(fields, kind, node, str(error))

    def _mended_default(
        self, fields: Fields, kind: ParameterType, node: Node, why: str
    ) -> str | None:
        """Defaults that older files have: an unquoted number as text, an empty text as nothing."""
        if kind is ParameterType.STRING and isinstance(node, Scalar):
            self._reading.warning(
                node.place, f'default: {node.text} is taken as text: write "{node.text}" in quotes'
            )
            return node.text
        if isinstance(node, Scalar) and node.value == "":
            self._reading.warning(node.place, f"default: {why}: it is taken as no value")
            return None
        self._reading.problem(node.place, f"{fields.what}: default: {why}")
        return None
