"""The parameters that a kind is tried with: given by its author, or said by the kind itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ignition_toolkit.credentials.secret import MIN_SECRET_LENGTH, Secret
from ignition_toolkit.drill.job import BUDGET_S, MOMENTS, Job, Surroundings
from ignition_toolkit.errors import HandlerBroken
from ignition_toolkit.playbook.json_values import from_wire, jsonable, to_wire
from ignition_toolkit.playbook.models import Step
from ignition_toolkit.playbook.step_handler import StepHandler

#: Names of parameters whose values nobody may read.
_SECRET_NAME = re.compile(r"password|passphrase|secret|token", re.IGNORECASE)
#: Kinds that every try finds: of the step behind the tried one, and for playbooks that it runs.
ALWAYS = ("utility.log", "utility.sleep")


# Any: parameters are JSON values, or Secrets, of the author's choosing.
def example_of(handler: type[StepHandler]) -> dict[str, Any]:
    """Return the parameters that a kind itself names as an example of its use.

    It is the first of the `examples` of its `Params` (`json_schema_extra`), else the first of the
    `examples` of each field that has no default. Raises HandlerBroken, which says how to give one.
    """
    whole = _examples_of_model(handler.Params)
    if whole is not None:
        return whole
    found: dict[str, Any] = {}
    missing: list[str] = []
    for name, field in handler.Params.model_fields.items():
        if not field.is_required():
            continue
        if field.examples:
            found[field.alias or name] = field.examples[0]
        else:
            missing.append(name)
    if missing:
        raise HandlerBroken(_how_to_give(handler, missing))
    return found


def job_of(
    handler: type[StepHandler],
    parameters: Mapping[str, Any] | None = None,
    *,
    around: Surroundings | None = None,
    modules: Mapping[str, str] | None = None,
    before: tuple[Step, ...] = (),
    moments: int = MOMENTS,
    budget_s: float = BUDGET_S,
) -> Job:
    """Return the job that has a kind tried.

    Args:
        handler: the kind's class.
        parameters: as a playbook would give them; None for the kind's own example. A `Secret`,
            and a text of a parameter whose name says that it is one, may not be told by the step.
        around: what it finds around it.
        modules: modules of other kinds that are needed, by kind.
        before: steps that run before it.
        moments: at how many moments it is cancelled at most, 1 or more.
        budget_s: seconds that all tries may take; one that has begun comes to its end.

    Raises HandlerBroken.
    """
    given = dict(parameters) if parameters is not None else example_of(handler)
    surroundings = around or Surroundings()
    return Job(
        kind=handler.type,
        modules={
            **dict.fromkeys(ALWAYS, "ignition_toolkit.steps.utility"),
            **(modules or {}),
            handler.type: handler.__module__,
        },
        parameters=to_wire(jsonable(given)),
        secrets=(*_secrets(handler.Params, given), *_stored(surroundings)),
        before=before,
        around=surroundings,
        moments=moments,
        budget_s=budget_s,
    )


def _examples_of_model(model: type[BaseModel]) -> dict[str, Any] | None:
    extra = model.model_config.get("json_schema_extra")
    examples = extra.get("examples") if isinstance(extra, dict) else None
    if isinstance(examples, list) and examples and isinstance(examples[0], dict):
        return dict(examples[0])
    return None


def _how_to_give(handler: type[StepHandler], missing: list[str]) -> str:
    names = ", ".join(missing)
    return (
        f"step kind {handler.type!r} has no example for its parameters {names}: expected one that"
        f" the contract can try it with; give `examples=[...]` to their `Field(...)` in"
        f" {handler.__qualname__}.Params ({handler.__module__}), or name its parameters in the"
        " fixture `step_examples`"
    )


# Any: parameters are JSON values, or Secrets, of the author's choosing.
def _secrets(model: type[BaseModel], given: Mapping[str, Any]) -> Iterator[str]:
    for value in given.values():
        if isinstance(value, Secret):
            yield value.reveal()
    for name, field in model.model_fields.items():
        value = given.get(field.alias or name, _default(field))
        is_named = _SECRET_NAME.search(name) is not None
        if is_named and isinstance(value, str) and len(value) >= MIN_SECRET_LENGTH:
            yield value


# Any: a default of the author's choosing.
def _default(field: FieldInfo) -> Any:
    return None if field.is_required() else field.get_default(call_default_factory=False)


def _stored(around: Surroundings) -> Iterator[str]:
    for fields in around.credentials.values():
        for value in from_wire(fields).values():
            if isinstance(value, Secret) and len(value.reveal()) >= MIN_SECRET_LENGTH:
                yield value.reveal()
