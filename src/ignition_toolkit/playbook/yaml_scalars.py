"""What a plain word means: YAML 1.1 as PyYAML reads it, and where YAML 1.2 differs."""

from __future__ import annotations

import math
import re
from typing import TypeAlias

import yaml

from ignition_toolkit.playbook.wording import one_line

#: A single value.
Plain: TypeAlias = "bool | int | float | str | None"

_TAG_PREFIX = "tag:yaml.org,2002:"

#: A longer whole number is a mistake, and JSON readers refuse it.
_MAX_INT_BITS = 1024

_BOOLS = {"yes": True, "no": False, "true": True, "false": False, "on": True, "off": False}
_NUMBER_STARTS = frozenset("+-.0123456789")
_INT_12 = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT_12 = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL_12 = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


def read(text: str) -> Plain:
    """Read a plain word as PyYAML's safe loader does, but leave a date as text.

    Raises: ValueError for what looks like a number and is none, or is thousands of digits long.
    """
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers
    for tag, pattern in resolvers.get(text[:1], []):
        if pattern.match(text):
            return _converted(tag.removeprefix(_TAG_PREFIX), text)
    return text


def difference(text: str, value: Plain) -> str | None:
    """Say how YAML 1.2 reads a plain word that `read` gave `value` for; None when alike.

    Raises: ValueError for a number that is too long.
    """
    if isinstance(value, str) and text[:1] not in _NUMBER_STARTS:
        # What else YAML 1.2 reads as no text is no text in YAML 1.1 either.
        return None
    other = _read_12(text)
    if other == value and isinstance(other, bool) == isinstance(value, bool):
        return None
    if isinstance(other, float) and math.isnan(other):
        return None
    return (
        f"{one_line(text)} is {_named(value)} here and {_named(other)} in YAML 1.2:"
        f" write {_written(value)}, or {_written(other)}"
    )


def _converted(tag: str, text: str) -> Plain:
    if tag == "null":
        return None
    if tag == "bool":
        return _BOOLS[text.lower()]
    if tag == "int":
        return _int11(text.replace("_", ""))
    if tag == "float":
        return _float11(text.replace("_", "").lower())
    return text


def _int11(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-")
    if ":" in digits:
        value = int(_base60(digits))
    elif digits.startswith(("0b", "0x")):
        value = int(digits, 0)
    else:
        value = int(digits, 8 if digits.startswith("0") and digits != "0" else 10)
    if value.bit_length() > _MAX_INT_BITS:
        raise ValueError("a number of hundreds of digits")
    return sign * value


def _float11(text: str) -> float:
    sign = -1.0 if text.startswith("-") else 1.0
    digits = text.lstrip("+-")
    if digits in (".inf", ".nan"):
        return sign * math.inf if digits == ".inf" else math.nan
    return sign * (_base60(digits) if ":" in digits else float(digits))


def _base60(digits: str) -> float:
    total: float = 0
    for part in digits.split(":"):
        total = total * 60 + (float(part) if "." in part else int(part))
    return total


def _read_12(text: str) -> Plain:
    """Read a plain word as YAML 1.2's core schema does."""
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text.lower() in ("true", "false") and text in (text.lower(), text.title(), text.upper()):
        return text.lower() == "true"
    if _INT_12.fullmatch(text):
        return int(text, 0 if text[:2] in ("0o", "0x") else 10)
    if _SPECIAL_12.fullmatch(text):
        return float(text.replace(".", "").lower())
    return float(text) if _FLOAT_12.fullmatch(text) else text


def _named(value: Plain) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"the text {value!r}" if isinstance(value, str) else f"the number {value}"


def _written(value: Plain) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}" in quotes' if isinstance(value, str) else str(value)
