"""The look itself: every rule at every function, as a handler or a coroutine reaches it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from astroid import nodes

from ignition_toolkit.lint.findings import Finding
from ignition_toolkit.lint.graph import Graph, Reach, function_of
from ignition_toolkit.lint.handlers import handlers
from ignition_toolkit.lint.project import Project, load
from ignition_toolkit.lint.resolver import Resolver
from ignition_toolkit.lint.rules import RULES, Rule, Sight
from ignition_toolkit.lint.suppressions import apply, suppressions
from ignition_toolkit.lint.syntax import scope_around


def lint_paths(paths: Sequence[Path], codes: Collection[str] | None = None) -> list[Finding]:
    """Look at files and folders.

    Args:
        paths: Python files, and folders whose `.py` files are all looked at, together.
        codes: only these rules; all without it.

    Returns: the findings, sorted by place, less those that are suppressed.

    Raises: FileNotFoundError for a path that does not exist.
    """
    return lint_project(load(paths), codes)


def lint_project(project: Project, codes: Collection[str] | None = None) -> list[Finding]:
    """Look at a project that is loaded; see `lint_paths`."""
    rules = [RULES[code]() for code in sorted(RULES) if codes is None or code in codes]
    found: dict[tuple[str, int, int, str], Finding] = {}
    for finding in _Look(project, rules).findings():
        # The first one has a handler, or the shortest chain.
        key = (finding.path, finding.line, finding.column, finding.code)
        found.setdefault(key, finding)
    return sorted([*_less_suppressed(project, found.values()), *project.unreadable])


def _less_suppressed(project: Project, findings: Iterable[Finding]) -> Iterator[Finding]:
    by_path: dict[str, list[Finding]] = {}
    for finding in findings:
        by_path.setdefault(finding.path, []).append(finding)
    for source in project.sources:
        comments = suppressions(source.text)
        yield from apply(source.path, by_path.get(source.path, []), comments, RULES)


class _Look:
    def __init__(self, project: Project, rules: list[Rule]) -> None:
        self._project = project
        self._rules = rules
        self._resolver = Resolver(project)
        self._graph = Graph(self._resolver)

    def findings(self) -> Iterator[Finding]:
        """Yield findings: what handlers reach first, then what coroutines do, then the rest."""
        handled = self._graph.from_handlers(handlers(self._project, self._resolver))
        reached = {reach.function.node for reach in handled}
        functions = list(self._project.functions())
        for reach in handled:
            yield from self._look_at(reach)
        for reach in self._graph.from_coroutines(functions):
            if reach.function.node not in reached or reach.before is None:
                yield from self._look_at(reach)
                reached.add(reach.function.node)
        for function in functions:
            if function not in reached:
                yield from self._look_at(Reach(function_of(function), None))

    def _look_at(self, reach: Reach) -> Iterator[Finding]:
        scene = self._graph.scene(reach.function)
        for one in self._rules:
            if reach.entry is not None or not one.handlers_only:
                for sight in one.look(scene, reach):
                    yield self._finding(one, sight, reach)

    def _finding(self, one: Rule, sight: Sight, reach: Reach) -> Finding:
        chain = reach.chain()
        names = [_name(step) for step in chain]
        handler = reach.entry.qname() if reach.entry is not None else None
        places = (f"{name} ({self._place(step)})" for name, step in zip(names, chain, strict=True))
        return Finding(
            path=self._project.path_of(sight.node),
            line=sight.node.lineno or 1,
            column=(sight.node.col_offset or 0) + 1,
            code=one.code,
            message=_message(one, sight, handler, names),
            handler=handler,
            chain=tuple(places) if handler is not None or len(names) > 1 else (),
        )

    def _place(self, step: Reach) -> str:
        node = step.function.node
        return f"{self._project.path_of(node)}:{node.lineno}"


def _message(one: Rule, sight: Sight, handler: str | None, names: list[str]) -> str:
    way = " -> ".join(names)
    if handler is not None:
        where = f", reached from handler {handler} by {way}"
    elif len(names) > 1:
        where = f", reached by {way}"
    else:
        where = f", in {way}"
    return f"{sight.what}{where}. On Cancel {one.harm}. {one.fix}"


def _name(step: Reach) -> str:
    function = step.function
    node = function.node
    if not isinstance(node, nodes.FunctionDef):
        return "<lambda>"
    around = scope_around(node)
    # A method that is inherited is named by the class that has it here.
    owner = function.owner if isinstance(around, nodes.ClassDef) else None
    return f"{owner.name}.{node.name}" if owner is not None else str(node.name)
