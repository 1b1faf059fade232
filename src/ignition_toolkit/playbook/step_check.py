"""Checks of a step's parameters against the model of its kind, with and without references."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence, Set
from typing import Any

from pydantic import BaseModel, ValidationError

from ignition_toolkit.errors import StepFailed
from ignition_toolkit.playbook.parameters import has_reference
from ignition_toolkit.playbook.step_handler import StepHandler

Problem = tuple[tuple[str | int, ...], str]

#: Characters of a found value that a message shows; a longer one is not shown at all.
SHOWN_CHARACTERS = 80


def allows_extra(model: type[BaseModel]) -> bool:
    """Whether a kind takes parameters that its model does not name."""
    return model.model_config.get("extra") == "allow"


def problems(model: type[BaseModel], parameters: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with a step's parameters as written, by their location.

    A value that holds a reference is taken for right: only its run can tell.
    """
    templated = {name for name, value in parameters.items() if has_reference(value)}
    return _checked(model, parameters, templated)[1]


def validated(handler: type[StepHandler], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return a step's resolved parameters as its handler gets them, defaults filled in.

    Raises StepFailed naming every parameter that is wrong.
    """
    # What a reference gave may look like a reference; it is a value all the same.
    checked, found = _checked(handler.Params, parameters, set())
    if found or checked is None:
        lines = "; ".join(f"{dotted(location)}: {message}" for location, message in found)
        raise StepFailed(f"the parameters of {handler.type} are wrong: {lines}")
    return {name: getattr(checked, name) for name in type(checked).model_fields} | dict(
        checked.model_extra or {}
    )


def dotted(location: Sequence[str | int]) -> str:
    """Return a location as a person would write it."""
    return ".".join(str(part) for part in location) or "parameters"


def _checked(
    model: type[BaseModel], parameters: Mapping[str, Any], unknown_values: Set[str]
) -> tuple[BaseModel | None, list[Problem]]:
    """Return the validated model, if it is valid, and what is wrong."""
    found = [*_unknown(model, parameters)]
    try:
        return model.model_validate(dict(parameters)), found
    except ValidationError as error:
        for item in error.errors(include_url=False, include_context=False):
            location = tuple(item["loc"])
            if (location[0] in unknown_values) if location else bool(unknown_values):
                continue
            if item["type"] != "extra_forbidden":
                found.append((location, _message(item["msg"], item["input"], location)))
    return None, found


def _unknown(model: type[BaseModel], parameters: Mapping[str, Any]) -> list[Problem]:
    if allows_extra(model):
        return []
    known = {field.alias or name for name, field in model.model_fields.items()}
    return [((name,), _unknown_text(name, known)) for name in parameters if name not in known]


def _unknown_text(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known)) or 'none'}"
    return f"unknown parameter; {hint}"


def _message(message: str, value: object, location: tuple[str | int, ...]) -> str:
    text = message[:1].lower() + message[1:]
    if not location or text == "field required":
        return text
    shown = type(value).__name__ if isinstance(value, (dict, list)) else repr(value)
    if len(shown) > SHOWN_CHARACTERS:
        # Not a part of it: what a cut leaves of a secret is found by no redactor.
        shown = f"{type(value).__name__} of {len(shown)} characters"
    return f"{text}, found {shown}"
