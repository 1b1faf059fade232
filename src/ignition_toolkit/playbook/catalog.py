"""The step kinds as data: what the installed handlers say of themselves. Imports no handler.

A runner makes a catalog by importing the modules; everybody else reads it. It is kept under
`installed_key()`, which changes when what is installed changes.
"""

from __future__ import annotations

import hashlib
import importlib.util
import platform
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from ignition_toolkit.playbook.models import Frozen

#: Packages name modules of step handlers under this entry-point group.
ENTRY_POINT_GROUP = "ignition_toolkit.steps"

_DISTRIBUTION = "ignition-toolkit"


class Kind(Frozen):
    """One step kind."""

    #: What a playbook writes as `type`.
    type: str
    #: One line.
    summary: str = ""
    #: What it does to the equipment.
    effect: Literal["reads", "writes", "interrupts"] = "writes"
    #: What a cancel in the middle can leave behind, one line; empty for nothing.
    leaves: str = ""
    #: Module that declares it, and the package that installed the module.
    module: str = ""
    distribution: str = ""
    # Any: a JSON Schema of an object.
    parameters: dict[str, Any] = Field(default_factory=dict)
    #: Whether it takes parameters that the schema does not name, as `playbook.run` does.
    extra_parameters: bool = False

    @property
    def properties(self) -> dict[str, Any]:  # Any: JSON Schemas
        """JSON Schema of each parameter, by name."""
        found = self.parameters.get("properties", {})
        return dict(found) if isinstance(found, dict) else {}

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the parameters that must be given."""
        return tuple(self.parameters.get("required", ()))


class BrokenModule(Frozen):
    """A module of an entry point that could not be imported."""

    module: str
    distribution: str = ""
    #: One line.
    error: str


class Catalog(Frozen):
    """Every installed step kind, by its type."""

    #: `installed_key()` of the process that made it.
    key: str
    kinds: dict[str, Kind] = Field(default_factory=dict)
    broken: tuple[BrokenModule, ...] = ()

    def to_json(self) -> str:
        """Return the catalog as JSON text."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str | bytes) -> Catalog:
        """Read what `to_json` wrote. Raises ValueError when the text is anything else."""
        return cls.model_validate_json(text)


def installed_key() -> str:
    """Return a short hash over what decides the catalog, without importing any handler.

    Over our version, Python's, and of every entry point its name, value, package version and
    the size and time of its source files as far as they can be found.
    """
    lines = [_version(_DISTRIBUTION), platform.python_version()]
    lines += sorted(_entry_line(entry) for entry in entry_points(group=ENTRY_POINT_GROUP))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"


def _entry_line(entry: EntryPoint) -> str:
    package = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "?"
    files = ",".join(f"{f.name}:{_stamp(f)}" for f in _source_files(entry.module))
    return f"{entry.name}={entry.value} {package} {files}"


def _stamp(path: Path) -> str:
    try:
        facts = path.stat()
    except OSError:
        return "?"
    return f"{facts.st_mtime_ns}:{facts.st_size}"


def _source_files(module: str) -> Iterator[Path]:
    """The files of a module; of a package those directly in its folder."""
    spec = _find_spec(module)
    if spec is None:
        return
    if spec.submodule_search_locations is not None:
        for folder in spec.submodule_search_locations:
            yield from sorted(Path(folder).glob("*.py"))
    elif spec.origin is not None:
        yield Path(spec.origin)


def _find_spec(module: str) -> ModuleSpec | None:
    """Find a module as an import would, without importing the packages above it."""
    top, *rest = module.split(".")
    name = top
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    for part in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        name = f"{name}.{part}"
        spec = PathFinder.find_spec(name, list(spec.submodule_search_locations))
    return spec
