"""Barriers: what closes or kills an outside thing when the code that works on it is cancelled."""

from __future__ import annotations

from astroid import nodes

from ignition_toolkit.lint.annotations import is_context_manager
from ignition_toolkit.lint.scene import Scene
from ignition_toolkit.lint.syntax import above, catches_cancel, own_of
from ignition_toolkit.lint.values import Function, Instance, Value

_ENDS = {"close", "aclose", "kill", "killpg", "terminate"}
#: How far a cleanup is followed into functions of its own.
_DEPTH = 4


def has_barrier(scene: Scene, node: nodes.NodeNG) -> bool:
    """Say whether a cancel at a node closes or kills something before it goes on.

    So it is in what `with_cancellation_check` is given, in a `try` whose cleanup does it, and in a
    `with` whose end does it.
    """
    if any(site.calls("with_cancellation_check") for site, _ in scene.calls_around(node)):
        return True
    return _in_guarded_try(scene, node) or _in_guarding_with(scene, node)


def _in_guarded_try(scene: Scene, node: nodes.NodeNG) -> bool:
    return any(
        isinstance(parent, nodes.Try)
        and any(one is child for one in parent.body)
        and _ends_something(_cleanup(parent), scene, _DEPTH)
        for parent, child in above(node, scene.function)
    )


def _cleanup(node: nodes.Try) -> list[nodes.NodeNG]:
    caught = [one for handler in node.handlers if catches_cancel(handler) for one in handler.body]
    return [*node.finalbody, *caught]


def _ends_something(statements: list[nodes.NodeNG], scene: Scene, depth: int) -> bool:
    for node in own_of(statements):
        if isinstance(node, nodes.Call):
            if isinstance(node.func, nodes.Attribute) and node.func.attrname in _ENDS:
                return True
            if depth and any(_does(value, scene, depth) for value in scene.values(node.func)):
                return True
    return False


def _does(value: Value, scene: Scene, depth: int) -> bool:
    if not isinstance(value, Function) or not isinstance(value.node, nodes.FunctionDef):
        return False
    inner = Scene(scene.resolver, value.node, value.owner)
    return _ends_something(value.node.body, inner, depth - 1)


def _in_guarding_with(scene: Scene, node: nodes.NodeNG) -> bool:
    return any(
        _guards(expression, scene)
        for parent, child in above(node, scene.function)
        if isinstance(parent, nodes.With) and any(one is child for one in parent.body)
        for expression, _ in parent.items
    )


def _guards(expression: nodes.NodeNG, scene: Scene) -> bool:
    called = scene.values(expression.func) if isinstance(expression, nodes.Call) else ()
    if any(isinstance(one, Function) and _yields_guarded(one, scene) for one in called):
        return True
    for value in scene.values(expression):
        if isinstance(value, Instance):
            for name in ("__aexit__", "__exit__"):
                leave = scene.resolver.method(value.node, name)
                if leave is not None and _does(leave, scene, _DEPTH):
                    return True
    return False


def _yields_guarded(function: Function, scene: Scene) -> bool:
    if not isinstance(function.node, nodes.FunctionDef) or not is_context_manager(function.node):
        return False
    inner = Scene(scene.resolver, function.node, function.owner)
    yields = [node for node in inner.body if isinstance(node, nodes.Yield)]
    return bool(yields) and all(
        _in_guarded_try(inner, one) or _in_guarding_with(inner, one) for one in yields
    )
