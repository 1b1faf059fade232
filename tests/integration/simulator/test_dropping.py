"""The request log is the truth about clients that leave, whatever the gateway is doing."""

import asyncio
import time
from collections.abc import AsyncIterator

import httpx2
import pytest

from ignition_toolkit.simulator import Entry, SimulatedGateway
from tests.integration.simulator.conftest import PROMPT_S
from tests.polling import PollUntilAsync

PING = "/StatusPing"


async def opened(gateway: SimulatedGateway, poll_until_async: PollUntilAsync) -> Entry:
    """Return the request whose answer is awaited, once it is there."""
    (entry,) = await poll_until_async(lambda: gateway.requests(is_open=True))
    return entry


async def dropped(
    gateway: SimulatedGateway, number: int, poll_until_async: PollUntilAsync
) -> Entry:
    """Return a request once the gateway has noticed that its client is gone."""
    (entry,) = await poll_until_async(lambda: gateway.requests(is_open=False, after=number - 1))
    assert entry.dropped_at is not None
    assert entry.ended_at is None
    return entry


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"0" * 65536


@pytest.mark.parametrize(
    ("fault", "upload"),
    [
        ({"kind": "never-answer"}, False),
        ({"kind": "never-answer"}, True),
        ({"kind": "never-answer", "reads": False}, True),
        ({"kind": "drip"}, False),
        ({"kind": "drip-head"}, False),
        ({"kind": "half-open"}, False),
        ({"kind": "delay", "seconds": 60.0}, False),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else None,
)
async def test_a_client_that_leaves_is_noticed_at_once_during(
    fault: dict[str, object],
    upload: bool,
    gateway: SimulatedGateway,
    client: httpx2.AsyncClient,
    poll_until_async: PollUntilAsync,
) -> None:
    gateway.add_fault(**fault)  # type: ignore[arg-type]  # one of the cases above
    content = endless() if upload else None
    method = "POST" if upload else "GET"
    task = asyncio.create_task(client.request(method, PING, content=content))
    entry = await opened(gateway, poll_until_async)
    assert entry.fault == fault["kind"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    left_at = time.time()
    seen = await dropped(gateway, entry.number, poll_until_async)
    assert seen.dropped_at is not None
    assert seen.dropped_at - left_at < PROMPT_S


async def test_a_client_that_leaves_a_download_ends_it(
    gateway: SimulatedGateway, client: httpx2.AsyncClient, poll_until_async: PollUntilAsync
) -> None:
    gateway.configure(backup_bytes=500_000_000)
    async with client.stream("GET", "/data/api/v1/backup") as response:
        await anext(response.aiter_raw())
        entry = await opened(gateway, poll_until_async)
    left_at = time.time()
    seen = await dropped(gateway, entry.number, poll_until_async)
    assert seen.dropped_at is not None
    assert seen.dropped_at - left_at < PROMPT_S
    assert 0 < seen.sent_bytes < 100_000_000


async def test_a_client_that_leaves_an_upload_leaves_nothing_of_it(
    gateway: SimulatedGateway, client: httpx2.AsyncClient, poll_until_async: PollUntilAsync
) -> None:
    upload = client.post("/data/api/v1/modules/upload?fileName=x.modl", content=endless())
    task = asyncio.create_task(upload)
    entry = await opened(gateway, poll_until_async)
    await poll_until_async(lambda: gateway.requests()[0].received_bytes > 1_000_000)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    left_at = time.time()
    seen = await dropped(gateway, entry.number, poll_until_async)
    assert seen.dropped_at is not None
    assert seen.dropped_at - left_at < PROMPT_S
    assert seen.status is None
    listed = await client.get("/data/api/v1/modules/healthy")
    assert len(listed.json()["items"]) == 3


async def test_a_request_that_was_answered_is_not_dropped_by_its_client_leaving(
    gateway: SimulatedGateway, client: httpx2.AsyncClient
) -> None:
    assert (await client.get(PING)).status_code == 200
    await client.aclose()
    (entry,) = gateway.requests("GET", PING)
    assert entry.ended_at is not None
    assert entry.dropped_at is None
    assert entry.status == 200
    assert entry.sent_bytes == len('{"state":"RUNNING"}')


async def test_leaving_the_block_breaks_what_is_open(
    client: httpx2.AsyncClient, poll_until_async: PollUntilAsync
) -> None:
    async with SimulatedGateway() as gateway:
        gateway.add_fault("never-answer")
        task = asyncio.create_task(client.get(gateway.base_url + PING))
        await opened(gateway, poll_until_async)
    with pytest.raises(httpx2.TransportError):
        await task
