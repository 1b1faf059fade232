"""Sections 2.3 and 3: restarts over time, and the commissioner that comes back."""

import pytest

from ignition_toolkit.simulator import Phase, Settings, SimulatedGateway
from tests.unit.simulator.conftest import JSON, Asker

RESTART = "POST /data/api/v1/restart-tasks/restart"
PENDING = "GET /data/api/v1/restart-tasks/pending"
PING = "GET /StatusPing"
INFO = "GET /data/api/v1/gateway-info"
OVERVIEW = "GET /data/api/v1/overview"


async def test_a_restart_needs_its_confirmation(ask: Asker, gateway: SimulatedGateway) -> None:
    assert (await ask(RESTART)).status_code == 400
    assert (await ask(RESTART, query="confirm=no")).status_code == 400
    gateway.pass_time(100)
    assert gateway.phase is Phase.RUNNING
    assert await ask.json(PENDING) == {"pending": []}


async def test_a_restart_takes_its_time_and_the_uptime_drops(
    ask: Asker, gateway: SimulatedGateway
) -> None:
    before = await ask.json(OVERVIEW)
    assert (await ask(RESTART, query="confirm=true")).text == "true"
    assert await ask.json(PING) == {"state": "RUNNING"}
    gateway.pass_time(5)
    assert await ask.json(PING) == {"state": "STARTING"}
    assert "ContextStatus=STARTING" in (await ask("GET /system/gwinfo")).text
    starting = await ask(INFO, headers=JSON)
    assert (starting.status_code, starting.json()["status"]) == (503, "503")
    gateway.pass_time(34)
    assert (await ask(INFO)).status_code == 503
    gateway.pass_time(1.5)
    assert await ask.json(PING) == {"state": "RUNNING"}
    after = await ask.json(OVERVIEW)
    assert after["uptime"] < 60_000 < before["uptime"]
    assert after["processId"] == before["processId"]


async def test_a_gateway_may_say_that_it_stops(ask: Asker, gateway: SimulatedGateway) -> None:
    gateway.configure(stopping_s=3)
    await ask(RESTART, query="confirm=true")
    gateway.pass_time(2)
    assert await ask.json(PING) == {"state": "STOPPING"}
    assert (await ask(INFO)).status_code == 503


async def test_a_gateway_may_never_come_back(ask: Asker, gateway: SimulatedGateway) -> None:
    gateway.configure(restart_s=None)
    await ask(RESTART, query="confirm=true")
    gateway.pass_time(1_000_000)
    assert await ask.json(PING) == {"state": "STARTING"}


async def test_a_gateway_that_is_down_has_nobody_to_answer(
    ask: Asker, gateway: SimulatedGateway
) -> None:
    gateway.configure(restart_mode="refuses")
    await ask(RESTART, query="confirm=true")
    gateway.pass_time(2)
    with pytest.raises(ConnectionResetError):
        await ask(PING)
    gateway.pass_time(30)
    assert await ask.json(PING) == {"state": "STARTING"}


async def test_the_commissioner_takes_every_address_until_it_is_finished(
    ask: Asker, gateway: SimulatedGateway
) -> None:
    gateway.commission()
    ask.headers = {}
    assert await ask.json(PING) == {"state": "RUNNING", "details": "COMMISSIONING"}
    assert (await ask("GET /system/gwinfo")).text == "ContextStatus=NEEDS_COMMISSIONING;"
    away = await ask(INFO)
    assert (away.status_code, away.headers["location"]) == (302, "/welcome")
    assert (await ask("GET /welcome")).status_code == 200
    assert "steps" in await ask.json("GET /bootstrap")
    step = await ask.json("GET /get-step", query="step=modules")
    assert step == {"certificate": [], "license": []}
    finish = {"id": "finished", "step": "finished", "data": {"startGateway": True}}
    await ask.json("POST /post-step", json=finish)
    assert await ask.json(PING) == {"state": "STARTING"}
    gateway.pass_time(41)
    assert await ask.json(PING) == {"state": "RUNNING"}


async def test_a_gateway_that_was_never_commissioned_begins_so() -> None:
    gateway = SimulatedGateway(Settings(commissioned=False, ping_hides_commissioning=True))
    assert gateway.phase is Phase.COMMISSIONING


async def test_the_commissioner_refuses_what_it_does_not_know(
    ask: Asker, gateway: SimulatedGateway
) -> None:
    gateway.commission()
    gateway.configure(ping_hides_commissioning=True)
    assert await ask.json(PING) == {"state": "RUNNING"}
    for body in [{"step": "modules"}, {"step": "surprise", "data": {}}, {"data": 3}]:
        assert (await ask("POST /post-step", json=body)).status_code == 400
    assert await ask.json("GET /get-step", query="step=other") == {}
