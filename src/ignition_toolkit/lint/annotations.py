"""What annotations and decorators say of a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from astroid import nodes

from ignition_toolkit.lint.syntax import Anything
from ignition_toolkit.lint.values import Instance, Outside, Type, Value, Values, is_named

if TYPE_CHECKING:
    from ignition_toolkit.lint.resolver import Resolver

#: The place, in brackets, of the type that is meant.
_WRAPPERS = {"Optional": 0, "Annotated": 0, "Final": 0, "ClassVar": 0, "Awaitable": 0}
_WRAPPERS |= {"Required": 0, "Coroutine": 2}
_ITERATORS = {"AsyncIterator", "AsyncGenerator", "Iterator", "Generator", "AsyncIterable"}


def annotated(
    resolver: Resolver,
    node: Anything,
    owner: nodes.ClassDef | None,
    *,
    yielded: bool = False,
) -> Values:
    """Return what a value with this annotation can be.

    Args:
        resolver: knows the names in it.
        node: the annotation.
        owner: what `Self` means.
        yielded: take what an iterator yields, for a context manager that is written as one.
    """
    if isinstance(node, nodes.BinOp) and node.op == "|":
        left = annotated(resolver, node.left, owner, yielded=yielded)
        return left + annotated(resolver, node.right, owner, yielded=yielded)
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        return _quoted(resolver, node, owner)
    if isinstance(node, nodes.Subscript):
        return _subscripted(resolver, node, owner, yielded=yielded)
    return tuple(_object_of(value, owner) for value in resolver.values(node, owner))


def _object_of(value: Value, owner: nodes.ClassDef | None) -> Value:
    if isinstance(value, Type):
        return Instance(value.node)
    if isinstance(value, Outside) and is_named(value.name, "Self") and owner is not None:
        return Instance(owner)
    return value


def _subscripted(
    resolver: Resolver, node: nodes.Subscript, owner: nodes.ClassDef | None, *, yielded: bool
) -> Values:
    inner = list(node.slice.elts) if isinstance(node.slice, nodes.Tuple) else [node.slice]
    name = node.value.as_string().rpartition(".")[2]
    place = _WRAPPERS.get(name, 0 if yielded and name in _ITERATORS else None)
    if place is not None and place < len(inner):
        return annotated(resolver, inner[place], owner)
    if name in {"type", "Type"}:
        return resolver.values(inner[0], owner)
    return annotated(resolver, node.value, owner)


def _quoted(resolver: Resolver, node: nodes.Const, owner: nodes.ClassDef | None) -> Values:
    """`"Manager"`, as people write it where the class comes later or is imported for types."""
    text = node.value.removesuffix(" | None")
    first, *rest = text.split(".")
    if not all(part.isidentifier() for part in (first, *rest)):
        return ()
    found = tuple(resolver.named(first, node, owner))
    for part in rest:
        found = tuple(value for one in found for value in resolver.attribute(one, part))
    return tuple(_object_of(value, owner) for value in found)


def _decorators(node: nodes.FunctionDef) -> list[str]:
    found = node.decorators.nodes if node.decorators is not None else []
    return [one.as_string().rpartition(".")[2] for one in found]


def is_property(node: nodes.FunctionDef) -> bool:
    """Say whether a method is read like an attribute."""
    return any(name in {"property", "cached_property"} for name in _decorators(node))


def is_context_manager(node: nodes.FunctionDef) -> bool:
    """Say whether a function is a context manager written as a generator."""
    return any(name in {"contextmanager", "asynccontextmanager"} for name in _decorators(node))
