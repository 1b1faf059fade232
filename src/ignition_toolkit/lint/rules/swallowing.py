"""Where a CancelledError ends before it has ended the task."""

from __future__ import annotations

from collections.abc import Iterator

from astroid import nodes

from ignition_toolkit.lint.graph import Reach
from ignition_toolkit.lint.rules.base import Rule, Sight, rule
from ignition_toolkit.lint.scene import Scene, Site
from ignition_toolkit.lint.syntax import (
    catches_cancel,
    is_true,
    keyword,
    own_of,
    waits,
)
from ignition_toolkit.lint.values import Function

_HARM = "the step goes on as if nobody had pressed it, until its process is killed after 250 ms"


@rule
class Swallowed(Rule):
    """An `except` takes the cancel and does not raise it again."""

    code = "ITK104"
    name = "a CancelledError that is caught and not raised again"
    harm = _HARM
    fix = "End the `except` with a bare `raise`, or catch `Exception`, which a cancel is not."

    def look(self, scene: Scene, reach: Reach | None) -> Iterator[Sight]:
        """Look at every `try` that waits."""
        if not scene.is_async:
            return
        for node in scene.body:
            if isinstance(node, nodes.Try) and waits(node.body):
                if _ends_task(node, scene, reach):
                    continue
                for handler in swallowing_handlers(node):
                    if not _awaits_what_it_cancelled(node.body, scene, reach):
                        yield Sight(
                            handler, f"`{_header(handler)}` around an await keeps the cancel"
                        )


def _ends_task(node: nodes.Try, scene: Scene, reach: Reach | None) -> bool:
    """Outside handlers, the last wait of a task may keep the cancel: the task ends all the same."""
    if reach is None or reach.entry is not None or not reach.is_top:
        return False
    body = scene.function.body
    if not isinstance(body, list) or node not in body:
        return False
    return not waits(body[body.index(node) + 1 :])


def swallowing_handlers(node: nodes.Try) -> Iterator[nodes.ExceptHandler]:
    """Yield the `except` parts of a `try` that take a cancel and let it end there."""
    for handler in node.handlers:
        if catches_cancel(handler):
            if _loses(handler):
                yield handler
            return  # those below get no cancel any more


def _header(handler: nodes.ExceptHandler) -> str:
    return "except:" if handler.type is None else f"except {handler.type.as_string()}:"


def _loses(handler: nodes.ExceptHandler) -> bool:
    if _always_raises(handler.body, _caught(handler)):
        return False
    return not (_raises_again_somewhere(handler) or _hands_on(handler) or _uncancels(handler))


def _caught(handler: nodes.ExceptHandler) -> str | None:
    return handler.name.name if handler.name is not None else None


def _is_again(node: nodes.NodeNG, caught: str | None) -> bool:
    if not isinstance(node, nodes.Raise):
        return False
    if node.exc is None:
        return True
    if isinstance(node.exc, nodes.Name) and node.exc.name == caught:
        return True
    return "CancelledError" in node.exc.as_string()


def _always_raises(statements: list[nodes.NodeNG], caught: str | None) -> bool:
    """Say whether every way through these statements raises the cancel again."""
    for statement in statements:
        if _is_again(statement, caught):
            return True
        if isinstance(statement, nodes.Return | nodes.Break | nodes.Continue | nodes.Raise):
            return False
        if _leaves_process(statement) or _branches_raise(statement, caught):
            return True
    return False


def _branches_raise(statement: nodes.NodeNG, caught: str | None) -> bool:
    if isinstance(statement, nodes.If):
        return _always_raises(statement.body, caught) and _always_raises(statement.orelse, caught)
    if isinstance(statement, nodes.With):
        return _always_raises(statement.body, caught)
    if isinstance(statement, nodes.Try):
        return _always_raises(statement.finalbody, caught) or _always_raises(
            [*statement.body, *statement.orelse], caught
        )
    return False


def _leaves_process(statement: nodes.NodeNG) -> bool:
    call = getattr(statement, "value", None)
    return isinstance(call, nodes.Call) and call.func.as_string() in {"os._exit", "sys.exit"}


def _raises_again_somewhere(handler: nodes.ExceptHandler) -> bool:
    """An author who raises it on one way has thought of the others."""
    caught = _caught(handler)
    return any(_is_again(node, caught) for node in own_of(handler.body))


def _hands_on(handler: nodes.ExceptHandler) -> bool:
    """The caught error is kept or given to somebody, who can raise it; a log is nobody."""
    caught = _caught(handler)
    if caught is None or _only_cancel(handler):
        return False
    for node in own_of(handler.body):
        if isinstance(node, nodes.Assign) and _mentions(node.value, caught):
            return True
        if isinstance(node, nodes.Call) and not _is_log(node):
            given = [*node.args, *(one.value for one in node.keywords)]
            if any(isinstance(one, nodes.Name) and one.name == caught for one in given):
                return True
    return False


def _only_cancel(handler: nodes.ExceptHandler) -> bool:
    return handler.type is not None and handler.type.as_string().endswith("CancelledError")


def _mentions(node: nodes.NodeNG, name: str) -> bool:
    return isinstance(node, nodes.Name) and node.name == name


def _is_log(call: nodes.Call) -> bool:
    name = call.func.as_string().lower()
    return "log" in name or name in {"print", "str", "repr", "isinstance"}


def _uncancels(handler: nodes.ExceptHandler) -> bool:
    return any(
        isinstance(node, nodes.Attribute) and node.attrname == "uncancel"
        for node in own_of(handler.body)
    )


def _awaits_what_it_cancelled(body: list[nodes.NodeNG], scene: Scene, reach: Reach | None) -> bool:
    """Outside handlers, `task.cancel()` and then a `try` around `await task` is left alone.

    A cancel that arrives just then is lost, but who writes it means the other task's.
    """
    if reach is not None and reach.entry is not None:
        return False
    cancelled = {
        node.func.expr.as_string()
        for node in scene.body
        if isinstance(node, nodes.Call)
        and isinstance(node.func, nodes.Attribute)
        and node.func.attrname in {"cancel", "aclose", "stop"}
    }
    awaited = [node.value for node in own_of(body) if isinstance(node, nodes.Await)]
    return bool(cancelled) and all(
        any(name in one.as_string() for name in cancelled) for one in awaited
    )


@rule
class Suppressed(Rule):
    """`contextlib.suppress` takes the cancel."""

    code = "ITK105"
    name = "a CancelledError that is suppressed"
    harm = _HARM
    fix = "Suppress `Exception` or less, or await what you mean by `asyncio.wait({task})`."

    def look(self, scene: Scene, reach: Reach | None) -> Iterator[Sight]:
        """Look for `with suppress(CancelledError)` around an await."""
        if not scene.is_async:
            return
        for node in scene.body:
            if isinstance(node, nodes.With) and waits(node.body):
                if _awaits_what_it_cancelled(node.body, scene, reach):
                    continue
                for expression, _ in node.items:
                    if _is_suppress(expression, scene):
                        what = f"`{expression.as_string()}` around an await keeps the cancel"
                        yield Sight(expression, what)


def suppresses_cancel(site: Site) -> bool:
    """Say whether a call is a `suppress` that takes a CancelledError."""
    if not site.calls("contextlib.suppress", "suppress"):
        return False
    names = {one.as_string().rpartition(".")[2] for one in site.node.args}
    return bool(names & {"CancelledError", "BaseException"})


@rule
class JumpInFinally(Rule):
    """`return`, `break` or `continue` in a `finally` drops the cancel that is on its way."""

    code = "ITK106"
    name = "a jump out of a finally"
    harm = f"the jump drops the CancelledError that is passing through, and {_HARM}"
    fix = "Move the jump behind the `finally`; clean up in it, and nothing else."

    def look(self, scene: Scene, reach: Reach | None) -> Iterator[Sight]:
        """Look at every `finally` of a `try` that waits."""
        if not scene.is_async:
            return
        for node in scene.body:
            if isinstance(node, nodes.Try) and node.finalbody and _is_passed(node):
                for jump in _jumps(node):
                    word = type(jump).__name__.lower()
                    yield Sight(jump, f"`{word}` inside a `finally`")


def _is_passed(node: nodes.Try) -> bool:
    return waits([*node.body, *node.orelse, *node.handlers])


def _jumps(node: nodes.Try) -> Iterator[nodes.NodeNG]:
    for one in own_of(node.finalbody):
        leaves = isinstance(one, nodes.Break | nodes.Continue) and _leaves(one, node)
        if leaves or isinstance(one, nodes.Return):
            yield one


def _leaves(jump: nodes.NodeNG, node: nodes.Try) -> bool:
    """Say whether the loop that a jump is for is around the `try`, not in its `finally`."""
    parent = jump.parent
    while parent is not None and parent is not node:
        if isinstance(parent, nodes.While | nodes.For):
            return False
        parent = parent.parent
    return True


@rule
class DroppedGather(Rule):
    """`gather(return_exceptions=True)` whose answers nobody reads."""

    code = "ITK107"
    name = "gather(return_exceptions=True) whose answers are dropped"
    harm = (
        "what was gathered can have ended by its own cancel or failed, and nobody hears of it: the"
        " step is recorded as completed"
    )
    fix = (
        "Use `asyncio.TaskGroup`, or look at each answer and raise a CancelledError that is"
        " among them."
    )

    def look(self, scene: Scene, reach: Reach | None) -> Iterator[Sight]:
        """Look for such a gather as a statement; after a `cancel()` it is how one waits."""
        if any(_is_cancel(site) for site in scene.calls):
            return
        for site in scene.calls:
            if site.calls("asyncio.gather") and is_true(keyword(site.node, "return_exceptions")):
                statement = site.node.statement()
                value = statement.value if isinstance(statement, nodes.Expr) else None
                if isinstance(value, nodes.Await) and value.value is site.node:
                    yield Sight(site.node, "`gather(return_exceptions=True)`, its answers dropped")


def _is_cancel(site: Site) -> bool:
    func = site.node.func
    return isinstance(func, nodes.Attribute) and func.attrname in {"cancel", "cancel_all"}


@rule
class WaitForSwallower(Rule):
    """A deadline around something that does not let itself be cancelled."""

    code = "ITK116"
    name = "wait_for around something that swallows its cancel"
    harm = (
        "and at the deadline too, `wait_for` cancels what it waits for and then waits for its end,"
        " which does not come: the deadline never fires"
    )
    fix = "Let the CancelledError out of what is waited for (ITK104, ITK105 or ITK106 says where)."

    def look(self, scene: Scene, reach: Reach | None) -> Iterator[Sight]:
        """Look at what the project's own coroutines do that are given to `wait_for`."""
        for site in scene.calls:
            if site.calls("asyncio.wait_for") and site.node.args:
                for function in _awaited(site.node.args[0], scene):
                    if swallows(function, scene):
                        name = function.node.name
                        yield Sight(site.node, f"`wait_for` around `{name}`, which keeps a cancel")


def _awaited(node: nodes.NodeNG, scene: Scene) -> list[Function]:
    return scene.coroutine_functions(node.func) if isinstance(node, nodes.Call) else []


def swallows(function: Function, scene: Scene) -> bool:
    """Say whether a coroutine keeps a cancel that reaches it."""
    inner = Scene(scene.resolver, function.node, function.owner)
    for node in inner.body:
        if isinstance(node, nodes.Try | nodes.With) and waits(node.body):
            if isinstance(node, nodes.With):
                swallowed = any(_is_suppress(one, inner) for one, _ in node.items)
            else:
                swallowed = bool([*swallowing_handlers(node), *_jumps(node)])
            if swallowed:
                return True
    return False


def _is_suppress(node: nodes.NodeNG, scene: Scene) -> bool:
    return isinstance(node, nodes.Call) and suppresses_cancel(scene.site(node))
