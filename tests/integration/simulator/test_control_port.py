"""The control port: its key, and each of its addresses."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from ignition_toolkit.simulator import SimulatedGateway
from ignition_toolkit.simulator.control_port import ACTIONS
from tests.integration.simulator.conftest import NO_CERTIFICATES

PING = "/StatusPing"


@pytest.fixture
async def port(gateway: SimulatedGateway) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"X-Simulator-Key": gateway.control_key}
    async with httpx2.AsyncClient(
        base_url=gateway.control_url, headers=headers, verify=NO_CERTIFICATES
    ) as port:
        yield port


async def test_nobody_gets_in_without_the_key(gateway: SimulatedGateway) -> None:
    async with httpx2.AsyncClient(base_url=gateway.control_url) as port:
        assert (await port.get("/requests")).status_code == 401
        wrong = {"X-Simulator-Key": "nonsense"}
        assert (await port.post("/actions/stop", headers=wrong)).status_code == 401
    assert gateway.phase.value == "RUNNING"


async def test_requests_are_listed_filtered_and_forgotten(
    port: httpx2.AsyncClient, client: httpx2.AsyncClient
) -> None:
    await client.get(PING, params={"a": "1"})
    await client.get("/system/gwinfo")
    every = (await port.get("/requests")).json()
    assert [entry["path"] for entry in every] == [PING, "/system/gwinfo"]
    assert every[0]["query"] == "a=1"
    assert every[0]["ended_at"] >= every[0]["began_at"]
    later = (await port.get("/requests", params={"after": 1, "open": "false"})).json()
    assert [entry["number"] for entry in later] == [2]
    assert (await port.get("/requests", params={"method": "POST", "path": PING})).json() == []
    assert (await port.delete("/requests")).status_code == 204
    assert (await port.get("/requests")).json() == []


async def test_faults_are_added_listed_and_removed(
    port: httpx2.AsyncClient, client: httpx2.AsyncClient
) -> None:
    fault = {"kind": "status", "status": 500, "count": 3}
    number = (await port.post("/faults", json=fault)).json()["number"]
    assert (await client.get(PING)).status_code == 500
    assert (await port.get("/faults")).json() == [{"number": number, "left": 2, **fault}]
    assert (await port.delete(f"/faults/{number}")).status_code == 204
    assert (await port.delete(f"/faults/{number}")).status_code == 404
    await port.post("/faults", json=fault)
    assert (await port.delete("/faults")).status_code == 204
    assert (await client.get(PING)).status_code == 200


async def test_settings_are_read_and_changed_all_or_none(port: httpx2.AsyncClient) -> None:
    changed = await port.patch("/settings", json={"restart_s": None, "scan_s": 1})
    assert (changed.json()["restart_s"], changed.json()["scan_s"]) == (None, 1.0)
    wrong = await port.patch("/settings", json={"scan_s": 9, "restart_mode": "maybe"})
    assert wrong.status_code == 422
    assert "restart_mode" in wrong.json()["error"]
    assert (await port.get("/settings")).json()["scan_s"] == 1.0


async def test_time_passes_and_the_gateway_is_stopped_by_actions(port: httpx2.AsyncClient) -> None:
    before = (await port.get("/status")).json()
    assert (await port.post("/actions/pass_time", json={"seconds": 90})).json() == {"result": None}
    await port.post("/actions/expire_trial")
    after = (await port.get("/status")).json()
    assert after["now"] - before["now"] == pytest.approx(90)
    assert after["trial_seconds_left"] == 0
    await port.post("/actions/stop")
    assert (await port.get("/status")).json()["phase"] == "DOWN"
    assert (await port.get("/state")).json()["format"] == 1


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("/actions/nothing", b"", 404),
        ("/actions/pass_time", b'{"seconds": -1}', 422),
        ("/actions/pass_time", b'{"minutes": 1}', 422),
        ("/actions/pass_time", b"[1]", 422),
        ("/faults", b"not json", 422),
        ("/faults", b'{"kind": "surprise"}', 422),
    ],
)
async def test_wrong_input_is_told(
    path: str, content: bytes, status: int, port: httpx2.AsyncClient
) -> None:
    response = await port.post(path, content=content)
    assert response.status_code == status
    assert response.json()["error"]


def test_every_action_is_a_control() -> None:
    assert all(callable(getattr(SimulatedGateway, name)) for name in ACTIONS)
