"""The library as clients see it: what each playbook is, and what is wrong with it."""

from __future__ import annotations

from typing import Any

from ignition_toolkit.errors import NotFound, PlaybookInvalid
from ignition_toolkit.playbook.catalog import Catalog
from ignition_toolkit.playbook.library import Library
from ignition_toolkit.playbook.models import Playbook, Step
from ignition_toolkit.playbook.program import LoadedProgram, load_program


# Any: JSON values.
def list_playbooks(library: Library, catalog: Catalog) -> list[dict[str, Any]]:
    """Return one entry per playbook, in the order of their paths."""
    return [_entry(entry.path, library, catalog) for entry in library.list()]


def _entry(path: str, library: Library, catalog: Catalog) -> dict[str, Any]:
    loaded = _load(path, library, catalog)
    if isinstance(loaded, PlaybookInvalid):
        return {"path": path, "valid": False, "problems": loaded.problems, "name": path}
    return {"path": path, "valid": True, "problems": [], **_head(loaded.program.main)}


def _load(path: str, library: Library, catalog: Catalog) -> LoadedProgram | PlaybookInvalid:
    try:
        return load_program(path, library, catalog)
    except PlaybookInvalid as error:
        return error
    except NotFound as error:
        # It was there a moment ago, or a link leads out of the library.
        return PlaybookInvalid(error.message, problems=[f"{path}:1:1: {error.message}"])


def describe_playbook(path: str, library: Library, catalog: Catalog) -> dict[str, Any]:
    """Return one playbook in full. Raises NotFound."""
    text = library.read(path).decode("utf-8", "replace")
    try:
        loaded = load_program(path, library, catalog, text=text)
    except PlaybookInvalid as error:
        return {
            "path": path,
            "name": path,
            "valid": False,
            "problems": error.problems,
            "warnings": [],
            "parameters": [],
            "steps": [],
            "on_cancel": [],
        }
    main = loaded.program.main
    return {
        "path": path,
        "valid": True,
        "problems": [],
        "warnings": loaded.warnings,
        **_head(main),
        "parameters": [parameter.model_dump(mode="json") for parameter in main.parameters],
        "steps": [_step(step, catalog) for step in main.steps],
        "on_cancel": [_step(step, catalog) for step in main.on_cancel],
    }


def _head(playbook: Playbook) -> dict[str, Any]:
    return {
        "name": playbook.name,
        "version": playbook.version,
        "domain": playbook.domain,
        "description": playbook.description,
        "group": playbook.group,
        "concurrency": playbook.concurrency.value,
        "parameter_count": len(playbook.parameters),
        "step_count": len(playbook.steps),
    }


def _step(step: Step, catalog: Catalog) -> dict[str, Any]:
    kind = catalog.kinds.get(step.type)
    return {
        **step.model_dump(mode="json"),
        "effect": kind.effect if kind else None,
        "leaves": kind.leaves if kind else "",
        "summary": kind.summary if kind else "",
    }
