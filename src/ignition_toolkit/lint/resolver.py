"""What names, attributes and calls stand for, followed through imports, classes and attributes.

It looks at the modules of the project only, so that a tree whose dependencies are not installed
reads as any other. What comes from elsewhere keeps its dotted name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from astroid import nodes

from ignition_toolkit.lint.annotations import annotated, is_context_manager, is_property
from ignition_toolkit.lint.project import Project, attributes_of, everything
from ignition_toolkit.lint.syntax import Anything, scope_around
from ignition_toolkit.lint.values import (
    Function,
    Instance,
    ModuleValue,
    Outside,
    Type,
    Value,
    Values,
    is_named,
)

#: Functions of other packages that make objects of a class.
_MAKERS = {
    "asyncio.create_subprocess_exec": "asyncio.subprocess.Process",
    "asyncio.create_subprocess_shell": "asyncio.subprocess.Process",
    "asyncio.run_coroutine_threadsafe": "concurrent.futures.Future",
    "concurrent.futures.ProcessPoolExecutor.submit": "concurrent.futures.Future",
    "concurrent.futures.ThreadPoolExecutor.submit": "concurrent.futures.Future",
    "multiprocessing.get_context": "multiprocessing",
    "requests.session": "requests.Session",
    "socket.create_connection": "socket.socket",
    "socket.socket": "socket.socket",
    "asyncio.get_event_loop": "asyncio.get_running_loop()",
    "asyncio.new_event_loop": "asyncio.get_running_loop()",
}
_MAX_VALUES = 12

Owner = nodes.ClassDef | None


class Resolver:
    """Answers what expressions of one project stand for; remembers its answers."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._known: dict[tuple[nodes.NodeNG, Owner], Values] = {}
        self._open: set[tuple[nodes.Module, str]] = set()
        self._lineages: dict[nodes.ClassDef, tuple[tuple[nodes.ClassDef, ...], Values]] = {}
        self._by_kind: dict[type, Callable[..., Iterator[Value]]] = {
            nodes.Name: self._name,
            nodes.Attribute: self._attribute,
            nodes.Call: self._call,
            nodes.Await: lambda node, owner: iter(self.values(node.value, owner)),
            nodes.NamedExpr: lambda node, owner: iter(self.values(node.value, owner)),
            nodes.IfExp: self._if_expression,
            nodes.BoolOp: self._bool_operation,
            nodes.Lambda: lambda node, owner: iter((Function(node, owner),)),
        }

    def values(self, node: Anything, owner: Owner = None) -> Values:
        """Return what an expression can stand for; nothing when it cannot be told.

        Args:
            node: the expression.
            owner: the class that `self` has there, which can be derived from the one around it.
        """
        look = self._by_kind.get(type(node))
        if look is None or not isinstance(node, nodes.NodeNG):
            return ()
        key = (node, owner)
        if key not in self._known:
            self._known[key] = ()  # what refers to itself adds nothing
            self._known[key] = tuple(dict.fromkeys(look(node, owner)))[:_MAX_VALUES]
        return self._known[key]

    def lineage(self, cls: nodes.ClassDef) -> tuple[nodes.ClassDef, ...]:
        """Return a class and the project's classes above it, nearest first."""
        return self._lineage(cls)[0]

    def outside_bases(self, cls: nodes.ClassDef) -> list[str]:
        """Return the dotted names of the classes above that are not of the project."""
        return [base.name for base in self._lineage(cls)[1] if isinstance(base, Outside)]

    def _lineage(self, cls: nodes.ClassDef) -> tuple[tuple[nodes.ClassDef, ...], Values]:
        if cls in self._lineages:
            return self._lineages[cls]
        self._lineages[cls] = ((cls,), ())
        ours: dict[nodes.ClassDef, None] = {cls: None}
        outside: dict[Value, None] = {}
        for base in cls.bases:
            expression = base.value if isinstance(base, nodes.Subscript) else base
            found = self.values(expression) or (Outside(expression.as_string()),)
            for value in found:
                if isinstance(value, Type):
                    above, beyond = self._lineage(value.node)
                    ours.update(dict.fromkeys(above))
                    outside.update(dict.fromkeys(beyond))
                elif isinstance(value, Outside):
                    outside[value] = None
        self._lineages[cls] = (tuple(ours), tuple(outside))
        return self._lineages[cls]

    def method(self, cls: nodes.ClassDef, name: str) -> Function | None:
        """Return the method that an object of the class has under a name, if the project has it."""
        for above in self.lineage(cls):
            for definition in above.locals.get(name, ()):
                if isinstance(definition, nodes.FunctionDef):
                    return Function(definition, cls)
        return None

    def _name(self, node: nodes.Name, owner: Owner) -> Iterator[Value]:
        return self.named(node.name, node, owner)

    def named(self, name: str, place: nodes.NodeNG, owner: Owner) -> Iterator[Value]:
        """Yield what a name stands for at a place."""
        scope: nodes.LocalsDictNodeNG | None = place.scope()
        innermost = True
        while scope is not None:
            if name in scope.locals and (innermost or not isinstance(scope, nodes.ClassDef)):
                for definition in scope.locals[name]:
                    yield from self.definition(definition, name, owner)
                return
            scope = scope_around(scope)
            innermost = False
        yield Outside(f"builtins.{name}")

    def definition(self, node: Anything, name: str, owner: Owner) -> Values:
        """Return what a name stands for by one of the places that define it."""
        if isinstance(node, nodes.FunctionDef):
            return (Function(node, owner if _is_inner(node) else None),)
        if isinstance(node, nodes.ClassDef):
            return (Type(node),)
        if isinstance(node, nodes.Import):
            return self._imported(_real_name(node, name))
        if isinstance(node, nodes.ImportFrom):
            return self._imported_from(node, name)
        if isinstance(node, nodes.AssignName | nodes.AssignAttr):
            return self._assigned(node, owner)
        return ()

    def _imported(self, name: str) -> Values:
        module = self._project.module(name)
        return (ModuleValue(module),) if module is not None else (Outside(name),)

    def _imported_from(self, node: nodes.ImportFrom, name: str) -> Values:
        real = _real_name(node, name)
        package = _absolute(node)
        below = self._project.module(f"{package}.{real}" if package else real)
        if below is not None:
            return (ModuleValue(below),)
        module = self._project.module(package)
        if module is None:
            return (Outside(f"{package}.{real}"),)
        return self._of_module(module, real)

    def _of_module(self, module: nodes.Module, name: str) -> Values:
        definitions = module.locals.get(name, ())
        if not definitions or (module, name) in self._open:
            below = self._project.module(f"{module.name}.{name}")
            return (ModuleValue(below),) if below is not None else ()
        self._open.add((module, name))  # modules can import each other in a circle
        found = [value for one in definitions for value in self.definition(one, name, None)]
        self._open.discard((module, name))
        return tuple(found)

    def _assigned(self, node: nodes.AssignName | nodes.AssignAttr, owner: Owner) -> Values:
        parent = node.parent
        if isinstance(parent, nodes.Arguments) and isinstance(node, nodes.AssignName):
            return self._parameter(node, parent, owner)
        if isinstance(parent, nodes.AnnAssign):
            declared = annotated(self, parent.annotation, owner)
            return declared or self.values(parent.value, owner)
        if isinstance(parent, nodes.Assign | nodes.NamedExpr):
            return self.values(parent.value, owner)
        if isinstance(parent, nodes.With):
            return self._entered(parent, node, owner)
        if isinstance(parent, nodes.Tuple) and isinstance(parent.parent, nodes.Assign):
            value = parent.parent.value
            if isinstance(value, nodes.Tuple) and len(value.elts) == len(parent.elts):
                return self.values(value.elts[parent.elts.index(node)], owner)
        return ()

    def _entered(self, statement: nodes.With, target: nodes.NodeNG, owner: Owner) -> Values:
        for expression, variable in statement.items:
            if variable is target:
                return tuple(
                    given
                    for value in self.values(expression, owner)
                    for given in self._given_by_enter(value)
                )
        return ()

    def _given_by_enter(self, value: Value) -> Values:
        if isinstance(value, Instance):
            for name in ("__aenter__", "__enter__"):
                if (enter := self.method(value.node, name)) is not None:
                    return self._result(enter) or (value,)
        return (value,)

    def _parameter(
        self, node: nodes.AssignName, arguments: nodes.Arguments, owner: Owner
    ) -> Values:
        function = arguments.parent
        around = scope_around(function) if function is not None else None
        positional = [*(arguments.posonlyargs or ()), *(arguments.args or ())]
        if isinstance(around, nodes.ClassDef) and positional and positional[0] is node:
            kind = getattr(function, "type", "method")
            cls = owner if owner is not None else around
            if kind != "staticmethod":
                return (Type(cls),) if kind == "classmethod" else (Instance(cls),)
        for names, said in (
            (arguments.posonlyargs or (), arguments.posonlyargs_annotations),
            (arguments.args or (), arguments.annotations),
            (arguments.kwonlyargs, arguments.kwonlyargs_annotations),
        ):
            for name, annotation in zip(names, said, strict=False):
                if name is node:
                    return annotated(self, annotation, owner)
        return ()

    def _attribute(self, node: nodes.Attribute, owner: Owner) -> Iterator[Value]:
        for value in self.values(node.expr, owner):
            yield from self.attribute(value, node.attrname)

    def attribute(self, value: Value, name: str) -> Values:
        """Return what an attribute of a value stands for."""
        if isinstance(value, Outside):
            return (Outside(f"{value.name}.{name}"),)
        if isinstance(value, ModuleValue):
            return self._of_module(value.node, name)
        if isinstance(value, Type | Instance):
            return self._of_class(value.node, name)
        return ()

    def _of_class(self, cls: nodes.ClassDef, name: str) -> Values:
        for above in self.lineage(cls):
            found = [
                value
                for node in [*above.locals.get(name, ()), *attributes_of(above).get(name, ())]
                for value in self._member(node, name, cls)
            ]
            if found:
                return tuple(found)
        return tuple(Outside(f"{base}.{name}") for base in self.outside_bases(cls))

    def _member(self, node: Anything, name: str, cls: nodes.ClassDef) -> Values:
        if not isinstance(node, nodes.FunctionDef):
            return self.definition(node, name, cls)
        method = Function(node, cls)
        return self._result(method) if is_property(node) else (method,)

    def _call(self, node: nodes.Call, owner: Owner) -> Iterator[Value]:
        if isinstance(node.func, nodes.Name) and node.func.name == "super":
            yield from self._super(node, owner)
            return
        if isinstance(node.func, nodes.Attribute) and node.func.attrname == "use":
            yield from self._made(node, owner)
        for value in self.values(node.func, owner):
            if isinstance(value, Type):
                yield Instance(value.node)
            elif isinstance(value, Function):
                yield from self._result(value)
            elif isinstance(value, Outside):
                yield from self._given(value.name, node, owner)

    def _made(self, node: nodes.Call, owner: Owner) -> Iterator[Value]:
        """`await context.use(Manager)` gives a Manager."""
        for argument in node.args[:1]:
            for value in self.values(argument, owner):
                yield Instance(value.node) if isinstance(value, Type) else value

    def _super(self, node: nodes.Call, owner: Owner) -> Iterator[Value]:
        del owner  # of the class around it, also where that is derived from
        scope: nodes.LocalsDictNodeNG | None = node.scope()
        while scope is not None and not isinstance(scope, nodes.ClassDef):
            scope = scope_around(scope)
        if scope is None:
            return
        for base in scope.bases:
            for value in self.values(base):
                yield Instance(value.node) if isinstance(value, Type) else value

    def _given(self, name: str, node: nodes.Call, owner: Owner) -> Iterator[Value]:
        if name in {"functools.partial", "functools.wraps"}:
            yield from self.values(node.args[0], owner) if node.args else ()
        elif is_named(name, "cast") and len(node.args) == 2:
            yield from annotated(self, node.args[0], owner)
        elif name in _MAKERS:
            yield Outside(_MAKERS[name])
        elif name.rpartition(".")[2][:1].isupper():
            yield Outside(name)
        else:
            yield Outside(f"{name}()")

    def _result(self, function: Function) -> Values:
        node = function.node
        if isinstance(node, nodes.Lambda) and not isinstance(node, nodes.FunctionDef):
            return self.values(node.body, function.owner)
        if node.returns is not None:
            manager = is_context_manager(node)
            return annotated(self, node.returns, function.owner, yielded=manager)
        returns = (one for one in everything(node) if isinstance(one, nodes.Return))
        return tuple(
            value
            for one in returns
            if one.scope() is node
            for value in self.values(one.value, function.owner)
        )

    def _if_expression(self, node: nodes.IfExp, owner: Owner) -> Iterator[Value]:
        yield from self.values(node.body, owner)
        yield from self.values(node.orelse, owner)

    def _bool_operation(self, node: nodes.BoolOp, owner: Owner) -> Iterator[Value]:
        for one in node.values:
            yield from self.values(one, owner)


def _is_inner(node: nodes.FunctionDef) -> bool:
    return isinstance(scope_around(node), nodes.FunctionDef | nodes.Lambda)


def _real_name(node: nodes.Import | nodes.ImportFrom, name: str) -> str:
    for real, alias in node.names:
        if alias == name or (alias is None and real == name):
            return str(real)
    # `import a.b` defines `a`.
    return name


def _absolute(node: nodes.ImportFrom) -> str:
    if not node.level:
        return str(node.modname)
    module = node.root()
    parts = module.name.split(".")
    up = node.level - (1 if module.package else 0)
    return ".".join([*parts[: len(parts) - up], *([node.modname] if node.modname else [])])
