"""A coroutine where a truth value is wanted."""

from __future__ import annotations

from collections.abc import Iterator

from astroid import nodes

from ignition_toolkit.lint.graph import Reach
from ignition_toolkit.lint.rules.base import Rule, Sight, rule
from ignition_toolkit.lint.scene import Scene, Site
from ignition_toolkit.lint.syntax import own
from ignition_toolkit.lint.values import Function


@rule
class TrueCoroutine(Rule):
    """A coroutine's own truth is taken for its answer's."""

    code = "ITK117"
    name = "an async condition taken for its truth value"
    harm = (
        "it is too late: the coroutine itself is always true, so the wait is over at once and the"
        " step goes on before what it waits for is there"
    )
    fix = "Await the call; `cancellable_poll` also takes a coroutine function."

    def look(self, scene: Scene, reach: Reach | None) -> Iterator[Sight]:
        """Look for coroutines in conditions, and for ones given to what asks a plain function."""
        for node in scene.body:
            for condition in _conditions(node):
                if isinstance(condition, nodes.Call) and _makes_coroutine(condition, scene):
                    yield Sight(condition, f"`{condition.as_string()}` is not awaited here")
        for site in scene.calls:
            for given in _given_as_plain(site, scene):
                yield Sight(given, f"`{given.as_string()}` is asynchronous, and its caller asks it"
                                   " as a plain function")  # fmt: skip


def _conditions(node: nodes.NodeNG) -> Iterator[nodes.NodeNG]:
    if isinstance(node, nodes.If | nodes.While | nodes.IfExp | nodes.Assert):
        yield from _parts(node.test)
    elif isinstance(node, nodes.Comprehension):
        for one in node.ifs:
            yield from _parts(one)


def _parts(node: nodes.NodeNG) -> Iterator[nodes.NodeNG]:
    if isinstance(node, nodes.BoolOp):
        for one in node.values:
            yield from _parts(one)
    elif isinstance(node, nodes.UnaryOp) and node.op == "not":
        yield from _parts(node.operand)
    else:
        yield node


def _makes_coroutine(call: nodes.Call, scene: Scene) -> bool:
    values = scene.values(call.func)
    return bool(values) and all(isinstance(one, Function) and _is_plain(one) for one in values)


def _is_plain(function: Function) -> bool:
    """An `async def` that is neither a generator nor decorated into something else."""
    node = function.node
    if not isinstance(node, nodes.AsyncFunctionDef) or node.decorators is not None:
        return False
    return not any(isinstance(one, nodes.Yield | nodes.YieldFrom) for one in own(node))


def _given_as_plain(site: Site, scene: Scene) -> Iterator[nodes.NodeNG]:
    """Arguments that are asynchronous, where the callee takes what they return for an answer."""
    for value in site.values:
        if isinstance(value, Function) and isinstance(value.node, nodes.FunctionDef):
            for given, name in _arguments(site.node, value):
                if _gives_coroutine(given, scene) and _asks_plainly(value.node, name):
                    yield given


def _arguments(call: nodes.Call, function: Function) -> Iterator[tuple[nodes.NodeNG, str]]:
    names = [one.name for one in (function.node.args.args or ())]
    if function.owner is not None and names[:1] in (["self"], ["cls"]):
        names = names[1:]
    yield from zip(call.args, names, strict=False)
    yield from ((one.value, one.arg) for one in call.keywords if one.arg)


def _gives_coroutine(node: nodes.NodeNG, scene: Scene) -> bool:
    if isinstance(node, nodes.Lambda):
        return isinstance(node.body, nodes.Call) and _makes_coroutine(node.body, scene)
    if isinstance(node, nodes.Name | nodes.Attribute):
        values = scene.values(node)
        return bool(values) and all(isinstance(v, Function) and _is_plain(v) for v in values)
    return False


def _asks_plainly(function: nodes.FunctionDef, name: str) -> bool:
    """Say whether a function takes `name()` itself for true or false, and awaits nothing of it."""
    asked = False
    for node in own(function):
        if isinstance(node, nodes.Name) and node.name == "isawaitable":
            return False
        if isinstance(node, nodes.Attribute) and node.attrname in _AWAITABLE:
            return False
        for condition in _conditions(node):
            asked = asked or (
                isinstance(condition, nodes.Call)
                and isinstance(condition.func, nodes.Name)
                and condition.func.name == name
            )
    return asked


_AWAITABLE = {"isawaitable", "iscoroutine", "iscoroutinefunction"}
