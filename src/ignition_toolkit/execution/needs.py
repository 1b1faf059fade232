"""What an execution needs of what is stored: its gateways, and credentials by name.

Read from the playbooks before anything runs, nested ones included. What only the run will tell (a
variable, a step's output) cannot be known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ignition_toolkit.errors import (
    NamesUnknown,
    NotFound,
    ParametersInvalid,
    ReferenceUnresolved,
)
from ignition_toolkit.playbook.gateways import (
    GATEWAY,
    GATEWAY_URL,
    GatewayEntry,
    Gateways,
    named_gateway,
)
from ignition_toolkit.playbook.models import ParameterType, Playbook, Program, Step
from ignition_toolkit.playbook.parameters import (
    CREDENTIAL_FIELDS,
    NAME,
    Reference,
    references,
    resolve,
)
from ignition_toolkit.playbook.program import NESTING_KIND, NESTING_PARAMETER

#: Step kinds with this beginning work on a gateway, also when nobody names one.
GATEWAY_KINDS = "gateway."
#: Parameters of steps of this name, or with this ending, hold the name of a credential.
CREDENTIAL_PARAMETER = "credential"

# Any: JSON values and Secrets of the playbook's choosing, here and below.
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Place:
    """Where a credential is named, in words; `parameter` where it is one of the main playbook."""

    title: str
    parameter: str | None = None


@dataclass
class Needs:
    """What an execution needs.

    Args:
        gateways: those that its playbooks work on, by title.
        credentials: names, each with the place that names it first.
    """

    gateways: dict[str, GatewayEntry] = field(default_factory=dict)
    credentials: dict[str, Place] = field(default_factory=dict)


def needs_of(program: Program, arguments: Values, known: Gateways) -> Needs:
    """Return what a program needs.

    Args:
        program: the playbook, and those that it can run.
        arguments: checked values for its parameters.
        known: the gateways that are registered, and the default one.

    Raises NamesUnknown where a playbook names a gateway that is not registered, ParametersInvalid
    where it gives an address with a login in it.
    """
    looking = _Looking(program, known)
    looking.look(program.main, arguments, ())
    return looking.needs


class _Looking:
    def __init__(self, program: Program, known: Gateways) -> None:
        self._program = program
        self._known = known
        self.needs = Needs()

    def look(self, playbook: Playbook, arguments: Values, around: tuple[Values, ...]) -> None:
        """Take note of what a playbook needs, and those that it runs."""
        self._look_for_gateway(playbook, arguments, around)
        self._look_for_parameters(playbook, arguments)
        for step in (*playbook.steps, *playbook.on_cancel):
            self._look_at_step(playbook, step, arguments)
            nested = self._program.nested.get(str(step.parameters.get(NESTING_PARAMETER)))
            if step.type == NESTING_KIND and nested is not None:
                given = _nested_arguments(nested, step, arguments)
                self.look(nested, given, (arguments, *around))

    def _look_for_gateway(
        self, playbook: Playbook, arguments: Values, around: tuple[Values, ...]
    ) -> None:
        steps = (*playbook.steps, *playbook.on_cancel)
        works_on_one = any(step.type.startswith(GATEWAY_KINDS) for step in steps)
        named = named_gateway(arguments)
        if named is None and not works_on_one:
            return
        if named is not None and "@" in named:
            raise _with_login(playbook, arguments, is_main=not around)
        try:
            entry = self._known.of(arguments, *around)
        except NotFound as error:
            raise _unknown_gateway(playbook, error, is_main=not around) from error
        if entry is not None:
            self.needs.gateways.setdefault(entry.title, self._known.as_registered(entry))
            if entry.credential is not None:
                self._need(entry.credential, Place(f"gateway {entry.title}"))

    def _look_for_parameters(self, playbook: Playbook, arguments: Values) -> None:
        for parameter in playbook.parameters:
            value = arguments.get(parameter.name)
            if parameter.type is ParameterType.CREDENTIAL and isinstance(value, str):
                is_main = playbook is self._program.main
                title = f"parameter {parameter.name} of {playbook.path}"
                self._need(value, Place(title, parameter.name if is_main else None))

    def _look_at_step(self, playbook: Playbook, step: Step, arguments: Values) -> None:
        place = Place(f"step {step.id} of {playbook.path}")
        for reference in references(step.parameters):
            if (name := _named_by(reference, arguments)) is not None:
                self._need(name, place)
        if step.type == NESTING_KIND:
            # Its parameters are those of the nested playbook, whose types say what they are.
            return
        for parameter, value in step.parameters.items():
            if parameter == CREDENTIAL_PARAMETER or parameter.endswith(f"_{CREDENTIAL_PARAMETER}"):
                name = known_before(value, arguments)
                if isinstance(name, str) and NAME.fullmatch(name):
                    self._need(name, place)

    def _need(self, name: str, place: Place) -> None:
        self.needs.credentials.setdefault(name, place)


def _named_by(reference: Reference, arguments: Values) -> str | None:
    """Return the credential that a reference names, None when it names none."""
    head, *rest = reference.path
    if reference.word == "credential":
        return head
    value = arguments.get(head) if reference.word == "parameter" else None
    # `{{ parameter.x.password }}`: a text x names a credential.
    is_named = isinstance(value, str) and rest[:1] != [] and rest[0] in CREDENTIAL_FIELDS
    return value if is_named and isinstance(value, str) else None


def _nested_arguments(nested: Playbook, step: Step, arguments: Values) -> dict[str, Any]:
    """Return what a nested playbook will be given, as far as it can be told before the run."""
    given = {parameter.name: parameter.default for parameter in nested.parameters}
    for name, value in step.parameters.items():
        given[name] = known_before(value, arguments)
    return given


def known_before(value: object, arguments: Values) -> Any:
    """Return a value with its references resolved, None when only the run will tell it."""
    try:
        return resolve(value, _Known(arguments))
    except ReferenceUnresolved:
        return None


class _Known:
    """The references that can be resolved before a run: the parameters."""

    def __init__(self, parameters: Values) -> None:
        self.parameters = parameters
        self.variables: Values = {}
        self.outputs: Mapping[str, Values] = {}

    def credentials(self, name: str) -> Values:
        """No credential names anything else."""
        raise ReferenceUnresolved(f"credential {name!r} is not known before the run")


def _unknown_gateway(playbook: Playbook, error: NotFound, *, is_main: bool) -> NamesUnknown:
    parameters = {GATEWAY: error.message} if is_main else {}
    return NamesUnknown(
        f"playbook {playbook.path}, parameter {GATEWAY}: {error.message}",
        parameters=parameters,
        credentials=[],
        gateways=[error.fields.get("name")],
    )


def _with_login(playbook: Playbook, arguments: Values, *, is_main: bool) -> ParametersInvalid:
    """Return the error of an address with a login, which would be stored and shown as it is."""
    name = GATEWAY if named_gateway({GATEWAY: arguments.get(GATEWAY)}) else GATEWAY_URL
    why = (
        "expected the address of a gateway without a login, as http://plant:8088, found one with a "
        "login in it: store that with `itk credentials add`, and register the gateway with it"
    )
    text = f"playbook {playbook.path}, parameter {name}: {why}"
    return ParametersInvalid(text, parameters={name: why} if is_main else {})


def steps_of(program: Program) -> Iterator[Step]:
    """Yield the steps of all playbooks of a program, those of `on_cancel` included."""
    for playbook in (program.main, *program.nested.values()):
        yield from playbook.steps
        yield from playbook.on_cancel
