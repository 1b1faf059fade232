"""The log-in of people (gateway-api section 1.3)."""

from __future__ import annotations

import logging

import pytest

from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.errors import GatewayDenied, GatewayUnsupported
from ignition_toolkit.gateway.gateway import Gateway
from ignition_toolkit.gateway.identity import Identity
from ignition_toolkit.gateway.login import ensure_login, log_in
from ignition_toolkit.simulator import SimulatedGateway
from tests.integration.gateway.conftest import FakeStep

PASSWORD = Secret("password")


async def test_a_person_logs_in_and_may_read_and_write(
    simulated: SimulatedGateway, stranger: Gateway
) -> None:
    await log_in(stranger.exchange, "admin", PASSWORD)
    assert (await stranger.upkeep.info())["name"] == "simulated-gateway"
    await stranger.projects.begin_scan()
    assert all(entry.key_name is None for entry in simulated.requests())


async def test_a_wrong_password_is_denied_and_never_repeated(stranger: Gateway) -> None:
    with pytest.raises(GatewayDenied, match="'admin' are not taken") as caught:
        await log_in(stranger.exchange, "admin", Secret("wrong-password"))
    assert "wrong-password" not in repr(caught.value.to_wire())
    assert not stranger.session.logged_in


async def test_what_is_announced_of_a_log_in_holds_no_token(
    stranger: Gateway, step: FakeStep
) -> None:
    await log_in(stranger.exchange, "admin", PASSWORD)
    assert len(step.announced) >= 8
    assert not [line for line in step.announced if "token" in line or "?" in line]


async def test_a_person_is_logged_in_once_and_again_when_the_session_is_over(
    simulated: SimulatedGateway, stranger: Gateway
) -> None:
    stranger.session.become(Identity(username="admin", password=PASSWORD))
    await ensure_login(stranger.exchange)
    await ensure_login(stranger.exchange)
    assert len(simulated.requests("GET", "/data/app/session")) == 1
    stranger.session.expire()
    await ensure_login(stranger.exchange)
    assert len(simulated.requests("GET", "/data/app/session")) == 2


async def test_whoever_becomes_nobody_sends_no_key(
    simulated: SimulatedGateway, gateway: Gateway
) -> None:
    gateway.session.become(Identity())
    with pytest.raises(GatewayDenied):
        await gateway.upkeep.info()
    assert simulated.requests()[-1].key_name is None


async def test_a_token_is_no_longer_good_when_the_log_in_breaks_off(
    simulated: SimulatedGateway, stranger: Gateway
) -> None:
    """Its requests are not tried again: each token is good for one."""
    simulated.add_fault("reset", method="POST", count=1)
    with pytest.raises(Exception, match="unknown"):
        await log_in(stranger.exchange, "admin", PASSWORD)
    assert len(simulated.requests("POST")) == 1


async def test_a_log_in_leaves_nothing_in_the_log(
    stranger: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await log_in(stranger.exchange, "admin", PASSWORD)
    assert [record.getMessage() for record in caplog.records if "http" in record.name] == []


@pytest.mark.parametrize("settings", [{"version": "8.1.48 (b2025010101)"}], indirect=True)
async def test_8_1_has_no_such_log_in(stranger: Gateway) -> None:
    with pytest.raises(GatewayUnsupported, match=r"8\.1\.48"):
        await log_in(stranger.exchange, "admin", PASSWORD)
