"""What an expression can stand for, as far as it can be told without running anything."""

from __future__ import annotations

from dataclasses import dataclass

from astroid import nodes


@dataclass(frozen=True)
class Outside:
    """Something of a package that is not under the look, by its dotted name.

    A class and an object of it are not told apart; what a function gives is named with `()`.
    """

    name: str


@dataclass(frozen=True)
class ModuleValue:
    """A module under the look."""

    node: nodes.Module


@dataclass(frozen=True)
class Type:
    """A class under the look."""

    node: nodes.ClassDef


@dataclass(frozen=True)
class Instance:
    """An object of a class under the look."""

    node: nodes.ClassDef


@dataclass(frozen=True)
class Function:
    """A function, method or lambda under the look, and the class that its `self` has."""

    node: nodes.FunctionDef | nodes.Lambda
    owner: nodes.ClassDef | None = None


Value = Outside | ModuleValue | Type | Instance | Function
Values = tuple[Value, ...]


def value_name(value: Value) -> str:
    """Return the full name of a value."""
    if isinstance(value, Outside):
        return value.name
    name: str = value.node.qname()
    return name


def is_named(name: str, wanted: str) -> bool:
    """Say whether a full name ends in the wanted one, at a dot."""
    return name == wanted or name.endswith("." + wanted)
