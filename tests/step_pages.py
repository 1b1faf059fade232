"""Writes the reference page of each step kind from its class: `python -m tests.step_pages`.

tests/unit/steps/test_reference.py holds that the pages are what this makes.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ignition_toolkit.playbook.catalog import Catalog, Kind
from ignition_toolkit.playbook.step_handler import StepHandler
from ignition_toolkit.runner.kinds import Kinds, describe

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "reference" / "steps"
PLAYBOOKS = ROOT / "playbooks"
#: Kinds of other packages have pages of their own.
PACKAGE = "ignition-toolkit"

_NOTE = "<!-- Written by `python -m tests.step_pages` from the step kind's class. -->\n"
_EFFECTS = {
    "reads": "It looks only.",
    "writes": "It changes something.",
    "interrupts": "It can interrupt production.",
}


def pages() -> dict[str, str]:
    """Return the text of each page by its file's name."""
    catalog = describe()
    kinds = {name: kind for name, kind in catalog.kinds.items() if kind.distribution == PACKAGE}
    handlers = Kinds({name: kind.module for name, kind in kinds.items()})
    found = {f"{name}.md": _page(kind, handlers.handler(name)) for name, kind in kinds.items()}
    return {"README.md": _index(catalog, sorted(kinds)), **found}


def _index(catalog: Catalog, names: list[str]) -> str:
    rows = [f"| [{name}]({name}.md) | {catalog.kinds[name].summary} |" for name in names]
    lines = [
        "# Step kinds",
        _NOTE,
        "`itk steps` lists the installed ones, those of other packages included.",
        "",
        "| kind | |",
        "|---|---|",
        *rows,
    ]
    return "\n".join(lines) + "\n"


def _page(kind: Kind, handler: type[StepHandler]) -> str:
    leaves = kind.leaves or "nothing"
    parts = [
        f"# {kind.type}",
        _NOTE,
        f"{kind.summary}.",
        "",
        f"{_EFFECTS[kind.effect]} A cancel in the middle can leave: {leaves}.",
        "",
        "## Parameters",
        "",
        *_parameters(kind),
        "",
        "## What it does",
        "",
        _what_it_does(handler),
    ]
    if example := _example(kind.type):
        parts += ["", "## Example", "", *example]
    return "\n".join(parts) + "\n"


def _what_it_does(handler: type[StepHandler]) -> str:
    """Return what the method says that the author wrote: some families have one of their own."""
    return inspect.getdoc(getattr(handler, "act", handler.execute)) or ""


def _parameters(kind: Kind) -> Iterator[str]:
    if not kind.properties:
        yield "None."
        return
    yield "| parameter | type | default | |"
    yield "|---|---|---|---|"
    for name, schema in kind.properties.items():
        default = "required" if name in kind.required else f"`{json.dumps(schema.get('default'))}`"
        if "default" not in schema and name not in kind.required:
            default = "`[]`"
        words = str(schema.get("description", "")).replace("|", "\\|")
        yield f"| `{name}` | {_type(schema)} | {default} | {words} |"
    if kind.extra_parameters:
        yield "\nOther parameters are handed on."


# Any: a JSON Schema.
def _type(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(_type, schema["anyOf"])))
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("format") == "password":
        return "secret text"
    if "items" in schema:
        return f"list of {_type(schema['items'])}"
    words = {"string": "text", "boolean": "true or false", "integer": "whole number"}
    return words.get(schema.get("type", ""), str(schema.get("type", "anything")))


def _example(kind: str) -> list[str]:
    """Return a step of this kind as a shipped playbook has it, and where."""
    for path in sorted(PLAYBOOKS.rglob("*.yaml")):
        playbook = yaml.safe_load(path.read_text("utf-8"))
        for step in playbook.get("steps", ()):
            if step["type"] == kind:
                text = yaml.safe_dump([step], sort_keys=False, allow_unicode=True, width=90)
                name = path.relative_to(PLAYBOOKS)
                link = f"[{name}](../../../playbooks/{name})"
                return [f"From {link}:", "", "```yaml", text.rstrip("\n"), "```"]
    return []


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.md"):
        old.unlink()
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
