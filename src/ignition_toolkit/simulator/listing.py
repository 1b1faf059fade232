"""Lists as the gateway gives them: filters, order, a window, and counts around it.

Source: gateway-api section 2. A query key that is no parameter is taken for a filter; one that
names no field matches nothing, with status 200.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from ignition_toolkit.simulator.answers import Refused
from ignition_toolkit.simulator.settings import Settings

PARAMETERS = frozenset({"limit", "offset", "sortBy", "search"})

FILTER = re.compile(r"(?P<field>[\w.]+)\[(?P<operator>\w+)\]")
ORDER = re.compile(r"(?P<way>asc|desc)\((?P<field>[\w.]+)\)")

# Any: items are JSON objects.
Item = Mapping[str, Any]


# Any: JSON values.
def page(
    settings: Settings,
    items: Iterable[Item],
    query: Mapping[str, str],
    own: Collection[str] = (),
) -> dict[str, Any]:
    """Return the envelope `{items, metadata}` of a list.

    Args:
        settings: whether counts are written as floats.
        items: the whole list.
        query: of the request.
        own: further parameters of this address, which are no filters.

    Raises:
        Refused: 400 for a limit or offset that is no number.
    """
    every = list(items)
    found = [item for item in every if _fits(item, query, own)]
    if order := ORDER.fullmatch(query.get("sortBy", "")):
        field = order["field"]
        found.sort(key=lambda item: _sort_key(item.get(field)), reverse=order["way"] == "desc")
    limit, offset = _whole(query, "limit", -1), _whole(query, "offset", 0)
    window = found[offset:] if limit < 0 else found[offset : offset + limit]
    counts = {"total": len(every), "matching": len(found), "limit": limit, "offset": offset}
    number = float if settings.float_numbers else int
    return {"items": window, "metadata": {name: number(n) for name, n in counts.items()}}


def _fits(item: Item, query: Mapping[str, str], own: Collection[str]) -> bool:
    if (text := query.get("search")) and not _contains(item, text.lower()):
        return False
    filters = (key for key in query if key not in PARAMETERS and key not in own)
    return all(_passes(item, key, query[key]) for key in filters)


def _contains(item: Item, text: str) -> bool:
    return any(text in value.lower() for value in item.values() if isinstance(value, str))


def _passes(item: Item, key: str, wanted: str) -> bool:
    found = FILTER.fullmatch(key)
    if found is None or found["field"] not in item or found["operator"] not in OPERATORS:
        return False
    return OPERATORS[found["operator"]](item[found["field"]], wanted)


# Any: a JSON value.
def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# Any: a JSON value.
def _compared(compare: Callable[[Any, Any], bool]) -> Callable[[Any, str], bool]:
    def test(value: Any, wanted: str) -> bool:
        try:
            return compare(float(value), float(wanted))
        except (TypeError, ValueError):
            return compare(_text(value), wanted)

    return test


def _matches(value: object, wanted: str) -> bool:
    try:
        return re.search(wanted, _text(value)) is not None
    except re.error as wrong:
        raise Refused(400, f"Not a regular expression: {wanted}") from wrong


# Any: a JSON value.
OPERATORS: dict[str, Callable[[Any, str], bool]] = {
    "eq": lambda value, wanted: _text(value) == wanted,
    "ne": lambda value, wanted: _text(value) != wanted,
    "cn": lambda value, wanted: wanted.lower() in _text(value).lower(),
    "sw": lambda value, wanted: _text(value).startswith(wanted),
    "ew": lambda value, wanted: _text(value).endswith(wanted),
    "gt": _compared(operator.gt),
    "gte": _compared(operator.ge),
    "lt": _compared(operator.lt),
    "lte": _compared(operator.le),
    "rgx": _matches,
}


# Any: a JSON value.
def _sort_key(value: Any) -> tuple[bool, float, str]:
    is_number = isinstance(value, int | float)
    return (not is_number, float(value) if is_number else 0.0, _text(value))


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(query.get(name, default))
    except ValueError as wrong:
        raise Refused(400, f"Invalid {name}: {query[name]}") from wrong
