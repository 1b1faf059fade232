"""A restart on sockets: connections that are refused, and a port that comes back."""

import socket
from collections.abc import Awaitable, Callable

import httpx2
import pytest

from ignition_toolkit.simulator import Phase, SimulatedGateway
from tests.polling import poll_until_async

PING = "/StatusPing"


async def test_a_gateway_that_is_down_refuses_and_comes_back_on_its_port(
    gateway: SimulatedGateway, client: httpx2.AsyncClient
) -> None:
    gateway.configure(restart_mode="refuses")
    answer = await client.post("/data/api/v1/restart-tasks/restart?confirm=true")
    assert answer.json() is True
    gateway.pass_time(5)
    await comes_to("refuses", client)
    gateway.pass_time(22)
    await comes_to("STARTING", client)
    gateway.pass_time(15)
    await comes_to("RUNNING", client)


async def test_a_gateway_can_be_stopped_and_started(
    gateway: SimulatedGateway, client: httpx2.AsyncClient
) -> None:
    gateway.stop()
    await comes_to("refuses", client)
    assert gateway.phase is Phase.DOWN
    gateway.start()
    await comes_to("RUNNING", client)


async def test_a_port_that_somebody_has_taken_meanwhile_is_tried_again(
    gateway: SimulatedGateway, client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.stop()
    await comes_to("refuses", client)
    port = int(gateway.base_url.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)):
        gateway.start()
        assert await poll_until_async(lambda: f"port {port}" in caplog.text)
    await comes_to("RUNNING", client)


async def comes_to(wanted: str, client: httpx2.AsyncClient) -> None:
    """Wait until StatusPing gives that state, or until nobody listens, which is `refuses`."""

    async def is_there() -> bool:
        try:
            response = await client.get(PING)
        except httpx2.ConnectError:
            return wanted == "refuses"
        except httpx2.TransportError:
            # A connection that was kept is broken first.
            return False
        return bool(response.json()["state"] == wanted)

    condition: Callable[[], Awaitable[bool] | bool] = is_there
    assert await poll_until_async(condition)
