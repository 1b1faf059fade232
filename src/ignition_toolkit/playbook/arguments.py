"""Values for a playbook's parameters: checked against their types, filled up with defaults.

A command line gives text, a page or a program gives JSON; text is read as the type wants it.
A file is an absolute path; whether it exists is for the step to find out, at the time when it
needs it. A credential is the name of a stored one, or the credential itself as a mapping of
`username` and `password`, or of `api_token`: then its secret values become `Secret`.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePath
from typing import Any

from ignition_toolkit.credentials import MIN_SECRET_LENGTH, Redactor, Secret, holds_secret
from ignition_toolkit.errors import ParametersInvalid
from ignition_toolkit.playbook.models import Parameter, ParameterType, Playbook
from ignition_toolkit.playbook.parameters import NAME
from ignition_toolkit.playbook.wording import described, listed, nearest
from ignition_toolkit.playbook.yaml_nodes import plain
from ignition_toolkit.playbook.yaml_parser import parse


class WrongValue(ValueError):
    """A value does not have its parameter's type; the text says `expected ..., found ...`."""


def check_arguments(
    playbook: Playbook, given: Mapping[str, Any]
) -> dict[str, Any]:  # Any: JSON values, and Secrets in an inline credential
    """Return a value for every parameter of the playbook, in the order it declares them.

    Args:
        given: values by name, text or JSON; None means not given.

    Raises: ParametersInvalid naming each unknown, missing and wrong one.
    """
    wrong = {name: _unknown(name, playbook) for name in _unknown_names(playbook, given)}
    values: dict[str, Any] = {}  # Any: as returned
    for parameter in playbook.parameters:
        try:
            values[parameter.name] = _value(parameter, given.get(parameter.name))
        except WrongValue as error:
            wrong[parameter.name] = str(error)
    if wrong:
        raise _invalid(wrong)
    return values


def convert(kind: ParameterType, value: object) -> object:
    """Return the value as a parameter of the type holds it.

    Raises: WrongValue when it cannot be one. The message holds no secret: what a credential
    parameter was given is never shown.
    """
    return _CONVERTERS[kind](value)


def secret_names(playbook: Playbook, given: Mapping[str, Any]) -> list[str]:  # Any: JSON values
    """Return the parameters whose given values hold secrets, in the playbook's order.

    These are inline credentials; they are not stored and must be given again after a restart.
    """
    return [p.name for p in playbook.parameters if p.name in given and _is_secret(p, given[p.name])]


def redacted(values: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON values
    """Return checked values as JSON for storing, with `***` for every Secret."""
    nothing_known = Redactor(())
    return {name: nothing_known.value(value) for name, value in values.items()}


def _unknown_names(playbook: Playbook, given: Mapping[str, object]) -> Iterable[str]:
    declared = {p.name for p in playbook.parameters}
    return [name for name in given if name not in declared]


def _unknown(name: str, playbook: Playbook) -> str:
    names = [p.name for p in playbook.parameters]
    return f"the playbook has no such parameter; it has {listed(names)}{nearest(name, names)}"


def _value(parameter: Parameter, given: object) -> object:
    if given is not None:
        return convert(parameter.type, given)
    if parameter.required:
        raise WrongValue(f"expected {_EXPECTED[parameter.type]}, found nothing: it is required")
    return copy.deepcopy(parameter.default)


def _invalid(wrong: dict[str, str]) -> ParametersInvalid:
    what = "1 parameter is wrong" if len(wrong) == 1 else f"{len(wrong)} parameters are wrong"
    lines = "; ".join(f"{name}: {message}" for name, message in wrong.items())
    return ParametersInvalid(f"{what}: {lines}", parameters=wrong)


def _is_secret(parameter: Parameter, value: object) -> bool:
    if holds_secret(value):
        return True
    return parameter.type is ParameterType.CREDENTIAL and _inline(value) is not None


_EXPECTED = {
    ParameterType.STRING: "text",
    ParameterType.INTEGER: "a whole number",
    ParameterType.FLOAT: "a number",
    ParameterType.BOOLEAN: "true or false",
    ParameterType.DICT: "a mapping",
    ParameterType.LIST: "a list",
    ParameterType.FILE: "an absolute path of a file",
    ParameterType.CREDENTIAL: "the name of a credential, or one with username and password,"
    " or with api_token",
}

_INTEGER = re.compile(r"[-+]?[0-9]{1,300}")
_FLOAT = re.compile(r"[-+]?(?:[0-9]{1,300}(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
_TRUE, _FALSE = frozenset({"true", "yes", "on"}), frozenset({"false", "no", "off"})


def _wrong(kind: ParameterType, value: object) -> WrongValue:
    return WrongValue(f"expected {_EXPECTED[kind]}, found {described(value)}")


def _string(value: object) -> object:
    if isinstance(value, str | Secret):
        return value
    raise _wrong(ParameterType.STRING, value)


def _integer(value: object) -> object:
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise _wrong(ParameterType.INTEGER, value)


def _float(value: object) -> object:
    if isinstance(value, str) and _FLOAT.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and _finite(value):
        return value
    raise _wrong(ParameterType.FLOAT, value)


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _boolean(value: object) -> object:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise _wrong(ParameterType.BOOLEAN, value)


def _dict(value: object) -> object:
    found = _from_yaml(value) if isinstance(value, str) else value
    if isinstance(found, Mapping):
        return dict(found)
    raise _wrong(ParameterType.DICT, _nearer(value, found))


def _list(value: object) -> object:
    found = _from_yaml(value) if isinstance(value, str) else value
    if isinstance(found, list | tuple):
        return list(found)
    raise _wrong(ParameterType.LIST, _nearer(value, found))


def _nearer(value: object, found: object) -> object:
    """Return what to call the value: the list or the mapping that a text holds, else the text."""
    return found if isinstance(found, list | Mapping) else value


def _from_yaml(text: str) -> object:
    tree = parse(text)
    return None if tree.root is None or tree.problems else plain(tree.root)


def _file(value: object) -> object:
    if isinstance(value, str) and PurePath(value).is_absolute() and "\0" not in value:
        return value
    raise _wrong(ParameterType.FILE, value)


def _credential(value: object) -> object:
    inline = _inline(value)
    if inline is not None:
        return _checked_inline(inline)
    if isinstance(value, str) and NAME.fullmatch(value):
        return value
    raise WrongValue(f"expected {_EXPECTED[ParameterType.CREDENTIAL]}")


def _inline(value: object) -> Mapping[str, object] | None:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = _from_yaml(value)
    return value if isinstance(value, Mapping) else None


def _checked_inline(given: Mapping[str, object]) -> dict[str, str | Secret]:
    # Other fields are not named: a slip of the pen may have made a secret a key.
    if set(given) not in ({"username", "password"}, {"api_token"}):
        raise WrongValue("expected username and password, or api_token, and no other field")
    return {name: _credential_field(name, value) for name, value in given.items()}


def _credential_field(name: str, value: object) -> str | Secret:
    text = value.reveal() if isinstance(value, Secret) else value
    if not isinstance(text, str) or not text:
        raise WrongValue(f"expected text as {name}")
    if name == "username":
        return text
    if len(text) < MIN_SECRET_LENGTH:
        raise WrongValue(
            f"expected at least {MIN_SECRET_LENGTH} characters as {name}:"
            " a shorter secret cannot be kept out of logs"
        )
    return Secret(text)


_CONVERTERS: dict[ParameterType, Callable[[object], object]] = {
    ParameterType.STRING: _string,
    ParameterType.INTEGER: _integer,
    ParameterType.FLOAT: _float,
    ParameterType.BOOLEAN: _boolean,
    ParameterType.DICT: _dict,
    ParameterType.LIST: _list,
    ParameterType.FILE: _file,
    ParameterType.CREDENTIAL: _credential,
}
