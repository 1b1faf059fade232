"""`itk steps` and `itk schema`: what a playbook may hold, without a server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ignition_toolkit.cli.output import say, stdout
from ignition_toolkit.cli.text import printable, table
from ignition_toolkit.errors import NotFound
from ignition_toolkit.execution.checker import describe_once
from ignition_toolkit.playbook.catalog import Catalog, Kind
from ignition_toolkit.playbook.schema import playbook_schema
from ignition_toolkit.playbook.wording import nearest


def steps(name: str | None, *, as_json: bool) -> None:
    """Print the installed step kinds, or one of them with its parameters."""
    catalog = describe_once()
    for broken in catalog.broken:
        say(f"itk: {printable(f'{broken.module} could not be loaded: {broken.error}')}")
    kinds = _chosen(catalog, name)
    if as_json:
        shown = {kind.type: kind.model_dump(mode="json") for kind in kinds}
        stdout().write(json.dumps(shown, indent=2) + "\n")
    elif name:
        stdout().write("".join(f"{line}\n" for line in _kind_lines(kinds[0])))
    else:
        rows = [(kind.type, kind.effect, printable(kind.summary)) for kind in kinds]
        stdout().write(table(("KIND", "EFFECT", "SUMMARY"), rows))


def schema() -> None:
    """Print the JSON Schema of a playbook."""
    catalog = describe_once()
    stdout().write(json.dumps(playbook_schema(catalog), indent=2) + "\n")


def _chosen(catalog: Catalog, name: str | None) -> list[Kind]:
    if name is None:
        return [catalog.kinds[kind] for kind in sorted(catalog.kinds)]
    if name not in catalog.kinds:
        hint = nearest(name, catalog.kinds)
        raise NotFound(f"no step kind is called {name!r}{hint}; `itk steps` lists them all")
    return [catalog.kinds[name]]


def _kind_lines(kind: Kind) -> Iterator[str]:
    yield f"{kind.type}  {printable(kind.summary)}".rstrip()
    yield f"  effect      {kind.effect}"
    if kind.leaves:
        yield f"  a cancel can leave  {printable(kind.leaves)}"
    yield f"  comes from  {kind.module} ({kind.distribution})"
    parameters = list(_parameter_rows(kind))
    if parameters:
        yield ""
        head = ("PARAMETER", "TYPE", "DEFAULT", "DESCRIPTION")
        yield from table(head, parameters).splitlines()
    if kind.extra_parameters:
        yield "  and any other parameter"


def _parameter_rows(kind: Kind) -> Iterator[tuple[str, str, str, str]]:
    for name, schema in kind.properties.items():
        default = "required" if name in kind.required else json.dumps(schema.get("default"))
        text = printable(str(schema.get("description", "")))
        yield name, _type_of(schema), default, text


# Any: a JSON Schema.
def _type_of(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type_of(part) for part in schema["anyOf"]))
    return str(schema.get("type", "any"))
