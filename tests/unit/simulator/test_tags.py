"""Section 2.5: export and import of tags."""

from typing import Any
from xml.etree import ElementTree

import pytest

from ignition_toolkit.simulator import SimulatedGateway
from tests.unit.simulator.conftest import Asker

EXPORT = "GET /data/api/v1/tags/export"
IMPORT = "POST /data/api/v1/tags/import"
JSON_QUERY = "provider=default&type=json"

LEVEL = {"name": "Level", "tagType": "AtomicTag", "value": 9}


async def tags(ask: Asker, query: str = "") -> list[dict[str, Any]]:
    """Return the tags of an export."""
    exported = await ask.json(EXPORT, query=JSON_QUERY + query)
    found: list[dict[str, Any]] = exported["tags"]
    return found


async def line(ask: Asker) -> dict[str, Any]:
    """Return the tags of the sample's folder by their names."""
    return {tag["name"]: tag for tag in await tags(ask, "&path=Line%201")}


async def test_an_export_is_a_provider_with_its_tags(ask: Asker) -> None:
    exported = await ask.json(EXPORT, query=JSON_QUERY)
    assert (exported["name"], exported["tagType"]) == ("", "Provider")
    assert [tag["name"] for tag in exported["tags"]] == ["Line 1", "_types_"]
    assert set(await line(ask)) == {"Level", "Pump"}
    assert [tag["name"] for tag in await tags(ask, "&includeUdts=false")] == ["Line 1"]
    assert await tags(ask, "&recursive=false") == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("provider=default", 400),
        ("type=json", 400),
        ("provider=default&type=csv", 400),
        ("provider=gone&type=json", 404),
        (JSON_QUERY + "&path=No/Where", 404),
    ],
)
async def test_a_wrong_export_is_refused(query: str, status: int, ask: Asker) -> None:
    assert (await ask(EXPORT, query=query)).status_code == status


async def test_an_export_can_be_imported_again_as_json_and_xml(ask: Asker) -> None:
    for kind in ("json", "xml"):
        query = f"provider=default&type={kind}"
        exported = (await ask(EXPORT, query=query)).content
        told = await ask.json(IMPORT, query=f"{query}&collisionPolicy=Overwrite", content=exported)
        assert told == {"successCount": 2, "failureCount": 0, "failures": []}
        assert set(await line(ask)) == {"Level", "Pump"}


async def test_xml_has_the_names_and_properties(ask: Asker) -> None:
    exported = await ask(EXPORT, query="provider=default&type=xml")
    root = ElementTree.fromstring(exported.content)
    level = root.find("./Tag[@name='Line 1']/Tag[@name='Level']/Property[@name='value']")
    assert level is not None
    assert level.text == "3.5"


@pytest.mark.parametrize(
    ("policy", "values", "failures"),
    [
        ("Abort", {"Level": 3.5}, 1),
        ("Ignore", {"Level": 3.5}, 0),
        ("Overwrite", {"Level": 9}, 0),
        ("Rename", {"Level": 3.5, "Level_1": 9}, 0),
        ("MergeOverwrite", {"Level": 9}, 0),
    ],
)
async def test_a_policy_says_what_becomes_of_a_name_that_is_taken(
    policy: str, values: dict[str, float], failures: int, ask: Asker
) -> None:
    query = f"{JSON_QUERY}&path=Line%201&collisionPolicy={policy}"
    told = await ask.json(IMPORT, query=query, json=[LEVEL])
    assert told["failureCount"] == len(told["failures"]) == failures
    found = await line(ask)
    assert {name: tag["value"] for name, tag in found.items() if name != "Pump"} == values
    assert ("valueSource" in found["Level"]) == (policy != "Overwrite")


async def test_the_answer_of_an_import_may_be_a_list(ask: Asker, gateway: SimulatedGateway) -> None:
    gateway.configure(tag_import_answer="list")
    query = f"{JSON_QUERY}&path=Line%201"
    told = await ask.json(IMPORT, query=query, json=[LEVEL])
    assert set(told[0]) == {"level", "userCode", "diagnosticMessage"}
    assert await ask.json(IMPORT, query=query, json=[{**LEVEL, "name": "New"}]) == []


async def test_csv_is_taken(ask: Asker) -> None:
    content = b"name,tagType,value\nSpeed,AtomicTag,7\n"
    told = await ask.json(IMPORT, query="provider=default&type=csv", content=content)
    assert told["successCount"] == 1
    assert "Speed" in [tag["name"] for tag in await tags(ask)]


@pytest.mark.parametrize(
    ("query", "content"),
    [
        (JSON_QUERY, b"no json"),
        (JSON_QUERY, b"3"),
        (JSON_QUERY, b'[{"tagType": "AtomicTag"}]'),
        (JSON_QUERY, b'[{"name": "a", "tags": 3}]'),
        (JSON_QUERY, b'{"name": "a", "tags": [' * 99 + b"]}" * 99),
        (JSON_QUERY + "&collisionPolicy=Perhaps", b"[]"),
        ("provider=default&type=xml", b"<Tags"),
        ("provider=default&type=xml", b"<!DOCTYPE a []><Tags/>"),
    ],
)
async def test_what_holds_no_tags_is_refused(query: str, content: bytes, ask: Asker) -> None:
    before = await tags(ask)
    assert (await ask(IMPORT, query=query, content=content)).status_code == 400
    assert await tags(ask) == before


async def test_8_3_0_has_no_transfer_of_tags(ask: Asker, gateway: SimulatedGateway) -> None:
    gateway.configure(tag_transfer=False)
    assert (await ask(EXPORT, query=JSON_QUERY)).status_code == 404
    assert (await ask(IMPORT, query=JSON_QUERY, json=[])).status_code == 404


async def test_reading_and_writing_of_tags_has_no_address(ask: Asker) -> None:
    for path in ("GET /data/api/v1/tags/read", "POST /data/api/v1/tags/write"):
        assert (await ask(path)).status_code == 404
