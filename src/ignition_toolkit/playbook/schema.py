"""JSON Schema of a playbook, for editors' YAML plug-ins.

Draft 7, because that is what they read. Each step kind has a rule of its own, `if` the `type` is
that kind `then` its parameters, so that an editor offers the keys of this kind only. Whatever the
loader takes the schema takes too; older spellings are marked as deprecated. Uniqueness, places of
references and nested playbooks are for the loader alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ignition_toolkit.playbook.catalog import Catalog, Kind
from ignition_toolkit.playbook.loader import DOMAINS
from ignition_toolkit.playbook.models import (
    DEFAULT_ON_CANCEL_S,
    DEFAULT_RETRY_DELAY_S,
    DEFAULT_TIMEOUT_S,
    Concurrency,
    OnFailure,
    ParameterType,
    TraceWhen,
)
from ignition_toolkit.playbook.older_spellings import (
    KIND_NAMES,
    OTHER_KINDS,
    RENAMES,
    STEP_KEYS,
    TOLERATED,
)
from ignition_toolkit.playbook.parameters import WORDS
from ignition_toolkit.playbook.reading import MAX_DURATION_S
from ignition_toolkit.playbook.step_loader import MAX_RETRIES

Schema = dict[str, Any]  # Any: JSON Schemas hold any JSON.

_REFERENCE = {"$ref": "#/definitions/reference"}

#: What belongs to a parameter and not to one of the forms of its value.
_NOTES = ("title", "description", "default", "examples", "deprecated")

#: Keys that narrow a text, so that a reference might not pass.
_NARROWING = frozenset({"enum", "const", "pattern", "format", "minLength", "maxLength", "allOf"})


def playbook_schema(catalog: Catalog) -> Schema:
    """Return the JSON Schema (draft 7) of a playbook with the kinds of the catalog."""
    definitions: Schema = {
        "reference": {
            "type": "string",
            "pattern": r"\{\{\s*(" + "|".join(WORDS) + r")\s*\.",
            "description": "A text with a reference, such as {{ parameter.name }}",
        },
        "parameter": _declared_parameter(),
    }
    definitions["step"] = _step(catalog, definitions)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Playbook",
        "type": "object",
        "required": ["name", "steps"],
        "additionalProperties": False,
        "properties": _root_properties(),
        "definitions": definitions,
    }


def _or_empty(schema: Schema) -> Schema:
    """A key whose value may be left empty."""
    kinds = schema.pop("type")
    return {"type": [*([kinds] if isinstance(kinds, str) else kinds), "null"], **schema}


def _choice(values: list[str], default: str, description: str) -> Schema:
    return {"enum": [*map(str, values), None], "default": str(default), "description": description}


def _seconds(default: float, description: str, *, zero: bool = False) -> Schema:
    least = {"minimum": 0} if zero else {"exclusiveMinimum": 0}
    return _or_empty(
        {
            "type": "number",
            **least,
            "maximum": MAX_DURATION_S,
            "default": default,
            "description": f"{description}, in seconds",
        }
    )


def _name(description: str) -> Schema:
    return {
        "type": "string",
        "pattern": r"^[^\s./\\{}|]+$",
        "maxLength": 100,
        "description": description,
    }


def _root_properties() -> Schema:
    text: Schema = {"type": "string"}
    steps: Schema = {"items": {"$ref": "#/definitions/step"}}
    return {
        "name": {"type": "string", "minLength": 1, "description": "What people call it"},
        "version": _or_empty({"type": ["string", "number"], "description": "Of the playbook"}),
        "description": _or_empty({**text, "description": "What it does"}),
        "domain": {
            "anyOf": [{"enum": list(DOMAINS)}, {"type": ["string", "null"]}],
            "description": "What it is about",
        },
        "group": _or_empty({**text, "description": "Heading that it is listed under"}),
        "verified": _or_empty(
            {"type": "boolean", "description": "Whether somebody vouches for it"}
        ),
        "concurrency": _choice(
            list(Concurrency), Concurrency.EXCLUSIVE, "Whether it keeps its gateway for itself"
        ),
        "trace": _choice(
            list(TraceWhen), TraceWhen.ON_FAILURE, "When the trace of its browser is kept"
        ),
        "parameters": _or_empty({"type": "array", "items": {"$ref": "#/definitions/parameter"}}),
        "steps": {"type": "array", "minItems": 1, **steps, "description": "Run in order"},
        "on_cancel": _or_empty(
            {"type": "array", **steps, "description": "Run after a cancel has stopped the steps"}
        ),
        "on_cancel_timeout": _seconds(DEFAULT_ON_CANCEL_S, "For all on_cancel steps together"),
        "metadata": _or_empty({"type": "object", "description": "Free; kept and not read"}),
    }


def _declared_parameter() -> Schema:
    return {
        "type": "object",
        "required": ["name"],
        "additionalProperties": False,
        "properties": {
            "name": _name("Steps write {{ parameter.NAME }}"),
            "type": _choice(list(ParameterType), ParameterType.STRING, "What it holds"),
            "required": _or_empty(
                {"type": "boolean", "default": True, "description": "A default makes it optional"}
            ),
            "description": _or_empty({"type": "string", "description": "Shown where it is asked"}),
            "default": {"description": "Taken when none is given; holds no reference"},
        },
    }


def _step(catalog: Catalog, definitions: Schema) -> Schema:
    kinds = dict(_kinds_by_name(catalog))
    rules = [_rule(name, kind, definitions) for name, kind in kinds.items()]
    return {
        "type": "object",
        "required": ["id", "type"],
        "additionalProperties": False,
        "properties": {
            "id": _name("Unique in the playbook; later steps write {{ step.ID.KEY }}"),
            "name": _or_empty({"type": "string", "description": "Shown while it runs"}),
            "type": {
                "enum": list(kinds),
                "enumDescriptions": [kind.summary for kind in kinds.values()],
                "description": "The step kind",
            },
            "parameters": _or_empty({"type": "object", "description": "Of the step kind"}),
            "timeout": _seconds(DEFAULT_TIMEOUT_S, "For one attempt"),
            "retry_count": _or_empty(
                {
                    "type": "integer",
                    "minimum": 0,
                    "maximum": MAX_RETRIES,
                    "default": 0,
                    "description": "Attempts after the first one",
                }
            ),
            "retry_delay": _seconds(DEFAULT_RETRY_DELAY_S, "Between two attempts", zero=True),
            "on_failure": _choice(
                list(OnFailure), OnFailure.ABORT, "What follows when the last attempt failed"
            ),
        },
        **({"allOf": rules} if rules else {}),
    }


def _kinds_by_name(catalog: Catalog) -> Iterator[tuple[str, Kind]]:
    """Every name that a step may write as its type, older ones last."""
    yield from sorted(catalog.kinds.items())
    for old, new in KIND_NAMES.items():
        if old not in catalog.kinds and new in catalog.kinds:
            yield old, catalog.kinds[new]


def _rule(name: str, kind: Kind, definitions: Schema) -> Schema:
    parameters = _parameters(kind, definitions)
    then: Schema = {"properties": {"parameters": parameters}}
    if kind.required:
        then["required"] = ["parameters"]
    else:
        then["properties"]["parameters"] = _or_empty(parameters)
    return {"if": {"properties": {"type": {"const": name}}, "required": ["type"]}, "then": then}


def _parameters(kind: Kind, definitions: Schema) -> Schema:
    for name, inner in kind.parameters.get("$defs", {}).items():
        definitions[f"{kind.type}.{name}"] = _inside(inner, kind.type)
    older = _older_names(kind)
    properties = {name: _referable(inner, kind.type) for name, inner in kind.properties.items()}
    schema: Schema = {
        "type": "object",
        "properties": {**{name: _older(new) for name, new in older.items()}, **properties},
        "additionalProperties": kind.extra_parameters,
    }
    needed = [_any_spelling(name, older) for name in kind.required]
    if needed:
        schema["allOf"] = needed
    if text := _description(kind):
        schema["description"] = text
    return schema


def _any_spelling(name: str, older: Mapping[str, str]) -> Schema:
    names = [name, *(old for old, new in older.items() if new == name)]
    alternatives: list[Schema] = [{"required": [n]} for n in names]
    return alternatives[0] if len(alternatives) == 1 else {"anyOf": alternatives}


def _description(kind: Kind) -> str:
    lines = [kind.summary, f"A cancel can leave: {kind.leaves}" if kind.leaves else ""]
    return "\n\n".join(line for line in lines if line)


def _older_names(kind: Kind) -> dict[str, str]:
    """Older names of the kind's parameters, each with what is written today."""
    older = {rename.old: rename.new for rename in RENAMES if rename.kind == kind.type}
    older |= {o.old: f"a step of type {o.new}" for o in OTHER_KINDS if o.kind == kind.type}
    older |= {n: f"{n} beside the parameters" for k, n in STEP_KEYS if k == kind.type}
    older |= {n: n for k, n in TOLERATED if k == kind.type and n not in older}
    return {old: new for old, new in older.items() if old not in kind.properties}


def _older(new: str) -> Schema:
    return {"deprecated": True, "deprecationMessage": f"Write {new}", "doNotSuggest": True}


def _referable(schema: object, kind: str) -> object:
    """A parameter's schema, or a text with a reference in its place."""
    inner = _inside(schema, kind)
    if not isinstance(inner, dict) or _takes_any_text(inner):
        return inner
    notes = {name: inner.pop(name) for name in _NOTES if name in inner}
    return {**notes, "anyOf": [inner, _REFERENCE]}


def _takes_any_text(schema: Schema) -> bool:
    if _NARROWING & set(schema):
        return False
    if "anyOf" in schema:
        return any(_takes_any_text(branch) for branch in schema["anyOf"])
    kinds = schema.get("type", "string" if "$ref" not in schema and "oneOf" not in schema else "")
    return "string" in ([kinds] if isinstance(kinds, str) else kinds)


def _inside(schema: object, kind: str) -> Any:  # Any: a JSON Schema, which may be true or false
    """Return a schema as draft 7, with every value inside it open to references."""
    if not isinstance(schema, Mapping):
        return schema
    out = {key: value for key, value in schema.items() if key not in ("$defs", "discriminator")}
    if "properties" in out:
        out["properties"] = {k: _referable(v, kind) for k, v in out["properties"].items()}
    for key in ("items", "additionalProperties"):
        if key in out:
            out[key] = _referable(out[key], kind)
    if "prefixItems" in out:
        out["items"] = [_referable(item, kind) for item in out.pop("prefixItems")]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in out:
            out[key] = [_inside(branch, kind) for branch in out[key]]
    return _with_reference_to(out, kind)


def _with_reference_to(schema: Schema, kind: str) -> Schema:
    """Point `$ref` at our definitions; draft 7 ignores what stands beside one."""
    target = schema.pop("$ref", None)
    if target is None:
        return schema
    name = str(target).rpartition("/")[2]
    prefix = kind.replace("~", "~0").replace("/", "~1")
    pointer = {"$ref": f"#/definitions/{prefix}.{name}"}
    return {**schema, "allOf": [pointer]} if schema else pointer
