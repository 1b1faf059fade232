"""From a caller's values to what is bound to a statement.

Hostile text never fails a run: a lone surrogate, which no database takes, and a NUL, which
PostgreSQL does not take, are stored as their escapes (`\\ud800`, `\\u0000`), a float that JSON does
not know as its name (`"NaN"`). JSON carries a NUL as it is.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache

# Any: values come as their callers have them; what a column does not take is refused here.
from typing import Any

import sqlalchemy as sa

from ignition_toolkit.storage.tables import JsonText, UtcTime

_SURROGATE = re.compile("[\ud800-\udfff]")


def stored(table: sa.Table, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a table's columns as statements take them.

    Raises:
        TypeError: a value's type is not its column's, or there is no such column.
        ValueError: a datetime without a timezone.
        RecursionError: JSON that is nested too deeply, or holds itself.
    """
    made: dict[str, Any] = {}
    converters = _converters(table)
    for name, value in values.items():
        if name not in converters:
            raise TypeError(f"{table.name} has no column {name!r}")
        try:
            made[name] = None if value is None else converters[name](value)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{table.name}.{name}: {error}") from error
    return made


@cache
def _converters(table: sa.Table) -> dict[str, Callable[[object], object]]:
    return {column.name: _converter(column.type) for column in table.columns}


def _converter(kind: sa.types.TypeEngine[Any]) -> Callable[[object], object]:
    if isinstance(kind, JsonText):
        return encode_json
    if isinstance(kind, UtcTime):
        return aware
    return _integer if isinstance(kind, sa.Integer) else clean_text


def aware(value: object) -> datetime:
    """Return a datetime in UTC.

    Raises:
        TypeError: the value is no datetime.
        ValueError: it has no timezone.
    """
    if not isinstance(value, datetime):
        raise TypeError(f"expected a datetime, got {type(value).__name__}")
    if value.tzinfo is None:
        raise ValueError(f"expected a datetime with a timezone, got {value!r}")
    return value.astimezone(UTC)


def _integer(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"expected an int, got {type(value).__name__}")
    return value


def clean_text(value: object) -> str:
    """Return text as plain `str` with lone surrogates and NULs escaped.

    Raises:
        TypeError: the value is no text.
    """
    if not isinstance(value, str):
        raise TypeError(f"expected a str, got {type(value).__name__}")
    return value.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\u0000")


def encode_json(value: object) -> str:
    """Return JSON text that every reader of JSON takes.

    Raises:
        TypeError: the value, or one inside it, is no JSON value.
        RecursionError: it is nested too deeply, or holds itself.
    """
    text = _dump(value)
    if text.isascii():
        return text
    return _SURROGATE.sub(lambda found: f"\\\\u{ord(found[0]):04x}", text)


def _dump(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":"))


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {_finite(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value
