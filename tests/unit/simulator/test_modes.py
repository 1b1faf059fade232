"""Section 2.6: deployment modes, and the files of the launchers."""

import pytest

from tests.unit.simulator.conftest import Asker

LIST = "GET /data/api/v1/mode"
CREATE = "POST /data/api/v1/mode"
MODIFY = "PUT /data/api/v1/mode/{name}"
DELETE = "DELETE /data/api/v1/mode/{name}"


async def test_a_mode_is_created_changed_listed_and_deleted(ask: Asker) -> None:
    assert (await ask.json(CREATE, json={"name": "test", "title": "Test"}))["success"]
    assert (await ask(CREATE, json={"name": "test"})).status_code == 409
    assert (await ask(CREATE, json={"title": "x"})).status_code == 400
    await ask.json(MODIFY, name="test", json={"description": "For tests."})
    items = (await ask.json(LIST))["items"]
    assert items == [{"name": "test", "title": "Test", "description": "For tests."}]
    await ask.json(DELETE, name="test")
    assert (await ask(DELETE, name="test")).status_code == 404
    assert (await ask(MODIFY, name="test", json={})).status_code == 404


LAUNCHER = {"type": "designer", "os": "linux", "arch": "x64"}


@pytest.mark.parametrize(
    "row",
    [
        "GET /data/api/v1/launcher/list",
        "GET /data/api/v1/launcher/info/{type}/{os}/{arch}",
    ],
)
async def test_of_launchers_only_the_paths_are_known(row: str, ask: Asker) -> None:
    assert await ask.json(row, **(LAUNCHER if "{" in row else {})) == {}


async def test_a_launcher_is_bytes(ask: Asker) -> None:
    row = "GET /data/api/v1/launcher/download/{type}/{os}/{arch}"
    response = await ask(row, **LAUNCHER)
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.content == b"simulated designer-linux-x64\n"
