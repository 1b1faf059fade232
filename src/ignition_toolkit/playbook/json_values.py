"""Values that steps hand on, brought to what JSON can carry."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ignition_toolkit.credentials.secret import Secret

#: Levels of lists and dicts that are kept; what is deeper becomes text.
MAX_DEPTH = 30


def jsonable(value: object, depth: int = MAX_DEPTH) -> Any:
    """Return `value` as text, numbers, booleans, None, lists and dicts with text keys.

    Secrets stay `Secret`. Numbers that JSON does not know, and objects, become their text.
    """
    if value is None or isinstance(value, (bool, int, str, Secret)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth > 0 and isinstance(value, Mapping):
        return {str(key): jsonable(item, depth - 1) for key, item in value.items()}
    if depth > 0 and isinstance(value, (list, tuple, set, frozenset)):
        return [jsonable(item, depth - 1) for item in value]
    return str(value)


def to_wire(value: object) -> Any:
    """Return a value of `jsonable` with each secret as `{"$secret": text}`, for a private pipe."""
    if isinstance(value, Secret):
        return {"$secret": value.reveal()}
    if isinstance(value, dict):
        return {key: to_wire(item) for key, item in value.items()}
    if isinstance(value, list):
        return [to_wire(item) for item in value]
    return value


def from_wire(value: object) -> Any:
    """Return what `to_wire` was given."""
    if isinstance(value, dict):
        if value.keys() == {"$secret"}:
            return Secret(str(value["$secret"]))
        return {key: from_wire(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_wire(item) for item in value]
    return value
