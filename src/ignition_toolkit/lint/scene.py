"""One function under the look: its calls with what they stand for, and what is around them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from astroid import nodes

from ignition_toolkit.lint.resolver import Resolver
from ignition_toolkit.lint.syntax import FunctionNode, above, is_none, is_true, keyword, own
from ignition_toolkit.lint.values import Function, Values, is_named, value_name

#: What sets a deadline for all that is awaited inside, and the place of the deadline.
_SCOPES = (
    "asyncio.timeout", "asyncio.timeout_at", "anyio.fail_after", "anyio.move_on_after",
    "async_timeout.timeout", "trio.fail_after", "trio.move_on_after",
)  # fmt: skip
_SHIELDED_SCOPES = ("anyio.CancelScope", "anyio.move_on_after", "anyio.fail_after")


@dataclass(frozen=True)
class Site:
    """A call, and what it can stand for."""

    node: nodes.Call
    values: Values
    names: frozenset[str]

    def calls(self, *wanted: str) -> bool:
        """Say whether it calls one of these, by the end of the full name."""
        return any(is_named(name, one) for name in self.names for one in wanted)


class Scene:
    """One function, with the class that its `self` has."""

    def __init__(
        self, resolver: Resolver, function: FunctionNode, owner: nodes.ClassDef | None
    ) -> None:
        self.resolver = resolver
        self.function = function
        self.owner = owner
        self._sites: dict[nodes.Call, Site] = {}

    @cached_property
    def body(self) -> list[nodes.NodeNG]:
        """Every node of the function's own body."""
        return list(own(self.function))

    @cached_property
    def calls(self) -> list[Site]:
        """Every call of the function's own body."""
        return [self.site(node) for node in self.body if isinstance(node, nodes.Call)]

    @property
    def is_async(self) -> bool:
        """Whether the function is a coroutine."""
        return isinstance(self.function, nodes.AsyncFunctionDef)

    def values(self, node: nodes.NodeNG | None) -> Values:
        """Return what an expression can stand for."""
        return self.resolver.values(node, self.owner)

    def site(self, node: nodes.Call) -> Site:
        """Return a call with what it can stand for."""
        if node not in self._sites:
            values = self.values(node.func)
            names = {value_name(value) for value in values}
            # What nobody can tell still has the name it is written with.
            names = names or {f"?.{_dotted(node.func)}"}
            self._sites[node] = Site(node, values, frozenset(names))
        return self._sites[node]

    def coroutine_functions(self, node: nodes.NodeNG) -> list[Function]:
        """Return the `async def` functions that an expression can stand for."""
        return [
            value
            for value in self.values(node)
            if isinstance(value, Function) and isinstance(value.node, nodes.AsyncFunctionDef)
        ]

    def calls_around(self, node: nodes.NodeNG) -> Iterator[tuple[Site, nodes.NodeNG]]:
        """Yield the calls that a node is an argument of, with the argument, nearest first."""
        for parent, child in above(node, self.function):
            if isinstance(parent, nodes.Call) and parent.func is not child:
                yield self.site(parent), child
            if isinstance(parent, nodes.Keyword):
                continue

    def scopes_around(self, node: nodes.NodeNG) -> Iterator[Site]:
        """Yield the calls of the `with` statements around a node."""
        for parent, child in above(node, self.function):
            if isinstance(parent, nodes.With) and any(one is child for one in parent.body):
                for expression, _ in parent.items:
                    yield from self._scopes_of(expression)

    def _scopes_of(self, expression: nodes.NodeNG) -> Iterator[Site]:
        """A scope may have been made before it is entered: `scope = asyncio.timeout(1)`."""
        if isinstance(expression, nodes.Call):
            yield self.site(expression)
        elif isinstance(expression, nodes.Name):
            for node in self.function.locals.get(expression.name, ()):
                value = getattr(node.parent, "value", None)
                if isinstance(value, nodes.Call):
                    yield self.site(value)

    def has_deadline(self, node: nodes.NodeNG) -> bool:
        """Say whether a node is inside something of this function that sets a deadline."""
        for site in self.scopes_around(node):
            if site.calls(*_SCOPES) and any(not is_none(one) for one in _given(site.node)):
                return True
        return any(
            site.calls("asyncio.wait_for", "cancellable_poll") and not is_none(_timeout(site.node))
            for site, _ in self.calls_around(node)
        )

    def is_shielded(self, node: nodes.NodeNG) -> bool:
        """Say whether a cancel does not reach a node."""
        if any(site.calls("asyncio.shield") for site, _ in self.calls_around(node)):
            return True
        return any(
            site.calls(*_SHIELDED_SCOPES) and is_true(keyword(site.node, "shield"))
            for site in self.scopes_around(node)
        )


def _given(call: nodes.Call) -> list[nodes.NodeNG]:
    return [*call.args[:1], *(one.value for one in call.keywords if one.arg != "shield")]


def _timeout(call: nodes.Call) -> nodes.NodeNG | None:
    return call.args[1] if len(call.args) > 1 else keyword(call, "timeout")


def _dotted(node: nodes.NodeNG) -> str:
    """Return `a.b.c` for what is written so, with `()` for calls on the way."""
    if isinstance(node, nodes.Name):
        return str(node.name)
    if isinstance(node, nodes.Attribute):
        return f"{_dotted(node.expr)}.{node.attrname}"
    if isinstance(node, nodes.Call):
        return f"{_dotted(node.func)}()"
    return "?"
