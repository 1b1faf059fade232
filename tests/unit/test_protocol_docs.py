"""docs/protocol.md says all that there is on the two wires, and nothing that there is not."""

import ast
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from ignition_toolkit.execution import janitor_answers
from ignition_toolkit.execution.runner_spawn import ENVIRONMENT, PASS_THROUGH_VARIABLE
from ignition_toolkit.janitor import wire
from ignition_toolkit.playbook.catalog import Catalog
from ignition_toolkit.protocol import Body, Envelope, commands

REPO = Path(__file__).parents[2]
PACKAGE = REPO / "src" / "ignition_toolkit"
PAGE = (REPO / "docs" / "protocol.md").read_text("utf-8")

#: A field's type and its default, as the page writes them.
Field = tuple[str, str]
Fields = dict[str, Field]

# Any: JSON Schemas, here and below.
Schema = dict[str, Any]


# The page.


def section(title: str) -> str:
    """Return what stands between a heading of the second level and the next one."""
    _, found, rest = PAGE.partition(f"\n## {title}\n")
    assert found, f"docs/protocol.md has no section {title!r}"
    return rest.partition("\n## ")[0]


def entries(title: str) -> dict[str, str]:
    """Return the text below each heading of a section; a heading may have several names."""
    parts = section(title).split("\n### ")[1:]
    heads = [part.partition("\n") for part in parts]
    names = [(name, text) for head, _, text in heads for name in re.findall(r"`(\w+)`", head)]
    assert len(dict(names)) == len(names), f"something is twice in {title!r}"
    return dict(names)


def fields_in(text: str) -> Fields:
    """Return the fields that the table below a heading lists."""
    rows = re.findall(r"^\| `(\w+)` \| ([^|\n]+) \| ([^|\n]+) \| [^|\n]+ \|$", text, re.MULTILINE)
    assert len({name for name, *_ in rows}) == len(rows), f"a field is twice in {text}"
    assert len(rows) == len(re.findall(r"^\| `", text, re.MULTILINE)), f"a row is odd in {text}"
    return {name: (type_, default) for name, type_, default in rows}


def documented(title: str) -> dict[str, Fields]:
    """Return the messages or objects of a section with their fields."""
    return {name: fields_in(text) for name, text in entries(title).items()}


# The code.


# Any: a type, or a union of types, which is none.
def schemas(*types: Any) -> dict[str, Schema]:
    """Return the JSON Schema of each model that these types are made of, by name."""
    found: dict[str, Schema] = {}
    for type_ in types:
        schema = TypeAdapter(type_).json_schema()
        found |= schema.pop("$defs", {})
        if "properties" in schema:
            found[schema["title"]] = schema
    return found


def fields_of(schema: Schema, tag: str = "kind") -> Fields:
    """Return the fields of a model, without the one that tells messages apart."""
    required = schema.get("required", ())
    return {
        name: (in_words(value), default_of(value, name in required))
        for name, value in schema.get("properties", {}).items()
        if name != tag
    }


def in_words(schema: Schema) -> str:
    """Return a type as the page writes it."""
    values = schema.get("additionalProperties")
    if "$ref" in schema:
        words = str(schema["$ref"]).rpartition("/")[2].lstrip("_")
    elif "anyOf" in schema:
        words = " or ".join(map(in_words, schema["anyOf"]))
    elif "enum" in schema:
        words = "one of " + ", ".join(schema["enum"])
    elif "items" in schema:
        words = f"list of {in_words(schema['items'])}"
    elif isinstance(values, dict):
        words = f"object of {in_words(values)}"
    else:
        words = WORDS[schema.get("format") or schema.get("type")]
    return words


WORDS = {
    "string": "text",
    "date-time": "time",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
    "null": "null",
    None: "any",
}


def default_of(schema: Schema, is_required: bool) -> str:
    """Return a default as the page writes it; those that are made are told by their type."""
    if is_required:
        return "-"
    if "default" in schema:
        return json.dumps(schema["default"])
    return "now" if schema.get("format") == "date-time" else "{}"


def tagged(found: dict[str, Schema]) -> dict[str, Fields]:
    """Return the fields of those models that are messages, by kind."""
    kinds = ((schema.get("properties", {}).get("kind", {}), schema) for schema in found.values())
    return {kind["const"]: fields_of(schema) for kind, schema in kinds if "const" in kind}


RUNNER = schemas(commands._type, Body, Envelope, Catalog)
JANITOR = schemas(janitor_answers.Answer)


class Asked(wire._Fields):
    """Notes which fields a parser asks for."""

    def __init__(self) -> None:
        super().__init__("op", {})
        self.fields: Fields = {}

    def text(self, key: str) -> str:
        self.fields[key] = ("text", "-")
        return ""

    def whole(self, key: str, most: int) -> int:
        self.fields[key] = ("whole number", "-")
        return 0

    def text_or_none(self, key: str) -> str | None:
        self.fields[key] = ("text or null", "null")
        return None

    def time(self, key: str) -> float:
        self.fields[key] = ("number", "-")
        return 0.0

    def time_or_none(self, key: str) -> float | None:
        self.fields[key] = ("number or null", "null")
        return None


def told_to_the_janitor() -> dict[str, Fields]:
    """Return what the janitor reads, by op."""
    found = {}
    for op, parse in wire._PARSERS.items():
        asked = Asked()
        parse(asked)
        found[op] = asked.fields
    return found


def said_by_the_janitor() -> dict[str, set[str]]:
    """Return the fields of every `say(op, ...)` in the janitor's code, by op."""
    found: dict[str, set[str]] = {}
    for function in functions_of(PACKAGE / "janitor"):
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(".say"):
                for op in texts_in(call.args[0]):
                    found.setdefault(op, set()).update(keys_of(call, function))
    return found


def functions_of(package: Path) -> Iterator[ast.FunctionDef]:
    """Yield the syntax tree of every function in a folder's modules."""
    for path in package.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef):
                yield node


def keys_of(call: ast.Call, function: ast.FunctionDef) -> set[str]:
    """Return the names of a call's arguments, those of `**name` as `name` is built there."""
    keys = {word.arg for word in call.keywords if word.arg}
    for word in call.keywords:
        if word.arg is None:
            keys |= keys_built(ast.unparse(word.value), function)
    return keys


def keys_built(name: str, function: ast.FunctionDef) -> set[str]:
    """Return the keys that a function puts into its dict of this name."""
    keys: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if ast.unparse(target) == name and isinstance(node.value, ast.Dict):
                keys |= {text for key in node.value.keys if key for text in texts_in(key)}
            if isinstance(target, ast.Subscript) and ast.unparse(target.value) == name:
                keys |= texts_in(target.slice)
    return keys


def texts_in(node: ast.expr) -> set[str]:
    """Return the texts that are written out in an expression."""
    constants = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
    return {value for value in constants if isinstance(value, str)}


# The claims.


def test_every_command_is_described_with_its_fields() -> None:
    assert documented("Runner: commands") == tagged(schemas(commands._type))


def test_every_message_is_described_with_its_fields() -> None:
    assert documented("Runner: messages") == tagged(schemas(Body))


def test_every_object_and_word_in_messages_is_described() -> None:
    models = {
        name.lstrip("_"): schema
        for name, schema in {**RUNNER, **JANITOR}.items()
        if not {"kind", "op"} & schema.get("properties", {}).keys()
    }
    page = entries("Values")
    assert page.keys() == models.keys()
    for name, schema in models.items():
        if "enum" in schema:
            assert re.findall(r"^\| `([\w-]+)` \|", page[name], re.MULTILINE) == schema["enum"], (
                name
            )
        else:
            assert fields_in(page[name]) == fields_of(schema), name


def test_everything_that_the_janitor_is_told_is_described() -> None:
    assert documented("Janitor: what it is told") == told_to_the_janitor()


def test_everything_that_the_janitor_says_is_described() -> None:
    names = {op: set(fields) for op, fields in documented("Janitor: what it says").items()}
    said = said_by_the_janitor()
    # One call says both, and the page describes both together.
    assert said["clean"] == said["stuck"] >= {"began", "leftovers"}
    assert names == said


def test_what_the_worker_reads_of_an_answer_is_described_as_it_is_read() -> None:
    page = documented("Janitor: what it says")
    answers = [schema for schema in JANITOR.values() if "op" in schema.get("properties", {})]
    ops: dict[str, Fields] = {}
    for schema in answers:
        tag = schema["properties"]["op"]
        ops |= {op: fields_of(schema, "op") for op in tag.get("enum", [tag.get("const")])}
    assert ops.keys() == page.keys()
    for op, fields in ops.items():
        assert fields.items() <= page[op].items(), op


def test_every_constant_has_the_value_that_the_page_says() -> None:
    rows = re.findall(r"^\| `([\w.]+)\.(\w+)` \| ([^|]+) \|", section("Constants"), re.MULTILINE)
    assert len(rows) > 30
    wrong = [
        f"{module}.{name}: {said}, found {value}"
        for module, name, said in rows
        if (value := getattr(importlib.import_module(f"ignition_toolkit.{module}"), name))
        != ast.literal_eval(said)
    ]
    assert not wrong, wrong


def test_the_environment_of_a_runner_is_described() -> None:
    text = section("Runner: its process").partition("### Environment")[2].partition("\n### ")[0]
    named = set(re.findall(r"`([A-Z_]+)`", text))
    assert named - {PASS_THROUGH_VARIABLE, "LC_", "ITK_RUN", "TMPDIR"} == ENVIRONMENT


def test_every_option_of_the_processes_is_described() -> None:
    sources = [PACKAGE / "runner" / "__main__.py", PACKAGE / "janitor" / "__main__.py"]
    options = {
        option
        for source in sources
        for option in re.findall(r"[\"'](--[\w-]+)[\"']", source.read_text("utf-8"))
    }
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", PAGE)) == options


@pytest.mark.parametrize(
    "block", re.findall(r"^```json\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
)
def test_every_line_of_an_example_is_understood(block: str) -> None:
    for line in block.splitlines():
        said = json.loads(line)
        if "seq" in said:
            Envelope.model_validate(said)
        elif "kind" in said:
            commands.validate_json(line)
        elif said["op"] in wire._PARSERS:
            wire.parse(line.encode())
        else:
            janitor_answers.parse(line.encode())
