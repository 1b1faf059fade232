"""docs/reference/http.md says all that there is, and nothing that there is not."""

import re
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ignition_toolkit.api.problems import KINDS, MEDIA_TYPE
from ignition_toolkit.execution.audit import Action

REFERENCE = (Path(__file__).parents[3] / "docs" / "reference" / "http.md").read_text("utf-8")

ADDRESS = re.compile(r"`(GET|POST|DELETE) (/[^`?]*)[^`]*`")


@pytest.fixture
async def openapi(client: httpx2.AsyncClient) -> dict[str, Any]:  # Any: an OpenAPI document
    document: dict[str, Any] = (await client.get("/openapi.json")).json()
    return document


async def test_every_address_is_described_and_every_described_one_is_there(
    openapi: dict[str, Any],
) -> None:
    there = {
        (method.upper(), path.replace("{execution_id}", "{id}"))
        for path, methods in openapi["paths"].items()
        for method in methods
    }
    described = set(ADDRESS.findall(REFERENCE)) - {("GET", "/openapi.json")}
    assert described == there


def test_every_kind_of_problem_is_described() -> None:
    described = set(re.findall(r"^\| (\d{3}) \| `([a-z-]+)` \|", REFERENCE, re.MULTILINE))
    assert {(str(kind.status), kind.name) for kind in KINDS} <= described


async def test_the_document_says_what_errors_look_like(openapi: dict[str, Any]) -> None:
    assert set(openapi["components"]["schemas"]["Problem"]["required"]) == {
        "type",
        "title",
        "status",
        "detail",
    }
    cancel = openapi["paths"]["/api/executions/{execution_id}/cancel"]["post"]
    for status in ("404", "409"):
        assert MEDIA_TYPE in cancel["responses"][status]["content"]
    assert "requestBody" not in cancel


async def test_every_operation_says_what_it_does(openapi: dict[str, Any]) -> None:
    silent = [
        f"{method} {path}"
        for path, methods in openapi["paths"].items()
        for method, operation in methods.items()
        if not operation.get("description")
    ]
    assert silent == []


def test_every_action_that_is_noted_is_described_and_no_other() -> None:
    section = REFERENCE.partition("## Who did what")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]*`) \|", section, re.MULTILINE)
    described = {name for row in rows[1:] for name in re.findall(r"`([a-z_]+)`", row)}
    assert described == {action.value for action in Action}


async def test_every_figure_is_described_and_every_described_one_is_there(
    client: httpx2.AsyncClient,
) -> None:
    text = (await client.get("/metrics")).text
    there = set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))
    section = REFERENCE.partition("## Metrics")[2].partition("\n## ")[0]
    described = set(re.findall(r"`(itk_\w+)(?:\{\w+\})?`", section))
    assert described == there
