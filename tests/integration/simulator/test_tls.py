"""The TLS port: trusted by its own certificate only, and as watchful as the plain one."""

import asyncio
import ssl
import time

import httpx2
import pytest

from ignition_toolkit.simulator import Settings, SimulatedGateway
from tests.integration.simulator.conftest import NO_CERTIFICATES, PROMPT_S
from tests.polling import PollUntilAsync

PING = "/StatusPing"


def trusting(gateway: SimulatedGateway) -> ssl.SSLContext:
    """Return what a client needs that trusts this gateway and nobody else."""
    assert gateway.certificate is not None
    return ssl.create_default_context(cadata=gateway.certificate)


async def test_the_tls_port_is_known_by_its_name_and_certificate_only(
    poll_until_async: PollUntilAsync,
) -> None:
    async with SimulatedGateway(tls=True) as gateway:
        assert gateway.tls_url is not None
        gateway.configure(secure_channel_required=True)
        headers = {"X-Ignition-API-Token": gateway.token}
        async with httpx2.AsyncClient(verify=trusting(gateway), headers=headers) as client:
            info = gateway.tls_url + "/data/api/v1/gateway-info"
            assert (await client.get(info)).status_code == 200
            by_address = gateway.tls_url.replace("localhost", "127.0.0.1")
            with pytest.raises(httpx2.ConnectError, match=r"not valid for|mismatch"):
                await client.get(by_address + PING)
            gateway.configure(force_tls=True)
            redirect = await client.get(gateway.base_url + PING)
            assert redirect.headers["location"] == gateway.tls_url + PING
            gateway.add_fault("never-answer")
            await seen_leaving(client, gateway, poll_until_async)
        async with httpx2.AsyncClient(verify=NO_CERTIFICATES) as stranger:
            with pytest.raises(httpx2.ConnectError, match="certificate verify failed"):
                await stranger.get(gateway.tls_url + PING)


async def seen_leaving(
    client: httpx2.AsyncClient, gateway: SimulatedGateway, poll_until_async: PollUntilAsync
) -> None:
    """Leave a request that is not answered, and hold the gateway to having noticed it."""
    task = asyncio.create_task(client.get(f"{gateway.tls_url}{PING}"))
    (entry,) = await poll_until_async(lambda: gateway.requests(is_open=True))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    left_at = time.time()
    (seen,) = await poll_until_async(
        lambda: gateway.requests(is_open=False, after=entry.number - 1)
    )
    assert seen.dropped_at is not None
    assert seen.dropped_at - left_at < PROMPT_S


async def test_the_names_of_the_certificate_are_a_setting_and_the_control_port_gives_it() -> None:
    settings = Settings(certificate_names=["127.0.0.1", "plant"])
    async with SimulatedGateway(settings, tls=True) as gateway:
        assert gateway.tls_url is not None
        address = gateway.tls_url.replace("localhost", "127.0.0.1")
        headers = {"X-Simulator-Key": gateway.control_key}
        async with httpx2.AsyncClient(verify=trusting(gateway), headers=headers) as client:
            assert (await client.get(address + PING)).status_code == 200
            given = await client.get(gateway.control_url + "/certificate")
            assert given.text == gateway.certificate


async def test_a_gateway_without_tls_has_no_certificate(
    gateway: SimulatedGateway, client: httpx2.AsyncClient
) -> None:
    assert gateway.tls_url is None
    headers = {"X-Simulator-Key": gateway.control_key}
    answer = await client.get(gateway.control_url + "/certificate", headers=headers)
    assert answer.status_code == 404
