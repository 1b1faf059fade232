"""What a gateway's bodies say: errors in three forms, verdicts with status 200, lists.

Source: gateway-api sections 1.2, 2 and 3.9, measured on 8.3.0 to 8.3.9. No body is taken for JSON
before it was looked at.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from typing import Any

#: Characters of a gateway's own words that an error repeats.
MAX_WORDS = 500

_MESSAGE_ROW = re.compile(r"<th>\s*MESSAGE:\s*</th>\s*<td>(.*?)</td>", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<title>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")


# Any: a JSON value.
def parsed(body: bytes) -> Any:
    """Return a body's JSON value. Raises ValueError when it is anything else, also empty."""
    try:
        return json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def words_of(body: bytes) -> str:
    """Return what the body of an error says for people, in one line; empty when nothing."""
    text = body.decode("utf-8", "replace").strip()
    try:
        value = parsed(body)
    except ValueError:
        return _one_line(_page_words(text))
    return _one_line(_json_words(value))


def _page_words(text: str) -> str:
    if not text.startswith("<"):
        return text
    found = _MESSAGE_ROW.search(text) or _TITLE.search(text)
    return html.unescape(_TAG.sub(" ", found[1])) if found else ""


# Any: a JSON value.
def _json_words(value: Any) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, Mapping):
        return ""
    if isinstance(value.get("message"), str):
        return str(value["message"])
    problem = value.get("problem")
    if problem is not None:
        return _json_words(problem)
    return "; ".join(_messages(value))


def _messages(value: Mapping[str, Any]) -> list[str]:
    """Return the messages of a 422, of the whole and of its fields."""
    found = [str(message) for message in _listed(value.get("messages"))]
    for field in _listed(value.get("fieldMessages")):
        if isinstance(field, Mapping):
            of_field = ", ".join(map(str, _listed(field.get("messages"))))
            found.append(f"{field.get('fieldName')}: {of_field}")
    return found


# Any: JSON values.
def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_WORDS else f"{line[:MAX_WORDS]} ..."


# Any: a JSON value.
def failure_in(value: Any) -> str | None:
    """Return why the body of an answer with status 200 tells of a failure; None for a success.

    Read are `success`, the lists of what failed, and the counts of an import of tags.
    """
    if not isinstance(value, Mapping):
        return None
    failed = [name for key in ("failedUpdates", "failedUninstalls") for name in _names(value, key)]
    if value.get("success") is False or failed:
        words = _json_words(value) or (f"it failed for {', '.join(failed)}" if failed else "")
        return _one_line(words) or "it gives no reason"
    if (count := number(value.get("failureCount"))) and count > 0:
        return f"{count:g} of the items failed"
    return None


def _names(value: Mapping[str, Any], key: str) -> list[str]:
    groups = value.get(key)
    if not isinstance(groups, Mapping):
        return []
    return [str(name) for names in groups.values() for name in _listed(names)]


# Any: a JSON value.
def items_of(value: Any) -> list[dict[str, Any]] | None:
    """Return the items of a list's envelope; None when it is none."""
    items = value.get("items") if isinstance(value, Mapping) else None
    if not isinstance(items, list):
        return None
    return [dict(item) for item in items if isinstance(item, Mapping)]


# Any: a JSON value.
def number(value: Any) -> float | None:
    """Return a JSON number; counts may be floats. None for anything else, also for a truth."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def gwinfo_of(text: str) -> dict[str, str]:
    """Return the fields of `/system/gwinfo`, which are written as `Name=value;`."""
    pairs = (part.partition("=") for part in text.strip().split(";"))
    return {name.strip(): value.strip() for name, found, value in pairs if found}
