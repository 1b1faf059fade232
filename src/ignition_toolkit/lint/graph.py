"""Who calls whom, and by which calls a handler, or any coroutine, gets to a function."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from astroid import nodes

from ignition_toolkit.lint.barriers import has_barrier
from ignition_toolkit.lint.resolver import Resolver
from ignition_toolkit.lint.scene import Scene, Site
from ignition_toolkit.lint.syntax import FunctionNode, is_coroutine, scope_around
from ignition_toolkit.lint.values import Function, Instance, Outside, Type, Value, is_named

#: What runs a function that it is given in another thread or process.
PUSHERS = (
    "asyncio.to_thread", "run_in_executor", "anyio.to_thread.run_sync", "to_thread.run_sync",
    "run_in_threadpool", "threading.Thread", "threading.Timer", "multiprocessing.Process",
    "concurrent.futures.ThreadPoolExecutor.submit", "concurrent.futures.ThreadPoolExecutor.map",
    "concurrent.futures.ProcessPoolExecutor.submit", "_thread.start_new_thread",
    "concurrent.futures.ProcessPoolExecutor.map", "atexit.register", "Thread", "start_new_thread",
)  # fmt: skip
#: What makes a task of a coroutine, or runs one as the whole program.
TASK_MAKERS = (
    "create_task", "ensure_future", "start_soon", "asyncio.run", "run_until_complete",
    "run_coroutine_threadsafe",
)  # fmt: skip
#: The three utilities of the guide: what happens inside them is the toolkit's own affair.
UTILITIES = ("cancellable_sleep", "cancellable_poll", "with_cancellation_check")


@dataclass(frozen=True)
class Reach:
    """How a function is reached.

    Attributes:
        function: the function, with the class that its `self` has.
        entry: the handler whose `execute` begins the chain, None where a coroutine does.
        before: how the caller was reached, None for the begin.
        has_deadline: whether a call on the way waits with a deadline.
        has_barrier: whether a call on the way closes or kills something when it is cancelled.
        is_top: whether the function is a task's own, so that nobody's await goes on after it.
    """

    function: Function
    entry: nodes.ClassDef | None
    before: Reach | None = None
    has_deadline: bool = False
    has_barrier: bool = False
    is_top: bool = False

    def chain(self) -> list[Reach]:
        """Return the functions from the begin to this one."""
        found = [self]
        while (before := found[-1].before) is not None:
            found.append(before)
        return found[::-1]


@dataclass(frozen=True)
class _Edge:
    to: Function
    has_deadline: bool
    has_barrier: bool


class Graph:
    """The calls of one project."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._scenes: dict[Function, Scene] = {}
        self._edges: dict[Function, list[_Edge]] = {}
        self._called_parameters: dict[tuple[Function, str], bool] = {}

    def scene(self, function: Function) -> Scene:
        """Return a function with its calls; the same object each time."""
        if function not in self._scenes:
            self._scenes[function] = Scene(self._resolver, function.node, function.owner)
        return self._scenes[function]

    def from_handlers(self, handlers: Iterable[nodes.ClassDef]) -> list[Reach]:
        """Return all that handlers reach, each function by its shortest chain.

        One that is reached both with and without a deadline on the way is there twice.
        """
        begins = []
        for handler in handlers:
            execute = self._resolver.method(handler, "execute")
            if execute is not None:
                begins.append(Reach(execute, handler))
        return list(self._spread(begins, into_coroutines=True))

    def from_coroutines(self, functions: Iterable[nodes.FunctionDef]) -> list[Reach]:
        """Return the plain functions that coroutines run, and the coroutines, shortest first."""
        known = list(functions)
        tops = self.tops_of_tasks(known)
        begins = [
            Reach(_alone(node), None, is_top=node in tops) for node in known if is_coroutine(node)
        ]
        return list(self._spread(begins, into_coroutines=False))

    def tops_of_tasks(self, functions: Iterable[nodes.FunctionDef]) -> set[FunctionNode]:
        """Return the coroutines that these functions make tasks of: nobody awaits their end."""
        found: set[FunctionNode] = set()
        for node in functions:
            scene = self.scene(_alone(node))
            for site in scene.calls:
                if site.calls(*TASK_MAKERS):
                    found.update(_tops(scene, site))
        return found

    def _spread(self, begins: list[Reach], *, into_coroutines: bool) -> Iterator[Reach]:
        waiting = deque(begins)
        seen: set[tuple[Function, bool, bool]] = set()
        while waiting:
            reach = waiting.popleft()
            key = (reach.function, reach.has_deadline, reach.has_barrier)
            if key in seen:
                continue
            seen.add(key)
            yield reach
            for edge in self._edges_of(reach.function):
                if into_coroutines or not is_coroutine(edge.to.node):
                    # Without handlers nobody asks for deadlines and barriers.
                    deadline = into_coroutines and (reach.has_deadline or edge.has_deadline)
                    barrier = into_coroutines and (reach.has_barrier or edge.has_barrier)
                    waiting.append(Reach(edge.to, reach.entry, reach, deadline, barrier))

    def _edges_of(self, function: Function) -> list[_Edge]:
        if function not in self._edges:
            scene = self.scene(function)
            found = [*self._called(scene), *self._entered(scene)]
            self._edges[function] = [
                edge for edge in dict.fromkeys(found) if not _is_utility(edge.to.node)
            ]
        return self._edges[function]

    def _called(self, scene: Scene) -> Iterator[_Edge]:
        for site in scene.calls:
            if all(isinstance(value, Outside) for value in site.values) and not _given(site):
                continue
            deadline, barrier = scene.has_deadline(site.node), has_barrier(scene, site.node)
            for value in site.values:
                yield from self._edges_to(value, deadline, barrier)
            within = deadline or site.calls("cancellable_poll")
            for given, name in _given(site):
                if self._is_called(site, name):
                    for value in scene.values(given):
                        if isinstance(value, Function):
                            yield _Edge(value, within, barrier)

    def _is_called(self, site: Site, name: str | int) -> bool:
        """Say whether a call runs a function that it is given, in the thread that calls."""
        if site.calls(*PUSHERS):
            return False
        if not site.values:
            return False
        functions = [value for value in site.values if isinstance(value, Function)]
        if not functions or _is_utility(functions[0].node):
            return True
        return any(self._calls_parameter(one, name) for one in functions)

    def _calls_parameter(self, function: Function, given: str | int) -> bool:
        parameter = _parameter(function, given)
        if parameter is None:
            return True
        key = (function, parameter)
        if key not in self._called_parameters:
            self._called_parameters[key] = False
            self._called_parameters[key] = self._uses(self.scene(function), parameter)
        return self._called_parameters[key]

    def _uses(self, scene: Scene, parameter: str) -> bool:
        """It is called, is kept for later, or goes to somebody who does one of these."""
        for node in scene.body:
            if isinstance(node, nodes.Assign) and _is_name(node.value, parameter):
                return True
        for site in scene.calls:
            if _is_name(site.node.func, parameter):
                return True
            for given, name in _given(site):
                if _is_name(given, parameter) and self._is_called(site, name):
                    return True
        return False

    def _edges_to(self, value: Value, deadline: bool, barrier: bool) -> Iterator[_Edge]:
        if isinstance(value, Function):
            yield _Edge(value, deadline, barrier)
        elif isinstance(value, Type):
            made = self._resolver.method(value.node, "__init__")
            if made is not None:
                yield _Edge(made, deadline, barrier)

    def _entered(self, scene: Scene) -> Iterator[_Edge]:
        for node in scene.body:
            if isinstance(node, nodes.With):
                deadline, barrier = scene.has_deadline(node), has_barrier(scene, node)
                for method in self._entering(scene, node):
                    yield _Edge(method, deadline, barrier)

    def _entering(self, scene: Scene, node: nodes.With) -> Iterator[Function]:
        """Yield the methods that a `with` calls at its begin and its end."""
        begin = "__a" if isinstance(node, nodes.AsyncWith) else "__"
        for expression, _ in node.items:
            for value in scene.values(expression):
                if isinstance(value, Instance):
                    for name in ("enter__", "exit__"):
                        method = self._resolver.method(value.node, begin + name)
                        if method is not None:
                            yield method


def _tops(scene: Scene, site: Site) -> Iterator[FunctionNode]:
    for given in site.node.args[:1]:
        made = given.func if isinstance(given, nodes.Call) else given
        for value in scene.values(made):
            if isinstance(value, Function):
                yield value.node


def _given(site: Site) -> list[tuple[nodes.NodeNG, str | int]]:
    """The functions that a call may be given, each with its place or name."""
    given: list[tuple[nodes.NodeNG, str | int]] = [
        (one, place) for place, one in enumerate(site.node.args)
    ]
    given += [(one.value, one.arg) for one in site.node.keywords if one.arg]
    kinds = (nodes.Name, nodes.Attribute, nodes.Lambda, nodes.Call)
    return [(one, name) for one, name in given if isinstance(one, kinds)]


def _parameter(function: Function, given: str | int) -> str | None:
    """Return the name of the parameter that an argument goes to, None when it cannot be told."""
    arguments = function.node.args
    names = [one.name for one in [*(arguments.posonlyargs or ()), *(arguments.args or ())]]
    if isinstance(given, str):
        known = [*names, *(one.name for one in arguments.kwonlyargs)]
        return given if given in known else None
    if function.owner is not None and names[:1] in (["self"], ["cls"]):
        names = names[1:]
    return names[given] if given < len(names) else None


def _is_name(node: nodes.NodeNG | None, name: str) -> bool:
    return isinstance(node, nodes.Name) and node.name == name


def _alone(node: nodes.FunctionDef) -> Function:
    around = scope_around(node)
    return Function(node, around if isinstance(around, nodes.ClassDef) else None)


def _is_utility(node: FunctionNode) -> bool:
    name = node.qname()
    return any(is_named(name, f"cancellation.{one}") for one in UTILITIES)


def function_of(node: nodes.FunctionDef) -> Function:
    """Return a function as it stands, for code that nobody of the project reaches."""
    return _alone(node)
