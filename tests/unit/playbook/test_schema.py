"""The JSON Schema takes what the loader takes, and tells an editor what is wrong."""

import enum
import json
from pathlib import Path
from typing import Any, Literal

import pytest
from jsonschema import Draft7Validator
from pydantic import BaseModel, Field

from ignition_toolkit.errors import PlaybookInvalid
from ignition_toolkit.playbook.catalog import Catalog, Kind
from ignition_toolkit.playbook.library import shipped_folder
from ignition_toolkit.playbook.loader import load
from ignition_toolkit.playbook.schema import playbook_schema
from ignition_toolkit.playbook.yaml_nodes import plain
from ignition_toolkit.playbook.yaml_parser import parse
from tests.unit.playbook.kinds import CATALOG
from tests.unit.playbook.test_loader import FULL


class Mode(enum.StrEnum):
    FAST = "fast"
    SLOW = "slow"


class Point(BaseModel):
    """A point."""

    x: int
    tags: list[int] = []


class Params(BaseModel):
    line: str = Field(description="Name of the line")
    mode: Mode = Field(Mode.FAST, description="How")
    level: Literal["low", "high"] = "low"
    seconds: float = Field(1.0, ge=0)
    either: int | str = 1
    point: Point | None = None
    points: dict[str, Point] = {}
    pair: tuple[int, str] = (1, "a")
    free: Any = None
    code: str = Field("aa", max_length=2)


ACME = Catalog(
    key="k",
    kinds={
        **CATALOG.kinds,
        "acme.wait": Kind(
            type="acme.wait",
            summary="Wait for the line",
            leaves="a lock file",
            parameters=Params.model_json_schema(),
        ),
    },
)
VALIDATOR = Draft7Validator(playbook_schema(ACME))
OLDER = sorted((Path(__file__).parent / "older").glob("*.yaml"))


def errors(text: str) -> list[str]:
    root = parse(text).root
    assert root is not None
    return [e.message for e in VALIDATOR.iter_errors(plain(root))]


def acme(parameters: str) -> list[str]:
    return errors(f"name: x\nsteps:\n- {{id: a, type: acme.wait, parameters: {parameters}}}\n")


def test_it_is_a_right_draft_7_schema_and_plain_json() -> None:
    schema = playbook_schema(ACME)
    Draft7Validator.check_schema(schema)
    assert json.loads(json.dumps(schema)) == schema
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert "$defs" not in json.dumps(schema)
    assert "prefixItems" not in json.dumps(schema)


@pytest.mark.parametrize("text", [FULL, *(p.read_text() for p in OLDER)])
def test_it_takes_what_the_loader_takes(text: str) -> None:
    load(text, "x.yaml", CATALOG)
    assert errors(text) == []


def test_it_takes_the_playbooks_that_ship_where_their_kinds_are_installed() -> None:
    folder = shipped_folder()
    assert folder is not None
    seen = 0
    for path in sorted(folder.rglob("*.yaml")):
        try:
            load(path.read_bytes(), path.name, ACME)
        except PlaybookInvalid:
            continue
        seen += 1
        assert errors(path.read_text()) == []
    assert seen or not list(folder.rglob("*.yaml"))


@pytest.mark.parametrize(
    "text",
    [
        "name: x\nversion: 1.0\ndomain: browser\nsteps:\n- {id: a, type: gateway.ping}\n",
        "name: x\nparameters:\non_cancel:\nsteps:\n- {id: a, type: gateway.ping, timeout: ~}\n",
        "name: x\nsteps:\n- {id: a, type: gateway.ping, parameters: ~}\n",
        "name: x\nsteps:\n- {id: a, type: playbook.run, parameters: {playbook: b.yaml, z: [1]}}\n",
        "name: x\nsteps:\n- {id: a, type: utility.python, parameters: {code: a}}\n",
        "name: x\nsteps:\n- {id: a, type: designer.wait, parameters: {title: a}}\n",
    ],
)
def test_good_playbooks_pass(text: str) -> None:
    load(text, "x.yaml", ACME)
    assert errors(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "steps:\n- {id: a, type: gateway.ping}\n",
        "name: ''\nsteps:\n- {id: a, type: gateway.ping}\n",
        "name: x\nsteps: []\n",
        "name: x\n",
        "name: x\nfoo: 1\nsteps:\n- {id: a, type: gateway.ping}\n",
        "name: x\nsteps:\n- {type: gateway.ping}\n",
        "name: x\nsteps:\n- {id: a.b, type: gateway.ping}\n",
        "name: x\nsteps:\n- {id: a, type: gateway.png}\n",
        "name: x\nsteps:\n- {id: a, type: gateway.ping, timeout: 0}\n",
        "name: x\nsteps:\n- {id: a, type: gateway.ping, timeout: 700000}\n",
        "name: x\nsteps:\n- {id: a, type: gateway.ping, retry_count: 1.5}\n",
        "name: x\nsteps:\n- {id: a, type: gateway.ping, retry_delay: -1}\n",
        "name: x\nsteps:\n- {id: a, type: gateway.ping, on_failure: rollback}\n",
        "name: x\nsteps:\n- {id: a, type: gateway.ping, parameters: {x: 1}}\n",
        "name: x\nsteps:\n- {id: a, type: utility.sleep}\n",
        "name: x\nsteps:\n- {id: a, type: utility.sleep, parameters: {}}\n",
        "name: x\nsteps:\n- {id: a, type: utility.python, parameters: {}}\n",
        "name: x\nsteps:\n- {id: a, type: utility.sleep, parameters: {seconds: long}}\n",
        "name: x\nsteps:\n- {id: a, type: utility.log, parameters: {message: m, code: a}}\n",
        "name: x\nparameters: [{name: a, type: number}]\nsteps: [{id: a, type: gateway.ping}]\n",
        "name: x\nparameters: [{type: string}]\nsteps: [{id: a, type: gateway.ping}]\n",
        "name: x\nconcurrency: both\nsteps: [{id: a, type: gateway.ping}]\n",
    ],
)
def test_bad_playbooks_do_not(text: str) -> None:
    assert errors(text)


@pytest.mark.parametrize(
    "parameters",
    [
        "{line: a}",
        "{line: '{{ parameter.x }}'}",
        "{line: a, mode: slow, level: high, seconds: 2, either: b}",
        "{line: a, mode: '{{ variable.x }}', level: '{{ parameter.l }}', code: 'a {{step.b.c}}'}",
        "{line: a, seconds: '{{ parameter.x }}', either: '{{ parameter.x }}'}",
        "{line: a, point: {x: 1, tags: [1, '{{ step.a.b }}']}}",
        "{line: a, point: {x: '{{ parameter.x }}'}}",
        "{line: a, point: '{{ parameter.x }}', points: {a: {x: 1}, b: '{{ parameter.x }}'}}",
        "{line: a, pair: [1, b], free: [{a: 1}]}",
        "{line: a, pair: ['{{ parameter.x }}', b]}",
    ],
)
def test_a_parameter_takes_its_type_or_a_reference_at_every_depth(parameters: str) -> None:
    assert acme(parameters) == []


@pytest.mark.parametrize(
    "parameters",
    [
        "{}",
        "{line: 5}",
        "{line: a, mode: medium}",
        "{line: a, seconds: '5'}",
        "{line: a, seconds: -1}",
        "{line: a, seconds: '{{ now }}'}",
        "{line: a, point: {x: a}}",
        "{line: a, point: {}}",
        "{line: a, points: {a: {x: b}}}",
        "{line: a, pair: [b, b]}",
        "{line: a, code: abc}",
        "{line: a, lin: 5}",
    ],
)
def test_a_parameter_of_another_type_is_refused(parameters: str) -> None:
    assert acme(parameters)


def test_an_editor_is_told_what_things_are() -> None:
    schema = playbook_schema(ACME)
    step = schema["definitions"]["step"]
    kinds = step["properties"]["type"]
    at = kinds["enum"].index("acme.wait")
    assert kinds["enumDescriptions"][at] == "Wait for the line"
    (rule,) = [r for r in step["allOf"] if r["if"]["properties"]["type"]["const"] == "acme.wait"]
    parameters = rule["then"]["properties"]["parameters"]
    assert parameters["description"] == "Wait for the line\n\nA cancel can leave: a lock file"
    assert parameters["properties"]["mode"]["description"] == "How"
    assert parameters["properties"]["mode"]["default"] == "fast"
    assert rule["then"]["required"] == ["parameters"]


def test_an_older_spelling_is_marked_and_not_offered() -> None:
    schema = playbook_schema(CATALOG)
    rules = schema["definitions"]["step"]["allOf"]
    (rule,) = [r for r in rules if r["if"]["properties"]["type"]["const"] == "utility.python"]
    code = rule["then"]["properties"]["parameters"]["properties"]["code"]
    assert code == {"deprecated": True, "deprecationMessage": "Write script", "doNotSuggest": True}


def test_a_catalog_without_kinds_still_gives_a_schema() -> None:
    Draft7Validator.check_schema(playbook_schema(Catalog(key="none")))


def test_a_kind_with_slashes_in_its_name_finds_its_definitions() -> None:
    kind = Kind(type="a/b~c", parameters=Params.model_json_schema())
    validator = Draft7Validator(playbook_schema(Catalog(key="k", kinds={kind.type: kind})))
    step = {"id": "a", "type": "a/b~c", "parameters": {"line": "x", "mode": "slow"}}
    assert list(validator.iter_errors({"name": "x", "steps": [step]})) == []
