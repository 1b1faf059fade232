"""The step kinds that are installed: imports their modules, describes them, checks parameters."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, TypeGuard

from ignition_toolkit.errors import HandlerBroken, ToolkitError
from ignition_toolkit.playbook.models import Playbook, Program, Step
from ignition_toolkit.playbook.step_check import Problem, allows_extra, dotted, problems
from ignition_toolkit.playbook.step_handler import Effect, StepHandler
from ignition_toolkit.protocol import StepProblem

if TYPE_CHECKING:
    from ignition_toolkit.playbook.catalog import Catalog, Kind


class Kinds:
    """Finds the handler of a kind; a module is imported when it is first asked for.

    Args:
        modules: module of each kind, as the catalog says.
    """

    def __init__(self, modules: Mapping[str, str]) -> None:
        self._modules = dict(modules)
        self._handlers: dict[str, type[StepHandler]] = {}

    def handler(self, kind: str) -> type[StepHandler]:
        """Return a kind's handler.

        Raises HandlerBroken when its module cannot be imported or does not hold it. Cancellation:
        an import blocks the event loop; one that hangs is ended with the runner.
        """
        if kind not in self._handlers:
            self._handlers |= self._imported(kind)
        return self._handlers[kind]

    def _imported(self, kind: str) -> dict[str, type[StepHandler]]:
        module = self._modules.get(kind)
        if module is None:
            raise HandlerBroken(f"step kind {kind!r} is not installed; `itk steps` lists all")
        handlers = handlers_of(module)
        if kind not in handlers:
            raise HandlerBroken(f"module {module} no longer declares step kind {kind!r}")
        return handlers


def handlers_of(module: str) -> dict[str, type[StepHandler]]:
    """Import a module and return its handlers by kind.

    Those that it imports from elsewhere are not its own; a package may gather those of its
    modules. Raises HandlerBroken with the cause when the import fails, or two have one kind.
    """
    try:
        names = vars(importlib.import_module(module))
    except (Exception, SystemExit) as error:  # border: a stranger's module may raise anything
        text = f"module {module} cannot be imported: {type(error).__name__}: {error}"
        raise HandlerBroken(text) from error
    handlers: dict[str, type[StepHandler]] = {}
    for value in names.values():
        if _is_kind(value) and f"{value.__module__}.".startswith(f"{module}."):
            other = handlers.setdefault(value.type, value)
            if other is not value:
                raise HandlerBroken(
                    f"step kind {value.type!r} is declared by both {other.__qualname__} and"
                    f" {value.__qualname__} of {module}"
                )
    return handlers


def _is_kind(value: object) -> TypeGuard[type[StepHandler]]:
    return (
        isinstance(value, type)
        and issubclass(value, StepHandler)
        and isinstance(value.__dict__.get("type"), str)
    )


def describe() -> Catalog:
    """Import every installed module of step kinds and return the catalog."""
    from ignition_toolkit.playbook.catalog import (
        ENTRY_POINT_GROUP,
        BrokenModule,
        Catalog,
        installed_key,
    )

    kinds: dict[str, Kind] = {}
    broken: list[BrokenModule] = []
    entries = sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.value)
    for entry in entries:
        try:
            kinds |= {kind.type: kind for kind in _kinds(entry, kinds)}
        except Exception as error:  # noqa: BLE001 - border: a stranger's classes may raise anything
            text = error.message if isinstance(error, ToolkitError) else repr(error)
            found = BrokenModule(
                module=entry.value, distribution=_package(entry), error=" ".join(text.split())
            )
            broken.append(found)
    return Catalog(key=installed_key(), kinds=kinds, broken=tuple(broken))


def _kinds(entry: EntryPoint, known: Mapping[str, Kind]) -> list[Kind]:
    handlers = handlers_of(entry.module)
    if not handlers:
        raise HandlerBroken(
            f"module {entry.module} declares no step kind: expected a class derived from"
            " StepHandler with a `type`"
        )
    return [_kind(entry, name, handler, known.get(name)) for name, handler in handlers.items()]


def _kind(entry: EntryPoint, name: str, handler: type[StepHandler], other: Kind | None) -> Kind:
    from ignition_toolkit.playbook.catalog import Kind

    if other is not None:
        raise HandlerBroken(
            f"step kind {name!r} is declared by {other.distribution} ({other.module}) too"
        )
    if inspect.isabstract(handler):
        raise HandlerBroken(f"step kind {name!r} has no `async def execute(self, params)`")
    return Kind(
        type=name,
        summary=handler.summary,
        effect=Effect(handler.effect).value,
        leaves=handler.leaves,
        module=entry.module,
        distribution=_package(entry),
        parameters=handler.Params.model_json_schema(),
        extra_parameters=allows_extra(handler.Params),
    )


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else ""


def check_program(program: Program, modules: Mapping[str, str]) -> list[StepProblem]:
    """Check the parameters of every step of a program, as written."""
    kinds = Kinds(modules)
    return [
        problem
        for playbook in (program.main, *program.nested.values())
        for section, steps in (("steps", playbook.steps), ("on_cancel", playbook.on_cancel))
        for problem in _check_steps(playbook, section, steps, kinds)
    ]


def _check_steps(
    playbook: Playbook, section: str, steps: Sequence[Step], kinds: Kinds
) -> Iterator[StepProblem]:
    for index, step in enumerate(steps):
        for location, message in _check_step(step, kinds):
            place = (section, index, *location)
            yield StepProblem(path=playbook.path, location=place, message=message)


def _check_step(step: Step, kinds: Kinds) -> list[Problem]:
    try:
        handler = kinds.handler(step.type)
    except HandlerBroken as error:
        return [(("type",), error.message)]
    try:
        found = problems(handler.Params, step.parameters)
    except Exception as error:  # noqa: BLE001 - border: a stranger's model may raise anything
        return [(("parameters",), f"the parameters of {step.type} cannot be checked: {error!r}")]
    return [
        (("parameters", *location), f"the step {step.id!r}: {dotted(location)}: {message}")
        for location, message in found
    ]
