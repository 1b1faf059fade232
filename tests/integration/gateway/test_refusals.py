"""What a gateway refuses, in each form that was recorded (gateway-api section 1.2)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.errors import (
    GatewayDenied,
    GatewayError,
    GatewayNotReady,
    GatewayRefused,
    GatewayUnreachable,
    GatewayUnsupported,
)
from ignition_toolkit.gateway import exchange as exchange_module
from ignition_toolkit.gateway.call import Call
from ignition_toolkit.gateway.gateway import Gateway
from ignition_toolkit.gateway.identity import Identity
from ignition_toolkit.gateway.target import GatewayTarget
from ignition_toolkit.simulator import SimulatedGateway
from tests.integration.gateway.conftest import FakeStep, opened
from tests.polling import pauses, poll_until_async

INFO = "/data/api/v1/gateway-info"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange_module, "PAUSES_S", (0.0, 0.0))


async def refused(gateway: Gateway, cls: type[GatewayError] = GatewayError) -> GatewayError:
    """Return the error of asking for gateway-info."""
    with pytest.raises(cls) as caught:
        await gateway.upkeep.info()
    return caught.value


@pytest.mark.parametrize("form", ["html", "json", "empty"])
async def test_a_key_that_is_missing_is_named_in_each_form_of_a_body(
    simulated: SimulatedGateway, stranger: Gateway, form: str
) -> None:
    simulated.configure(error_bodies=form)
    error = await refused(stranger, GatewayDenied)
    assert error.status == 401
    assert error.fields["gateway"] == simulated.base_url
    assert error.fields["request"] == f"GET {simulated.base_url}{INFO}"
    assert "no API token was sent" in error.message
    said = "without a word" if form == "empty" else "(Unauthorized)"
    assert f"401 {said}" in error.message


async def test_a_wrong_key_is_told_apart_and_never_repeated(simulated: SimulatedGateway) -> None:
    target = GatewayTarget(
        "plant", simulated.base_url, identity=Identity(token=Secret("itk:wrong-secret-key"))
    )
    async with opened(target, FakeStep()) as gateway:
        error = await refused(gateway, GatewayDenied)
    assert "not known there" in error.message
    assert "https only" in error.message
    assert "wrong-secret-key" not in repr(error.to_wire())


async def test_a_key_without_the_right_is_denied(
    simulated: SimulatedGateway, gateway: Gateway
) -> None:
    simulated.configure(write_policy="closed")
    with pytest.raises(GatewayDenied, match="lacks the gateway's read or write permission"):
        await gateway.upkeep.restart()


@pytest.mark.parametrize("form", ["html", "json", "empty"])
async def test_an_unknown_path_says_so(
    simulated: SimulatedGateway, gateway: Gateway, form: str
) -> None:
    simulated.configure(error_bodies=form)
    with pytest.raises(GatewayRefused) as caught:
        await gateway.exchange.json(Call("GET", "/data/api/v1/nothing"))
    assert caught.value.status == 404
    assert ("No route match" in caught.value.message) == (form != "empty")


async def test_services_that_start_are_not_ready(
    simulated: SimulatedGateway, gateway: Gateway
) -> None:
    simulated.add_fault("starting", path=INFO, count=1)
    assert "wait_for_ready" in (await refused(gateway, GatewayNotReady)).message


async def test_a_gateway_that_was_never_commissioned_is_not_ready(
    simulated: SimulatedGateway, gateway: Gateway
) -> None:
    simulated.commission()
    assert "commissioned" in (await refused(gateway, GatewayNotReady)).message


# Any: a JSON value.
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"success": False, "message": "No."}, "No."),
        ({"success": False, "problem": {"message": "Broken zip"}}, "Broken zip"),
        ({"success": False, "problem": "in words"}, "in words"),
        ({"success": False, "failedUpdates": {"enable": ["com.x"], "disable": []}}, "com.x"),
        ({"success": True, "failedUninstalls": {"uninstall": ["com.y"]}}, "com.y"),
        ({"success": False}, "gives no reason"),
        ({"success": False, "messages": ["a"], "fieldMessages": [
            {"fieldName": "name", "messages": ["is taken"]}]}, "name: is taken"),
        ({"successCount": 1, "failureCount": 2, "failures": []}, "2 of the items"),
    ],
)  # fmt: skip
async def test_a_200_whose_body_says_failure_is_a_failure(
    simulated: SimulatedGateway, gateway: Gateway, body: Any, words: str
) -> None:
    simulated.add_fault("failure", body=body)
    error = await refused(gateway, GatewayRefused)
    assert error.status == 200
    assert words in error.message


@pytest.mark.parametrize("body", ["", "a page", ["a list"], 7])
async def test_a_200_with_something_else_is_a_failure(
    simulated: SimulatedGateway, gateway: Gateway, body: Any
) -> None:
    simulated.add_fault("failure", body=body)
    assert (await refused(gateway, GatewayRefused)).status == 200


async def test_a_redirect_to_tls_is_not_followed_and_says_what_to_write(
    simulated: SimulatedGateway, gateway: Gateway
) -> None:
    simulated.add_fault("redirect-tls", count=1)
    error = await refused(gateway, GatewayRefused)
    assert "https://" in error.message
    assert len(simulated.requests()) == 1


async def test_a_key_never_goes_where_a_redirect_leads(simulated: SimulatedGateway) -> None:
    async with elsewhere(simulated.base_url) as (url, heads):
        target = GatewayTarget("plant", url, identity=Identity(token=Secret(simulated.token)))
        async with opened(target, FakeStep()) as gateway:
            await refused(gateway, GatewayRefused)
    assert len(heads) == 1
    assert simulated.requests() == []


async def test_what_is_open_to_all_is_asked_without_the_key(
    simulated: SimulatedGateway, gateway: Gateway
) -> None:
    await gateway.upkeep.ping()
    await gateway.upkeep.gwinfo()
    await gateway.upkeep.trial()
    assert [entry.key_name for entry in simulated.requests()] == [None, None, None]


@pytest.mark.parametrize("settings", [{"version": "8.1.48 (b2025010101)"}], indirect=True)
async def test_8_1_is_told_by_its_version_and_what_needs_8_3_says_so(
    simulated: SimulatedGateway, gateway: Gateway
) -> None:
    assert (await gateway.upkeep.ping())["state"] == "RUNNING"
    error = await refused(gateway, GatewayUnsupported)
    assert "8.1.48" in error.message
    assert "came with 8.3" in error.message
    assert await gateway.readiness.state() is None


async def test_a_get_is_tried_again_when_its_connection_breaks(
    simulated: SimulatedGateway, gateway: Gateway
) -> None:
    simulated.add_fault("reset", path=INFO, count=2)
    assert (await gateway.upkeep.info())["name"] == "simulated-gateway"
    assert len(simulated.requests("GET", INFO)) == 3


async def test_a_get_is_given_up_in_the_end(simulated: SimulatedGateway, gateway: Gateway) -> None:
    simulated.add_fault("reset", path=INFO)
    assert "broke" in (await refused(gateway, GatewayUnreachable)).message
    assert len(simulated.requests("GET", INFO)) == 3


async def test_a_post_is_never_sent_again(simulated: SimulatedGateway, gateway: Gateway) -> None:
    simulated.add_fault("reset", method="POST")
    with pytest.raises(GatewayUnreachable, match="unknown") as caught:
        await gateway.projects.begin_scan()
    assert caught.value.fields["sent"] is True
    assert len(simulated.requests("POST")) == 1


async def test_no_connection_is_tried_again_also_for_a_post(
    simulated: SimulatedGateway, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated.stop()
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            simulated.start()
            await listening(simulated)

    monkeypatch.setattr(exchange_module, "cancellable_sleep", sleep)
    await gateway.modules.accept_certificate("com.inductiveautomation.perspective")
    assert pauses == list(exchange_module.PAUSES_S)
    assert len(simulated.requests("POST")) == 1


async def test_a_silent_gateway_fails_before_the_steps_time_is_over(
    simulated: SimulatedGateway, gateway: Gateway, step: FakeStep
) -> None:
    simulated.add_fault("never-answer", path=INFO)
    step.left_s = exchange_module.SPARE_S + 0.1
    error = await refused(gateway, GatewayUnreachable)
    assert "stopped to answer" in error.message
    assert len(simulated.requests("GET", INFO)) == 1


async def test_a_body_that_does_not_end_is_given_up(
    simulated: SimulatedGateway, gateway: Gateway, step: FakeStep
) -> None:
    simulated.add_fault("half-open", path=INFO)
    step.left_s = exchange_module.SPARE_S + 0.1
    await refused(gateway, GatewayUnreachable)


async def test_an_answer_too_large_for_the_memory_is_refused(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange_module, "MAX_BODY_BYTES", 100)
    assert "larger than" in (await refused(gateway, GatewayRefused)).message


async def test_requests_are_announced_and_stay_so_when_they_are_cancelled(
    simulated: SimulatedGateway, gateway: Gateway, step: FakeStep
) -> None:
    await gateway.upkeep.ping()
    assert (len(step.announced), step.open) == (1, [])
    simulated.add_fault("never-answer", path=INFO)
    asking = asyncio.ensure_future(gateway.upkeep.info())
    await poll_until_async(lambda: simulated.requests("GET", INFO, is_open=True))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert step.open == [f"GET {simulated.base_url}{INFO}"]
    await poll_until_async(lambda: not simulated.requests("GET", INFO, is_open=True))
    assert simulated.requests("GET", INFO)[0].dropped_at is not None


async def listening(simulated: SimulatedGateway) -> None:
    """Wait until the gateway takes connections."""
    port = int(simulated.base_url.rpartition(":")[2])
    for pause in pauses():
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(pause)
            continue
        writer.close()
        await writer.wait_closed()
        return


class elsewhere:
    """A server that redirects to another origin, and keeps the heads that it was sent."""

    def __init__(self, to: str) -> None:
        self._to = to
        self._heads: list[bytes] = []

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._heads.append(await reader.readuntil(b"\r\n\r\n"))
        head = f"HTTP/1.1 302 Found\r\nLocation: {self._to}{INFO}\r\nContent-Length: 0\r\n\r\n"
        writer.write(head.encode())
        await writer.drain()
        writer.close()

    async def __aenter__(self) -> tuple[str, list[bytes]]:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}", self._heads

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()


async def test_the_key_is_not_in_the_gateways_log_as_it_is_downloaded(
    simulated: SimulatedGateway, gateway: Gateway
) -> None:
    simulated.log("web", "WARN", f"refused {simulated.token} from elsewhere")
    messages = [event["message"] for event in await gateway.upkeep.logs({})]
    assert "refused *** from elsewhere" in messages
    assert not any(simulated.token in message for message in messages)
