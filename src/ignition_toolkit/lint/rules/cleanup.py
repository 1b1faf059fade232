"""Cleaning up after a cancel, and shields."""

from __future__ import annotations

from collections.abc import Iterator

from astroid import nodes

from ignition_toolkit.lint.graph import Reach
from ignition_toolkit.lint.rules.base import Rule, Sight, rule
from ignition_toolkit.lint.scene import Scene
from ignition_toolkit.lint.syntax import argument, cleanup_around, is_true, keyword
from ignition_toolkit.lint.values import Function


@rule
class BareCleanup(Rule):
    """A cleanup that awaits, without a shield or without a bound."""

    code = "ITK112"
    name = "a cleanup that awaits without shield and bound"
    harm = (
        "a cleanup that hangs takes the grace of 250 ms with it and is killed halfway, and a second"
        " cancel ends it at its first await"
    )
    fix = (
        "Write `await asyncio.wait_for(asyncio.shield(task), 0.15)`, or clean up without awaiting."
    )
    handlers_only = True

    def look(self, scene: Scene, reach: Reach | None) -> Iterator[Sight]:
        """Look for awaits in `finally` and in the handlers of a cancel."""
        for node in scene.body:
            if not isinstance(node, nodes.Await):
                continue
            if cleanup_around(node, scene.function) is None:
                continue
            missing = _missing(node, scene)
            if missing:
                yield Sight(node, f"a cleanup that awaits without {' and without '.join(missing)}")


def _missing(node: nodes.Await, scene: Scene) -> list[str]:
    if isinstance(node.value, nodes.Call) and _bounds_itself(node.value, scene, _DEPTH):
        return []
    # What is given to wait_for is inside the await, not around it.
    inner: nodes.NodeNG | None = node.value
    shielded, bounded = scene.is_shielded(node), scene.has_deadline(node)
    while isinstance(inner, nodes.Call):
        site = scene.site(inner)
        if site.calls("asyncio.wait"):
            # It cancels nothing, and so needs no shield.
            return [] if keyword(inner, "timeout") is not None else ["a bound"]
        shielded = shielded or site.calls("asyncio.shield")
        bounded = bounded or site.calls("asyncio.wait_for")
        inner = inner.args[0] if inner.args else None
    return [*([] if shielded else ["a shield"]), *([] if bounded else ["a bound"])]


#: How far a cleanup is followed into coroutines of its own.
_DEPTH = 4


def _bounds_itself(call: nodes.Call, scene: Scene, depth: int) -> bool:
    """Say whether all that a coroutine of the project awaits has a bound, so that it has one."""
    functions = scene.coroutine_functions(call.func)
    return bool(functions) and all(_is_bounded(one, scene, depth) for one in functions)


def _is_bounded(function: Function, scene: Scene, depth: int) -> bool:
    inner = Scene(scene.resolver, function.node, function.owner)
    return depth > 0 and all(
        inner.has_deadline(node) or _waits_briefly(node.value, inner, depth)
        for node in inner.body
        if isinstance(node, nodes.Await)
    )


def _waits_briefly(node: nodes.NodeNG, scene: Scene, depth: int) -> bool:
    if not isinstance(node, nodes.Call):
        return False
    site = scene.site(node)
    if site.calls("asyncio.wait_for", "asyncio.wait"):
        return argument(node, 1, "timeout") is not None
    return site.calls("asyncio.sleep", "cancellable_sleep") or _bounds_itself(
        node, scene, depth - 1
    )


@rule
class UnboundedShield(Rule):
    """A shield without a bound."""

    code = "ITK113"
    name = "a shield without a bound"
    harm = "what is shielded goes on after *cancelled*, for as long as it likes"
    fix = (
        "Bound it: `await asyncio.wait_for(asyncio.shield(task), 0.15)`, and cancel it after that."
    )
    handlers_only = True

    def look(self, scene: Scene, reach: Reach | None) -> Iterator[Sight]:
        """Look for shields that nothing bounds in this function."""
        for site in scene.calls:
            if site.calls("asyncio.shield") and not scene.has_deadline(site.node):
                yield Sight(site.node, "`asyncio.shield` without a bound")
            elif site.calls("anyio.CancelScope") and _shields_forever(site.node):
                yield Sight(site.node, "`CancelScope(shield=True)` without a deadline")


def _shields_forever(call: nodes.Call) -> bool:
    return is_true(keyword(call, "shield")) and keyword(call, "deadline") is None
