"""Which classes are step handlers."""

from __future__ import annotations

from astroid import nodes
from astroid.exceptions import AstroidError

from ignition_toolkit.lint.project import Project
from ignition_toolkit.lint.resolver import Resolver

_BASE = "StepHandler"


def handlers(project: Project, resolver: Resolver) -> list[nodes.ClassDef]:
    """Return the classes that derive from a StepHandler, in the order of the files.

    By name: a base, near or far, whose name ends in `StepHandler`, wherever it comes from. By
    inference: where a base is of a package that is not under the look, but is installed.
    """
    return [cls for cls in project.classes() if _is_handler(cls, resolver)]


def _is_handler(cls: nodes.ClassDef, resolver: Resolver) -> bool:
    lineage = resolver.lineage(cls)
    if any(one.name.endswith(_BASE) for one in lineage[1:]):
        return True
    outside = resolver.outside_bases(cls)
    if any(name.rpartition(".")[2].endswith(_BASE) for name in outside):
        return True
    return resolver.method(cls, "execute") is not None and _is_inferred(lineage, outside)


def _is_inferred(lineage: tuple[nodes.ClassDef, ...], outside: list[str]) -> bool:
    if not any("." in name and not name.startswith("builtins.") for name in outside):
        return False
    try:
        return any(base.name == _BASE for cls in lineage for base in cls.ancestors())
    except (AstroidError, RecursionError):  # what is not installed, or is written strangely
        return False
