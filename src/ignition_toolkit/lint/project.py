"""The modules under a look, as astroid trees, by the names under which they import each other."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from astroid import nodes
from astroid.builder import AstroidBuilder
from astroid.exceptions import AstroidError, AstroidSyntaxError
from astroid.manager import AstroidManager

from ignition_toolkit.lint.findings import Finding
from ignition_toolkit.lint.sources import (
    Unreadable,
    module_name,
    name_below,
    python_files,
    read_source,
)

#: The code of a file that was not looked at.
UNREADABLE = "ITK100"


@dataclass
class Source:
    """One module: its tree, its text, and the path that its findings name."""

    path: str
    text: str
    tree: nodes.Module


@dataclass
class Project:
    """All modules of one look, and the files that could not be read."""

    sources: list[Source] = field(default_factory=list)
    unreadable: list[Finding] = field(default_factory=list)
    _by_name: dict[str, nodes.Module] = field(default_factory=dict)
    _paths: dict[nodes.Module, str] = field(default_factory=dict)

    def add(self, source: Source, names: Iterable[str]) -> None:
        """Take a module in; of two with one name the first is the one that others import."""
        self.sources.append(source)
        self._paths[source.tree] = source.path
        for name in names:
            self._by_name.setdefault(name, source.tree)

    def module(self, name: str) -> nodes.Module | None:
        """Return the module of that full name, None when it is not under the look."""
        return self._by_name.get(name)

    def path_of(self, node: nodes.NodeNG) -> str:
        """Return the path of the file that holds a node."""
        return self._paths[node.root()]

    def classes(self) -> Iterator[nodes.ClassDef]:
        """Yield every class, nested ones too, in the order of the files."""
        for source in self.sources:
            for node in everything(source.tree):
                if isinstance(node, nodes.ClassDef):
                    yield node

    def functions(self) -> Iterator[nodes.FunctionDef]:
        """Yield every function and method, nested ones too, in the order of the files."""
        for source in self.sources:
            for node in everything(source.tree):
                if isinstance(node, nodes.FunctionDef):
                    yield node


def everything(tree: nodes.NodeNG) -> Iterator[nodes.NodeNG]:
    """Yield a node and all below it, in the order of the text, however deep."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(list(node.get_children())))


def attributes_of(cls: nodes.ClassDef) -> dict[str, list[nodes.NodeNG]]:
    """Return the assignments to `self.name` of a class, by name."""
    # It is annotated as a dictionary of nodes, and holds lists of them.
    return cast("dict[str, list[nodes.NodeNG]]", cls.instance_attrs)


class _Builder(AstroidBuilder):
    """Builds trees and infers nothing meanwhile: that takes six times as long as the rest."""

    def delayed_assattr(self, node: nodes.AssignAttr) -> None:
        """Note `self.name = ...` at the class around it, which is all that is asked for later."""
        if not isinstance(node.expr, nodes.Name):
            return
        method = node.scope()
        arguments = getattr(method, "args", None)
        owner = method.parent.scope() if method.parent is not None else None
        if arguments is None or not isinstance(owner, nodes.ClassDef):
            return
        if arguments.args and arguments.args[0].name == node.expr.name:
            attributes_of(owner).setdefault(node.attrname, []).append(node)

    def add_from_names_to_locals(
        self, node: nodes.ImportFrom, global_name: Collection[str]
    ) -> None:
        """Note imported names. A star imports nothing that is known here."""
        if all(name != "*" for name, _ in node.names):
            super().add_from_names_to_locals(node, global_name)


def load(paths: Sequence[Path]) -> Project:
    """Read and parse files and folders. A file that cannot be read becomes a finding.

    Raises FileNotFoundError for a path that does not exist.
    """
    project = Project()
    folders = [path for path in paths if path.is_dir()]
    for file in python_files(paths):
        names = [module_name(file), *(name_below(file, folder) for folder in folders)]
        try:
            source = _parse(file, names[0] or file.stem)
        except Unreadable as error:
            project.unreadable.append(_unreadable(file, error))
        else:
            project.add(source, [name for name in names if name])
    return project


def _parse(file: Path, name: str) -> Source:
    text = read_source(file)
    manager = AstroidManager()
    before = manager.astroid_cache.get(name)
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = _Builder(manager, apply_transforms=False).string_build(text, name, str(file))
    except AstroidSyntaxError as error:
        raise _syntax(error) from error
    except (AstroidError, RecursionError, MemoryError, ValueError) as error:
        raise Unreadable(f"it cannot be parsed: {type(error).__name__}") from error
    finally:
        # The cache is one for the process; another look at a file of this name must not find it.
        if before is None:
            manager.astroid_cache.pop(name, None)
    return Source(str(file), text, tree)


def _syntax(error: AstroidSyntaxError) -> Unreadable:
    cause = error.error
    if not isinstance(cause, SyntaxError):
        return Unreadable(f"it cannot be parsed: {cause}")
    return Unreadable(f"it is no Python: {cause.msg}", cause.lineno or 1, cause.offset or 1)


def _unreadable(file: Path, error: Unreadable) -> Finding:
    message = f"this file was not looked at, as {error}; whatever loses a cancel here is not found"
    return Finding(str(file), error.line, error.column, UNREADABLE, message)
