"""The part of the loader that reads steps: their keys, kinds, parameter names and references."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from ignition_toolkit.playbook.catalog import Catalog, Kind
from ignition_toolkit.playbook.models import (
    DEFAULT_RETRY_DELAY_S,
    DEFAULT_TIMEOUT_S,
    OnFailure,
    Parameter,
    ParameterType,
    Step,
)
from ignition_toolkit.playbook.older_spellings import Draft, modernise
from ignition_toolkit.playbook.parameters import (
    CREDENTIAL_FIELDS,
    NAME,
    WORDS,
    Malformed,
    Reference,
    has_reference,
    scan,
)
from ignition_toolkit.playbook.reading import Fields, Reading
from ignition_toolkit.playbook.wording import listed, nearest, one_line, shown
from ignition_toolkit.playbook.yaml_nodes import Entry, Map, Node, Place, Scalar, plain
from ignition_toolkit.playbook.yaml_nodes import Sequence as ListNode

STEP_KEYS = (
    "id",
    "name",
    "type",
    "parameters",
    "timeout",
    "retry_count",
    "retry_delay",
    "on_failure",
)
MAX_RETRIES = 100

#: Words that people write for one of the four that open a reference.
_SLIPS = {
    "parameters": "parameter",
    "params": "parameter",
    "param": "parameter",
    "variables": "variable",
    "vars": "variable",
    "steps": "step",
    "credentials": "credential",
}
_SLIP = re.compile(r"\{\{\s*(" + "|".join(_SLIPS) + r")\s*\.")


def bad_name(what: str, name: str) -> str:
    """Return the message for a name that a reference could not spell."""
    return (
        f"the {what} {shown(name)} cannot be named in a reference:"
        " expected up to 100 letters, digits, _ and -"
    )


class StepReader:
    """Reads `steps` and `on_cancel` of one playbook; problems go to the Reading."""

    def __init__(self, reading: Reading, catalog: Catalog, parameters: Sequence[Parameter]) -> None:
        self.steps: list[Step] = []
        self.on_cancel: list[Step] = []
        #: Where older spellings put what now has another name.
        self.moved: dict[tuple[str | int, ...], Place] = {}
        self._reading = reading
        self._catalog = catalog
        self._kinds = {name: tuple(kind.properties) for name, kind in catalog.kinds.items()}
        self._parameters = {p.name: p for p in parameters}
        #: Every id of the playbook, and the line of its step.
        self._ids: dict[str, int] = {}
        self._earlier: list[str] = []

    def read(self, playbook: Fields) -> None:
        """Read both lists. A playbook without steps is a problem."""
        items = playbook.items("steps")
        found = playbook.given("steps")
        if found is None or (isinstance(found, ListNode) and not items):
            self._reading.problem(
                playbook.place("steps"),
                "the playbook needs steps: expected at least one, found none",
            )
        later = playbook.items("on_cancel")
        self._collect_ids([*items, *later])
        self.steps = self._read_list(items, "steps")
        self.on_cancel = self._read_list(later, "on_cancel")

    def _collect_ids(self, items: Iterable[Node]) -> None:
        for item in items:
            entry = item.entries.get("id") if isinstance(item, Map) else None
            if entry is None or not isinstance(entry.node, Scalar):
                continue
            name = entry.node.text
            if name in self._ids:
                self._reading.problem(
                    entry.node.place,
                    f"the id {shown(name)} is taken by the step in line {self._ids[name]}:"
                    " ids of steps and on_cancel steps are unique",
                )
            self._ids.setdefault(name, item.place.line)

    def _read_list(self, items: Iterable[Node], section: str) -> list[Step]:
        steps: list[Step] = []
        for index, item in enumerate(items):
            if not isinstance(item, Map):
                message = (
                    f"{section}: item {index + 1}: expected a step, a mapping with id and type"
                )
                self._reading.problem(item.place, message)
                continue
            steps.append(self._step(item, (section, index)))
            self._earlier.append(steps[-1].id)
        return steps

    def _step(self, node: Map, location: tuple[str, int]) -> Step:
        fields = Fields(self._reading, node, f"{location[0]} item {location[1] + 1}")
        identity = self._id(fields)
        fields.check_keys(STEP_KEYS)
        kind = fields.required_text("type")
        parameters = fields.mapping("parameters")
        draft = Draft(kind, fields.place("type"), dict(parameters), dict(node.entries))
        modernise(draft, self._kinds)
        self._take(draft, parameters, location)
        if kind:
            self._check_kind(fields, draft)
        own = Fields(self._reading, Map(node.place, entries=draft.options), fields.what)
        return Step(
            id=identity,
            name=own.text("name") or identity,
            type=draft.kind,
            parameters={name: plain(e.node) for name, e in draft.parameters.items()},
            timeout=own.seconds("timeout", DEFAULT_TIMEOUT_S, zero=False),
            retry_count=own.whole("retry_count", 0, MAX_RETRIES),
            retry_delay=own.seconds("retry_delay", DEFAULT_RETRY_DELAY_S, zero=True),
            on_failure=self._on_failure(own),
            line=node.place.line,
        )

    def _id(self, fields: Fields) -> str:
        identity = fields.required_text("id")
        if identity and not NAME.fullmatch(identity):
            self._reading.problem(fields.place("id"), bad_name("id", identity))
        elif identity:
            fields.what = f"the step {identity!r}"
        return identity

    def _on_failure(self, fields: Fields) -> OnFailure:
        node = fields.given("on_failure")
        if isinstance(node, Scalar) and node.value == "rollback":
            fields.wrong(
                node,
                "on_failure: expected abort or continue",
                ": nothing is rolled back here; undo with steps of your own",
            )
            return OnFailure.ABORT
        return OnFailure(fields.choice("on_failure", list(OnFailure), OnFailure.ABORT))

    def _take(self, draft: Draft, written: Mapping[str, Entry], location: tuple[str, int]) -> None:
        """Take over what the older spellings left, and where it stands in the text."""
        self._reading.warnings += draft.warnings
        self._reading.problems += draft.problems
        for name, entry in draft.parameters.items():
            if name not in written:
                self.moved[(*location, "parameters", name)] = entry.node.place
        if "retry_count" in written and "retry_count" in draft.options:
            self.moved[(*location, "retry_count")] = draft.options["retry_count"].node.place

    def _check_kind(self, fields: Fields, draft: Draft) -> None:
        kind = self._catalog.kinds.get(draft.kind)
        if kind is None:
            self._reading.problem(draft.place, self._no_such_kind(fields.what, draft.kind))
        else:
            self._check_names(fields, draft, kind)
        for name, entry in draft.parameters.items():
            self._check_references(f"{fields.what}: {name}", entry.node)

    def _no_such_kind(self, what: str, kind: str) -> str:
        close = nearest(kind, self._catalog.kinds)
        close = close or f"; installed are {listed(sorted(self._catalog.kinds))}"
        broken = "".join(
            f"; the module {b.module} could not be loaded: {one_line(b.error)}"
            for b in self._catalog.broken[:3]
        )
        return f"{what}: there is no step kind {shown(kind)}{close}{broken}"

    def _check_names(self, fields: Fields, draft: Draft, kind: Kind) -> None:
        known = kind.properties
        for name, entry in draft.parameters.items():
            if name not in known and name not in draft.tolerated and not kind.extra_parameters:
                self._reading.problem(
                    entry.place,
                    f"{fields.what}: {kind.type} has no parameter {shown(name)};"
                    f" it has {listed(known)}{nearest(name, known)}",
                )
        for name in kind.required:
            if name not in draft.parameters:
                self._reading.problem(
                    fields.place("parameters"),
                    f"{fields.what}: {kind.type} needs the parameter {name!r}, found none",
                )

    def _check_references(self, what: str, node: Node) -> None:
        if isinstance(node, ListNode):
            for item in node.items:
                self._check_references(what, item)
        elif isinstance(node, Map):
            for key, entry in node.entries.items():
                if has_reference(key):
                    self._reading.problem(entry.place, f"{what}: a reference cannot be a key")
                self._check_references(what, entry.node)
        elif isinstance(node, Scalar) and isinstance(node.value, str):
            self._check_text(what, node.place, node.value)

    def _check_text(self, what: str, place: Place, text: str) -> None:
        if "{{" not in text:
            return
        for found in scan(text):
            why = found.message if isinstance(found, Malformed) else self._wrong(found)
            if why:
                self._reading.problem(place, f"{what}: {why}")
        for slip in _SLIP.finditer(text):
            self._reading.warning(
                place,
                f"{what}: {shown(slip[0])} stays text: only {listed(WORDS)} open a reference;"
                f" did you mean {_SLIPS[slip[1]]!r}?",
            )

    def _wrong(self, reference: Reference) -> str | None:
        if reference.word == "parameter":
            return self._wrong_parameter(reference)
        if reference.word == "step":
            return self._wrong_step(reference)
        if reference.word == "credential":
            return _wrong_field(reference, reference.path[1:])
        return None

    def _wrong_parameter(self, reference: Reference) -> str | None:
        name, *parts = reference.path
        parameter = self._parameters.get(name)
        if parameter is None:
            declared = f"it declares {listed(self._parameters)}{nearest(name, self._parameters)}"
            return f"{reference.text}: the playbook has no parameter {name!r}; {declared}"
        if parameter.type is ParameterType.CREDENTIAL:
            return _wrong_field(reference, parts)
        if parts and parameter.type not in (ParameterType.DICT, ParameterType.LIST):
            return f"{reference.text}: a parameter of type {parameter.type} has no parts"
        return None

    def _wrong_step(self, reference: Reference) -> str | None:
        name = reference.path[0]
        if name in self._earlier:
            return None
        if name in self._ids:
            why = f"the step {name!r} does not come before this one (line {self._ids[name]})"
            return f"{reference.text}: {why}: expected an earlier step"
        close = nearest(name, self._earlier)
        earlier = f"earlier steps are {listed(self._earlier)}{close}"
        return f"{reference.text}: there is no step {name!r}; {earlier}"


def _wrong_field(reference: Reference, parts: Sequence[str]) -> str | None:
    if not parts or (len(parts) == 1 and parts[0] in CREDENTIAL_FIELDS):
        return None
    close = nearest(parts[0], CREDENTIAL_FIELDS)
    return f"{reference.text}: a credential has {listed(CREDENTIAL_FIELDS)}{close}"
