"""Section 2.3: backup and restore, scans and their locks, redundancy, diagnostics."""

import asyncio
import io
import zipfile

import pytest

from ignition_toolkit.simulator import SimulatedGateway
from tests.unit.simulator.conftest import Asker

BACKUP = "GET /data/api/v1/backup"
RESTORE = "POST /data/api/v1/backup"
SCANS = [
    ("POST /data/api/v1/scan/projects", "GET /data/api/v1/scan/projects"),
    ("POST /data/api/v1/scan/config", "GET /data/api/v1/scan/config"),
]
LOCKS = ["POST /data/api/v1/scan-lock/projects", "POST /data/api/v1/scan-lock/config"]
GENERATE = "POST /data/api/v1/diagnostics/bundle/generate"
BUNDLE = "GET /data/api/v1/diagnostics/bundle/status"
DOWNLOAD = "GET /data/api/v1/diagnostics/bundle/download"
DELETE = "DELETE /data/api/v1/projects/{name}"
NAMES = "GET /data/api/v1/projects/names"


async def test_a_backup_is_restored_with_a_restart(ask: Asker, gateway: SimulatedGateway) -> None:
    response = await ask(BACKUP, query="type=roaming")
    assert response.headers["content-type"] == "application/octet-stream"
    assert 1_000_000 <= len(response.content) < 1_300_000
    await ask.json(DELETE, name="demo", query="confirm=true")
    query = "renameEnabled=true&newName=other"
    assert (await ask(RESTORE, query=query, content=response.content)).status_code == 200
    gateway.pass_time(5)
    assert await ask.json("GET /StatusPing") == {"state": "STARTING"}
    gateway.pass_time(40)
    names = [item["name"] for item in (await ask.json(NAMES))["items"]]
    assert names == ["base", "demo"]
    assert (await ask.json("GET /data/api/v1/gateway-info"))["name"] == "other"


async def test_what_is_no_backup_is_not_restored(ask: Asker, gateway: SimulatedGateway) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("backupinfo.xml", "<backup/>")
    for content in (b"", b"no zip", buffer.getvalue()):
        assert (await ask(RESTORE, content=content)).status_code == 400
    gateway.configure(restore_takes="any")
    assert (await ask(RESTORE, content=buffer.getvalue())).status_code == 200
    gateway.pass_time(50)
    gateway.configure(role="Backup")
    assert (await ask(RESTORE, content=buffer.getvalue())).status_code == 403


async def test_a_backup_of_another_version_is_not_restored(
    ask: Asker, gateway: SimulatedGateway
) -> None:
    gateway.configure(backup_bytes=0)
    content = (await ask(BACKUP)).content
    gateway.configure(version="8.4.0")
    assert (await ask(RESTORE, content=content)).status_code == 400
    gateway.configure(version="8.3.9")
    assert (await ask(RESTORE, content=content)).status_code == 200


@pytest.mark.parametrize(("begin", "look"), SCANS)
async def test_a_scan_takes_its_time(
    begin: str, look: str, ask: Asker, gateway: SimulatedGateway
) -> None:
    idle = await ask.json(look)
    assert idle == {"scanActive": False, "lastScanTimestamp": 0, "lastScanDuration": 0}
    assert (await ask.json(begin))["scanActive"]
    assert (await ask.json(look))["scanActive"]
    gateway.pass_time(2.1)
    over = await ask.json(look)
    assert (over["scanActive"], over["lastScanDuration"]) == (False, 2000)
    assert over["lastScanTimestamp"] == pytest.approx(gateway.now * 1000, abs=200)


async def test_a_project_in_the_folder_is_there_when_a_scan_is_over(
    ask: Asker, gateway: SimulatedGateway
) -> None:
    gateway.lay_project("demo", "Newer")
    gateway.lay_project("laid", files={"ignition/global-props/data.bin": "x"})
    begin, _ = SCANS[0]
    await ask.json(begin)
    gateway.pass_time(1)
    assert [item["name"] for item in (await ask.json(NAMES))["items"]] == ["base", "demo"]
    gateway.pass_time(1.1)
    names = [item["name"] for item in (await ask.json(NAMES))["items"]]
    assert names == ["base", "demo", "laid"]
    found = await ask.json("GET /data/api/v1/projects/find/{name}", name="demo")
    assert found["title"] == "Newer"


@pytest.mark.parametrize("row", LOCKS)
async def test_a_scan_lock_is_held_until_it_ends_or_a_scan_releases_it(
    row: str, ask: Asker, gateway: SimulatedGateway
) -> None:
    body = {"acquireTimeout": 10, "holdTimeout": 60}
    lock = await ask.json(row, json=body)
    assert lock["actor"] == "itk"
    assert lock["remaining"] == pytest.approx(60_000, abs=5)
    assert (await ask(row, json=body)).status_code == 409
    await ask.json(row.replace("scan-lock", "scan"))
    assert (await ask(row, json=body)).status_code == 200
    gateway.pass_time(61)
    assert (await ask(row, json=body)).status_code == 200
    assert (await ask(row, json={"holdTimeout": "long"})).status_code == 400
    assert (await ask(row, content=b"")).status_code == 400


async def test_a_scan_lock_may_be_waited_for(ask: Asker, gateway: SimulatedGateway) -> None:
    gateway.configure(scan_lock_refusal=408)
    await ask.json(LOCKS[0], json={"holdTimeout": 60})
    waiting = asyncio.create_task(ask(LOCKS[0], json={"acquireTimeout": 10}))
    while not gateway.requests(is_open=True):
        await asyncio.sleep(0)
    gateway.pass_time(9)
    assert gateway.requests(is_open=True)
    gateway.pass_time(2)
    assert (await waiting).status_code == 408
    patient = asyncio.create_task(ask(LOCKS[0], json={"acquireTimeout": 100}))
    while not gateway.requests(is_open=True):
        await asyncio.sleep(0)
    gateway.pass_time(60)
    assert (await patient).status_code == 200


async def test_redundancy_tells_role_and_uptime(ask: Asker, gateway: SimulatedGateway) -> None:
    told = await ask.json("GET /data/api/v1/redundancy")
    assert (told["role"], told["lastSyncTimestamp"]) == ("Independent", -1)
    gateway.restart()
    gateway.pass_time(50)
    assert (await ask.json("GET /data/api/v1/redundancy"))["uptime"] < told["uptime"]


async def test_the_redundancy_settings_are_what_was_put_there(ask: Asker) -> None:
    assert await ask.json("GET /data/api/v1/redundancy/config") == {}
    await ask.json("PUT /data/api/v1/redundancy/config", json={"role": "Master"})
    assert await ask.json("GET /data/api/v1/redundancy/config") == {"role": "Master"}


@pytest.mark.parametrize(
    "row",
    [
        "GET /data/api/v1/redundancy/events",
        "GET /data/api/v1/redundancy/providers",
        "GET /data/api/v1/redundancy/charts",
        "POST /data/api/v1/redundancy/gwaction/failover",
        "POST /data/api/v1/redundancy/gwaction/resync",
    ],
)
async def test_of_redundancy_only_the_paths_are_known(
    row: str, ask: Asker, gateway: SimulatedGateway
) -> None:
    assert await ask.json(row) == {}
    gateway.configure(uncaptured={row.split()[1]: [1]})
    assert await ask.json(row) == [1]


async def test_the_diagnostics_bundle_is_made_and_given(
    ask: Asker, gateway: SimulatedGateway
) -> None:
    assert (await ask(DOWNLOAD)).status_code == 404
    assert await ask.json(BUNDLE) == {"state": "None"}
    assert await ask.json(GENERATE) == {"state": "Generating"}
    assert await ask.json(BUNDLE) == {"state": "Generating"}
    assert (await ask(DOWNLOAD)).status_code == 404
    gateway.pass_time(3)
    told = await ask.json(BUNDLE)
    content = (await ask(DOWNLOAD)).content
    assert told == {"state": "Valid", "fileSize": len(content)}
    assert zipfile.is_zipfile(io.BytesIO(content))
