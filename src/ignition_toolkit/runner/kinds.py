"""The step kinds that are installed: imports their modules, describes them, checks parameters."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from ignition_toolkit.errors import HandlerBroken, ToolkitError
from ignition_toolkit.playbook.models import Playbook, Program, Step
from ignition_toolkit.playbook.step_check import allows_extra, problems
from ignition_toolkit.playbook.step_handler import StepHandler
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
            module = self._modules.get(kind)
            if module is None:
                raise HandlerBroken(f"step kind {kind!r} is not installed; `itk steps` lists all")
            self._handlers |= handlers_of(module)
        if kind not in self._handlers:
            raise HandlerBroken(f"module {module} no longer declares step kind {kind!r}")
        return self._handlers[kind]


def handlers_of(module: str) -> dict[str, type[StepHandler]]:
    """Import a module and return its handlers by kind.

    Raises HandlerBroken with the cause when the import fails.
    """
    try:
        names = vars(importlib.import_module(module))
    except (Exception, SystemExit) as error:  # border: a stranger's module may raise anything
        text = f"module {module} cannot be imported: {type(error).__name__}: {error}"
        raise HandlerBroken(text) from error
    return {
        value.type: value
        for value in names.values()
        if isinstance(value, type)
        and issubclass(value, StepHandler)
        and isinstance(value.__dict__.get("type"), str)
        and value.__module__ == module
    }


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
        except (ToolkitError, ValueError, TypeError) as error:
            text = " ".join(str(error).split())
            found = BrokenModule(module=entry.module, distribution=_package(entry), error=text)
            broken.append(found)
    return Catalog(key=installed_key(), kinds=kinds, broken=tuple(broken))


def _kinds(entry: EntryPoint, known: Mapping[str, Kind]) -> Iterator[Kind]:
    from ignition_toolkit.playbook.catalog import Kind

    for name, handler in handlers_of(entry.module).items():
        if name in known:
            other = known[name]
            raise HandlerBroken(
                f"step kind {name!r} is declared by {other.distribution} ({other.module}) too"
            )
        yield Kind(
            type=name,
            summary=handler.summary,
            effect=handler.effect.value,
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
        try:
            found = problems(kinds.handler(step.type).Params, step.parameters)
        except HandlerBroken as error:
            yield StepProblem(
                path=playbook.path, location=(section, index, "type"), message=error.message
            )
            continue
        for location, message in found:
            place = (section, index, "parameters", *location)
            yield StepProblem(path=playbook.path, location=place, message=message)
