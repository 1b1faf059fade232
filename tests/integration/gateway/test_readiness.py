"""Readiness and restarts as they are (gateway-api sections 3.1 to 3.6)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import pytest

from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.errors import GatewayNotReady, GatewayRefused, GatewayUnreachable
from ignition_toolkit.gateway import readiness
from ignition_toolkit.gateway.gateway import Gateway
from ignition_toolkit.gateway.identity import Identity
from ignition_toolkit.gateway.login import ensure_login
from ignition_toolkit.gateway.target import GatewayTarget
from ignition_toolkit.simulator import SimulatedGateway
from tests.integration.gateway.conftest import FakeStep, opened
from tests.polling import poll_until_async

RESTART = "/data/api/v1/restart-tasks/restart"
OVERVIEW = "/data/api/v1/overview"


def passing_time(simulated: SimulatedGateway, step: FakeStep, seconds: float) -> None:
    """Have so many seconds pass at the gateway whenever the step says how long it waits."""
    step.on_progress = lambda: simulated.pass_time(seconds)


@pytest.mark.parametrize(
    ("settings", "states"),
    [
        ({}, {"STARTING"}),
        ({"stopping_s": 10}, {"STOPPING", "STARTING"}),
        ({"restart_mode": "refuses"}, {"refuses connections or is not there", "STARTING"}),
    ],
    indirect=["settings"],
)
async def test_a_restart_is_waited_for_until_the_gateway_is_ready(
    simulated: SimulatedGateway, gateway: Gateway, step: FakeStep, states: set[str]
) -> None:
    before = await gateway.readiness.before_restart()
    assert before.uptime_s == pytest.approx(3600, abs=60)
    await gateway.upkeep.restart()
    passing_time(simulated, step, 2)
    waited = await gateway.readiness.wait_for_restart(before, 60)
    assert not waited.in_vain
    assert simulated.phase.value == "RUNNING"
    assert {message for _, _, message in step.told} >= states
    assert len(simulated.requests("POST", RESTART)) == 1


@pytest.mark.parametrize(("kind", "status"), [("starting", 200), ("status", 404)])
async def test_a_page_that_stands_in_for_a_restarting_gateway_is_waited_for(
    simulated: SimulatedGateway, gateway: Gateway, step: FakeStep, kind: str, status: int
) -> None:
    before = await gateway.readiness.before_restart()
    await gateway.upkeep.restart()
    passing_time(simulated, step, 20)
    simulated.add_fault(kind, path="*/StatusPing", status=status, count=3)
    waited = await gateway.readiness.wait_for_restart(before, 60)
    assert not waited.in_vain
    assert f"answers {status}, and not with its state" in {message for _, _, message in step.told}


@pytest.mark.parametrize("settings", [{"restart_s": None}], indirect=True)
async def test_a_wait_ends_before_the_steps_time_does_and_says_its_last_state(
    simulated: SimulatedGateway, gateway: Gateway, step: FakeStep
) -> None:
    simulated.restart()
    simulated.pass_time(100)
    step.left_s = 1.0
    with pytest.raises(GatewayNotReady, match=r"within 0\.5 s.*its last state was: STARTING"):
        await gateway.readiness.wait(60)


async def test_a_page_at_the_address_is_not_taken_for_a_gateway_that_starts(
    simulated: SimulatedGateway, gateway: Gateway
) -> None:
    simulated.add_fault("starting", status=200)
    with pytest.raises(GatewayRefused, match="is this an Ignition gateway's address"):
        await gateway.readiness.wait(60)


async def test_running_alone_does_not_prove_a_restart(
    simulated: SimulatedGateway, gateway: Gateway, step: FakeStep
) -> None:
    """The gateway answers as usual for a while after it was told to restart."""
    before = await gateway.readiness.before_restart()
    await gateway.upkeep.restart()
    assert await gateway.readiness.state() is None
    passing_time(simulated, step, 0.4)
    await gateway.readiness.wait_for_restart(before, 60)
    assert step.told[0][2] == "RUNNING, and has not restarted yet"
    assert simulated.phase.value == "RUNNING"


async def test_a_restart_that_nobody_saw_is_proved_by_the_uptime(
    simulated: SimulatedGateway, gateway: Gateway
) -> None:
    before = await gateway.readiness.before_restart()
    await gateway.upkeep.restart()
    simulated.pass_time(50)
    assert not (await gateway.readiness.wait_for_restart(before, 0)).in_vain


async def test_without_an_uptime_only_a_look_at_it_down_proves_a_restart(
    simulated: SimulatedGateway, gateway: Gateway, step: FakeStep
) -> None:
    simulated.add_fault("failure", path=OVERVIEW, body={"version": "8.3.6"})
    before = await gateway.readiness.before_restart()
    assert before.uptime_s is None
    with pytest.raises(GatewayNotReady, match="has not restarted yet"):
        await gateway.readiness.wait_for_restart(before, 0.01)
    await gateway.upkeep.restart()
    passing_time(simulated, step, 2)
    await gateway.readiness.wait_for_restart(before, 60)


@pytest.mark.parametrize("settings", [{"restart_s": None}], indirect=True)
async def test_a_gateway_that_never_comes_back_says_who_it_is_and_what_to_do(
    simulated: SimulatedGateway, gateway: Gateway
) -> None:
    before = await gateway.readiness.before_restart()
    await gateway.upkeep.restart()
    simulated.pass_time(100)
    with pytest.raises(GatewayNotReady) as caught:
        await gateway.readiness.wait_for_restart(before, 0.02)
    message = caught.value.message
    assert f"gateway plant ({simulated.base_url})" in message
    assert re.search(r"within 0\.02 s: waited \d+\.\d s, ", message)
    assert "its last state was: STARTING" in message
    assert "wrapper.log" in message
    assert "larger `timeout`" in message


@pytest.mark.parametrize("settings", [{"ping_hides_commissioning": True}], indirect=True)
async def test_the_commissioner_is_not_taken_for_the_gateway(
    simulated: SimulatedGateway, gateway: Gateway
) -> None:
    """Also by a StatusPing that says plain RUNNING meanwhile."""
    simulated.commission()
    assert await gateway.readiness.state() == "waits to be commissioned"
    simulated.configure(ping_hides_commissioning=False)
    assert await gateway.readiness.state() == "RUNNING (COMMISSIONING)"


async def test_a_gateway_that_refuses_the_caller_is_ready(
    simulated: SimulatedGateway, stranger: Gateway
) -> None:
    assert await stranger.readiness.state() is None
    (entry,) = simulated.requests("GET", "/data/api/v1/gateway-info")
    assert entry.status == 401


async def test_services_that_lag_behind_the_ping_are_waited_for(
    simulated: SimulatedGateway, gateway: Gateway
) -> None:
    simulated.add_fault("starting", path="/data/api/v1/gateway-info", count=3)
    await gateway.readiness.wait(60)
    assert len(simulated.requests("GET", "/data/api/v1/gateway-info")) == 4


async def test_a_redirect_is_not_waited_for(simulated: SimulatedGateway, gateway: Gateway) -> None:
    simulated.add_fault("redirect-tls")
    with pytest.raises(GatewayRefused, match="wants TLS"):
        await gateway.readiness.wait(60)


async def test_the_request_to_restart_is_not_replayed_when_its_connection_breaks(
    simulated: SimulatedGateway, gateway: Gateway
) -> None:
    simulated.add_fault("reset", path=RESTART)
    with pytest.raises(GatewayUnreachable, match="whether it was carried out is unknown"):
        await gateway.upkeep.restart()
    assert len(simulated.requests("POST", RESTART)) == 1


async def test_a_restart_that_cannot_be_proved_later_is_not_begun(
    simulated: SimulatedGateway, gateway: Gateway
) -> None:
    """Whoever may not look at the uptime learns that before anything happens."""
    simulated.add_fault("status", path=OVERVIEW, status=403)
    with pytest.raises(Exception, match="403"):
        await gateway.readiness.before_restart()


async def test_a_session_of_a_browser_does_not_outlive_a_restart(
    simulated: SimulatedGateway, step: FakeStep
) -> None:
    who = Identity(username="admin", password=Secret("password"))
    target = GatewayTarget("plant", simulated.base_url, who)
    async with opened(target, step) as gateway:
        await ensure_login(gateway.exchange)
        before = await gateway.readiness.before_restart()
        await gateway.upkeep.restart()
        passing_time(simulated, step, 5)
        await gateway.readiness.wait_for_restart(before, 60)
        assert gateway.session.logged_in
        await gateway.upkeep.overview()


async def test_a_wait_is_cancelled_at_once(simulated: SimulatedGateway, gateway: Gateway) -> None:
    simulated.add_fault("never-answer")
    waiting = asyncio.ensure_future(gateway.readiness.wait(60))
    await poll_until_async(lambda: simulated.requests(is_open=True))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_restart_is_proved_also_when_it_took_longer_than_the_gateway_had_been_up(
    simulated: SimulatedGateway, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its uptime is longer than before then, and shorter than it would be without a restart."""
    now = 1000.0
    monkeypatch.setattr(readiness, "time", FakeTime(lambda: now))
    simulated.restart()
    simulated.pass_time(50)
    before = await gateway.readiness.before_restart()
    assert before.uptime_s == pytest.approx(49, abs=1)
    now += 300
    simulated.pass_time(300)
    with pytest.raises(GatewayNotReady, match="has not restarted yet"):
        await gateway.readiness.wait_for_restart(before, 0)
    await gateway.upkeep.restart()
    now += 60
    simulated.pass_time(60)
    await gateway.readiness.wait_for_restart(before, 0)


class FakeTime:
    """The module `time`, of which only the monotonic clock is asked."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.monotonic = now
