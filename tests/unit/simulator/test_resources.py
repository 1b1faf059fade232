"""Section 2.5: resources with their signatures, devices, and keys that are resources."""

from typing import Any

import pytest

from ignition_toolkit.simulator import SimulatedGateway
from tests.unit.simulator.conftest import JSON, TOKEN_HEADER, Asker

LIST = "GET /data/api/v1/resources/list/{mod}/{type}"
NAMES = "GET /data/api/v1/resources/names/{mod}/{type}"
FIND = "GET /data/api/v1/resources/find/{mod}/{type}/{name}"
SINGLETON = "GET /data/api/v1/resources/singleton/{mod}/{type}"
TYPE = "GET /data/api/v1/resources/type/{mod}/{type}"
CREATE = "POST /data/api/v1/resources/{mod}/{type}"
UPDATE = "PUT /data/api/v1/resources/{mod}/{type}"
DELETE = "DELETE /data/api/v1/resources/{mod}/{type}/{name}/{signature}"
DELETE_SINGLETON = "DELETE /data/api/v1/resources/{mod}/{type}/{signature}"
READ_FILE = "GET /data/api/v1/resources/datafile/{mod}/{type}/{name}/{file}"
WRITE_FILE = "PUT /data/api/v1/resources/datafile/{mod}/{type}/{name}/{file}"
DELETE_FILE = "DELETE /data/api/v1/resources/datafile/{mod}/{type}/{name}/{file}"
RENAME = "POST /data/api/v1/resources/rename/{mod}/{type}/{name}"
COPY = "POST /data/api/v1/resources/copy/{mod}/{type}"
MOVE = "POST /data/api/v1/resources/move/{mod}/{type}"
DELETE_MANY = "POST /data/api/v1/resources/delete/{mod}/{type}"
BROWSE = "GET /data/api/v1/entity/browse"
GENERATE = "POST /data/api/v1/api-token/generate"

DEVICE = {"mod": "com.inductiveautomation.opcua", "type": "device"}
DATABASE = {"mod": "ignition", "type": "database-connection"}
PROVIDER = {"mod": "ignition", "type": "tag-provider"}
KEYS = {"mod": "ignition", "type": "api-token"}
SETTINGS = {"mod": "ignition", "type": "general-settings"}


async def signature(ask: Asker, name: str, kind: dict[str, str]) -> str:
    """Return the signature of a resource."""
    return str((await ask.json(FIND, name=name, **kind))["signature"])


async def test_a_device_is_shown_with_its_health_and_a_signature(ask: Asker) -> None:
    device = await ask.json(FIND, name="line1", **DEVICE)
    assert device["type"] == "com.inductiveautomation.opcua/device"
    assert device["config"]["profile"]["type"] == "ModbusTcp"
    assert device["healthchecks"]["status"]["result"]["healthy"] is True
    assert len(device["signature"]) == 64
    assert int(device["signature"], 16)
    assert (await ask(FIND, name="gone", **DEVICE)).status_code == 404


async def test_a_tag_provider_tells_how_many_tags_it_has(ask: Asker) -> None:
    provider = await ask.json(FIND, name="default", **PROVIDER)
    assert provider["metrics"]["tagCount"]["metric"]["value"] == 2
    assert provider["healthchecks"]["status"]["result"]["message"] == "Running"


async def test_connections_to_other_opc_servers_are_listed_though_there_is_none(ask: Asker) -> None:
    listed = await ask.json(LIST, mod="ignition", type="opc-connection")
    assert (listed["items"], listed["metadata"]["total"]) == ([], 0)


async def test_resources_are_listed_and_the_parameters_are_no_filters(ask: Asker) -> None:
    listed = await ask.json(LIST, query="collection=core", **DATABASE)
    assert [item["name"] for item in listed["items"]] == ["plant"]
    named = (await ask.json(NAMES, **DATABASE))["items"]
    assert named == [{"name": "plant", "enabled": True, "modes": []}]
    assert (await ask.json(LIST, mod="ignition", type="nothing"))["items"] == []


async def test_a_resource_is_created_changed_and_deleted_by_its_signature(ask: Asker) -> None:
    created = await ask.json(CREATE, json=[{"name": "a", "config": {"url": "x"}}], **DATABASE)
    change = created["changes"][0]
    assert (created["success"], change["name"], change["collection"]) == (True, "a", "core")
    first = change["newSignature"]
    body = {"name": "a", "signature": first, "enabled": False}
    updated = await ask.json(UPDATE, json=[body], **DATABASE)
    second = updated["changes"][0]["newSignature"]
    assert second != first
    assert second == await signature(ask, "a", DATABASE)
    assert (await ask(DELETE, name="a", signature=first, **DATABASE)).status_code == 409
    assert (await ask.json(DELETE, name="a", signature=second, **DATABASE))["success"]
    assert (await ask(FIND, name="a", **DATABASE)).status_code == 404


@pytest.mark.parametrize("status", [409, 422, 500])
async def test_the_status_of_a_stale_signature_is_a_setting(
    status: int, ask: Asker, gateway: SimulatedGateway
) -> None:
    gateway.configure(stale_signature_status=status)
    body = [{"name": "plant", "signature": "0" * 64, "enabled": False}]
    response = await ask(UPDATE, json=body, headers=JSON, **DATABASE)
    assert response.status_code == status
    assert "signature" in response.json()["message"]
    assert (await ask.json(FIND, name="plant", **DATABASE))["enabled"] is True


async def test_a_bare_object_is_a_400_and_a_taken_name_a_409(ask: Asker) -> None:
    assert (await ask(CREATE, json={"name": "a"}, **DATABASE)).status_code == 400
    assert (await ask(CREATE, json=["a"], **DATABASE)).status_code == 400
    assert (await ask(CREATE, json=[{"name": "plant"}], **DATABASE)).status_code == 409
    twice = [{"name": "a"}, {"name": "a"}]
    assert (await ask(CREATE, json=twice, **DATABASE)).status_code == 409
    assert (await ask(FIND, name="a", **DATABASE)).status_code == 404


@pytest.mark.parametrize("nested", [False, True])
async def test_a_422_names_the_fields(nested: bool, ask: Asker, gateway: SimulatedGateway) -> None:
    gateway.configure(nested_messages=nested)
    response = await ask(CREATE, json=[{"name": "a", "enabled": "yes"}], **DATABASE)
    assert response.status_code == 422
    told = response.json()["problem"] if nested else response.json()
    assert told["fieldMessages"] == [{"fieldName": "enabled", "messages": ["expected bool"]}]
    assert told["messages"]


async def test_a_singleton_has_no_name_and_may_be_asked_for_undefined(ask: Asker) -> None:
    assert (await ask(SINGLETON, **SETTINGS)).status_code == 404
    default = await ask.json(SINGLETON, query="defaultIfUndefined=true", **SETTINGS)
    assert "name" not in default
    created = await ask.json(CREATE, json=[{"config": {"a": 1}}], **SETTINGS)
    found = await ask.json(SINGLETON, **SETTINGS)
    assert found["config"] == {"a": 1}
    current = created["changes"][0]["newSignature"]
    assert (await ask(DELETE_SINGLETON, signature="0" * 64, **SETTINGS)).status_code == 409
    assert (await ask.json(DELETE_SINGLETON, signature=current, **SETTINGS))["success"]


async def test_a_file_of_a_resource_is_written_read_and_deleted(ask: Asker) -> None:
    where: dict[str, Any] = {"name": "line1", "file": "cert.pem", **DEVICE}
    assert (await ask(READ_FILE, **where)).status_code == 404
    assert (await ask(WRITE_FILE, content=b"x", **where)).status_code == 409
    before = await signature(ask, "line1", DEVICE)
    written = await ask.json(WRITE_FILE, query=f"signature={before}", content=b"\0pem", **where)
    after = written["changes"][0]["newSignature"]
    assert after != before
    assert (await ask(READ_FILE, **where)).content == b"\0pem"
    assert (await ask.json(FIND, name="line1", **DEVICE))["data"] == ["cert.pem"]
    assert (await ask(DELETE_FILE, query=f"signature={before}", **where)).status_code == 409
    assert (await ask(DELETE_FILE, query=f"signature={after}", **where)).status_code == 200
    assert (await ask(DELETE_FILE, **where)).status_code == 404


async def test_a_resource_is_renamed_copied_moved_and_deleted_with_others(ask: Asker) -> None:
    assert (await ask(RENAME, name="plant", **DATABASE)).status_code == 400
    await ask.json(RENAME, name="plant", query="newName=mill", **DATABASE)
    await ask.json(COPY, query="name=mill&newName=other", **DATABASE)
    assert (await ask(COPY, query="name=mill&newName=other", **DATABASE)).status_code == 409
    moved = await ask.json(MOVE, query="name=other&newCollection=extra", **DATABASE)
    assert moved["changes"][0]["collection"] == "extra"
    stale = [{"name": name, "signature": "0" * 64} for name in ("mill", "other")]
    assert (await ask(DELETE_MANY, json=stale, **DATABASE)).status_code == 409
    bodies = [
        {"name": name, "signature": await signature(ask, name, DATABASE)}
        for name in ("mill", "other")
    ]
    assert len((await ask.json(DELETE_MANY, json=bodies, **DATABASE))["changes"]) == 2
    assert (await ask.json(LIST, **DATABASE))["items"] == []


async def test_the_tree_of_entities_has_metrics_and_health(ask: Asker) -> None:
    tree = await ask.json(BROWSE, query="path=&depth=2")
    kinds = {node["name"]: node["children"] for node in tree["children"]}
    provider = kinds["ignition/tag-provider"][0]
    assert provider["metrics"]["tagCount"]["metric"]["value"] == 2
    assert await ask.json(TYPE, **DEVICE) == {}


async def test_a_generated_key_is_good_once_its_resource_is_there(ask: Asker) -> None:
    made = await ask.json(GENERATE)
    profile = {"type": "basic-token", "secureChannelRequired": False, "timestamp": 0}
    settings = {"tokenHash": made["hash"]}
    names_of_levels = {"profile": {**profile, "securityLevels": ["Administrator"]}}
    wrong = [{"name": "deploy", "config": {**names_of_levels, "settings": settings}}]
    assert (await ask(CREATE, json=wrong, **KEYS)).status_code == 422
    tree = {"profile": {**profile, "securityLevels": [{"name": "Authenticated"}]}}
    right = [{"name": "deploy", "config": {**tree, "settings": settings}}]
    owner, ask.headers = ask.headers, {TOKEN_HEADER: f"deploy:{made['key']}"}
    assert (await ask("GET /data/api/v1/gateway-info")).status_code == 401
    ask.headers = owner
    await ask.json(CREATE, json=right, **KEYS)
    ask.headers = {TOKEN_HEADER: f"deploy:{made['key']}"}
    assert (await ask("GET /data/api/v1/gateway-info")).status_code == 200
