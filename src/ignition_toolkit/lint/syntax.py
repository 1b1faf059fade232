"""Small questions about the shape of code."""

from __future__ import annotations

from collections.abc import Iterator

from astroid import nodes
from astroid.bases import Proxy
from astroid.util import UninferableBase

FunctionNode = nodes.FunctionDef | nodes.Lambda
#: What astroid's attributes can hold; only nodes are of interest.
Anything = nodes.NodeNG | Proxy | UninferableBase | None

_OWN_BODY = (nodes.FunctionDef, nodes.Lambda, nodes.ClassDef)
_WAITS = (nodes.Await, nodes.AsyncFor, nodes.AsyncWith)


def own(node: nodes.NodeNG) -> Iterator[nodes.NodeNG]:
    """Yield what is below a node in the order of the text, but not the bodies of functions in it.

    Functions and lambdas in it are yielded themselves. Of a function, its decorators and defaults
    are left out: they are evaluated elsewhere.
    """
    if isinstance(node, nodes.FunctionDef):
        waiting = list(reversed(node.body))
    elif isinstance(node, nodes.Lambda):
        waiting = [node.body]
    else:
        waiting = list(reversed(list(node.get_children())))
    while waiting:
        one = waiting.pop()
        yield one
        if not isinstance(one, _OWN_BODY):
            waiting.extend(reversed(list(one.get_children())))


def own_of(statements: list[nodes.NodeNG]) -> Iterator[nodes.NodeNG]:
    """Yield statements and what is below them, but not the bodies of functions in them."""
    for statement in statements:
        yield statement
        if not isinstance(statement, _OWN_BODY):
            yield from own(statement)


def above(
    node: nodes.NodeNG, function: FunctionNode
) -> Iterator[tuple[nodes.NodeNG, nodes.NodeNG]]:
    """Yield each node around one inside a function, with the child of it that leads there."""
    child = node
    while child is not function and child.parent is not None:
        yield child.parent, child
        child = child.parent


def scope_around(node: nodes.NodeNG) -> nodes.LocalsDictNodeNG | None:
    """Return the function, class or module that a definition stands in; None for a module."""
    return node.parent.scope() if node.parent is not None else None


def waits(statements: list[nodes.NodeNG]) -> bool:
    """Say whether a cancel can arrive in these statements."""
    return any(isinstance(node, _WAITS) for node in own_of(statements))


def is_coroutine(node: nodes.NodeNG) -> bool:
    """Say whether a function is an `async def`."""
    return isinstance(node, nodes.AsyncFunctionDef)


def cleanup_around(node: nodes.NodeNG, function: FunctionNode) -> nodes.Try | None:
    """Return the `try` in whose `finally`, or in whose handler of a cancel, a node is."""
    for parent, child in above(node, function):
        if isinstance(parent, nodes.Try) and any(one is child for one in parent.finalbody):
            return parent
        if isinstance(parent, nodes.ExceptHandler) and catches_cancel(parent):
            return parent.parent if isinstance(parent.parent, nodes.Try) else None
    return None


def caught_names(handler: nodes.ExceptHandler) -> list[str]:
    """Return the last parts of the names that an `except` lists; `BaseException` for a bare one."""
    if handler.type is None:
        return ["BaseException"]
    listed = handler.type.elts if isinstance(handler.type, nodes.Tuple) else [handler.type]
    return [one.as_string().removesuffix("()").rpartition(".")[2] for one in listed]


_CANCELS = {"CancelledError", "BaseException", "get_cancelled_exc_class", "Cancelled"}


def catches_cancel(handler: nodes.ExceptHandler) -> bool:
    """Say whether an `except` takes a CancelledError."""
    if handler.type is not None and "concurrent.futures" in handler.type.as_string():
        return False
    return any(name in _CANCELS for name in caught_names(handler))


def names_in(node: nodes.NodeNG) -> set[str]:
    """Return every name and attribute name in an expression or statement."""
    found = set()
    for one in (node, *own(node)):
        if isinstance(one, nodes.Name | nodes.AssignName):
            found.add(one.name)
        elif isinstance(one, nodes.Attribute | nodes.AssignAttr):
            found.add(one.attrname)
    return found


def keyword(call: nodes.Call, name: str) -> nodes.NodeNG | None:
    """Return the value of a keyword argument, None without one."""
    return next((one.value for one in call.keywords if one.arg == name), None)


def argument(call: nodes.Call, place: int, name: str) -> nodes.NodeNG | None:
    """Return an argument by its place or its name, None when it is not given."""
    return call.args[place] if place < len(call.args) else keyword(call, name)


def is_none(node: nodes.NodeNG | None) -> bool:
    """Say whether an argument is missing, or `None`."""
    return node is None or (isinstance(node, nodes.Const) and node.value is None)


def is_true(node: nodes.NodeNG | None) -> bool:
    """Say whether an expression is a constant that is true, as in `while True`."""
    return isinstance(node, nodes.Const) and bool(node.value)
