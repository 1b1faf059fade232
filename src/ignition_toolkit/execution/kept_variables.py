"""How a step's variables are stored, so that a rerun can begin after it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.playbook.json_values import TooLarge, from_wire, jsonable

#: Characters of JSON that are kept of one step's variables.
MAX_KEPT = 1024 * 1024


# Any: JSON values of the playbook's choosing, here and below.
def kept_variables(values: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """Return variables as they are stored: `{"values": {name: value}, "withheld": [names]}`.

    A value is kept in full or not at all: one that holds a secret, or finds no room, is withheld.

    Args:
        values: by name, as the runner sent them.
        redactor: knows the secrets.
    """
    found: dict[str, Any] = {}
    withheld: list[str] = []
    room = MAX_KEPT
    for name, value in values.items():
        size, plain = _in_full(name, from_wire(value), redactor)
        if size is None or size > room:
            withheld.append(redactor.text(name))
        else:
            room -= size
            found[name] = plain
    return {"values": found, "withheld": withheld}


def _in_full(name: str, value: Any, redactor: Redactor) -> tuple[int | None, Any]:
    """Return a variable's size and its value; no size where it may not be stored."""
    try:
        plain = jsonable(value)
    except TooLarge:
        return None, None
    if redactor.value({name: plain}) != {name: plain}:
        return None, None
    return len(name) + len(json.dumps(plain)), plain
