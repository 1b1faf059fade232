"""Faults as a client sees them over a socket."""

import httpx2
import pytest

from ignition_toolkit.simulator import SimulatedGateway

PING = "/StatusPing"


async def test_a_fault_meets_so_many_requests_of_its_path_and_method(
    gateway: SimulatedGateway, client: httpx2.AsyncClient
) -> None:
    gateway.add_fault("status", path="/Status*", method="GET", count=2, status=500)
    assert (await client.get("/system/gwinfo")).status_code == 200
    assert [(await client.get(PING)).status_code for _ in range(3)] == [500, 500, 200]


async def test_a_fault_can_be_taken_away(
    gateway: SimulatedGateway, client: httpx2.AsyncClient
) -> None:
    number = gateway.add_fault("status")
    assert (await client.get(PING)).status_code == 503
    assert gateway.remove_fault(number)
    assert not gateway.remove_fault(number)
    assert (await client.get(PING)).status_code == 200


async def test_a_reset_is_a_reset(gateway: SimulatedGateway, client: httpx2.AsyncClient) -> None:
    gateway.add_fault("reset", count=1)
    with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
        await client.get(PING)
    (entry,) = gateway.requests()
    assert entry.dropped_at is not None
    assert (await client.get(PING)).status_code == 200


async def test_a_reset_may_come_in_the_middle_of_the_body(
    gateway: SimulatedGateway, client: httpx2.AsyncClient
) -> None:
    gateway.add_fault("reset", after_bytes=5)
    async with client.stream("GET", PING) as response:
        pieces = response.aiter_raw()
        assert await anext(pieces) == b'{"sta'
        with pytest.raises(httpx2.TransportError):
            await anext(pieces)


async def test_a_dripping_answer_is_whole_in_the_end(
    gateway: SimulatedGateway, client: httpx2.AsyncClient
) -> None:
    gateway.add_fault("drip", bytes_per_second=1000)
    assert (await client.get(PING)).json() == {"state": "RUNNING"}


async def test_a_half_open_answer_begins_and_does_not_end(
    gateway: SimulatedGateway, client: httpx2.AsyncClient
) -> None:
    gateway.add_fault("half-open")
    with pytest.raises(httpx2.ReadTimeout):
        await client.get(PING, timeout=httpx2.Timeout(30, read=0.2))


async def test_a_starting_gateway_answers_with_a_page(
    gateway: SimulatedGateway, client: httpx2.AsyncClient
) -> None:
    gateway.add_fault("starting", count=1)
    response = await client.get(PING)
    assert response.status_code == 503
    assert response.headers["content-type"].startswith("text/html")
    gateway.add_fault("starting", status=200)
    assert (await client.get(PING)).status_code == 200


async def test_a_redirect_to_tls_names_the_port(
    gateway: SimulatedGateway, client: httpx2.AsyncClient
) -> None:
    gateway.add_fault("redirect-tls")
    response = await client.get(PING, params={"a": "b"})
    assert response.status_code == 302
    assert response.headers["location"] == f"https://localhost:8043{PING}?a=b"


async def test_a_write_may_fail_with_200_or_for_its_signature(
    gateway: SimulatedGateway, client: httpx2.AsyncClient
) -> None:
    gateway.add_fault("failure", count=1)
    gateway.add_fault("stale-signature", count=1)
    failed = await client.post("/data/api/v1/trial")
    assert (failed.status_code, failed.json()["success"]) == (200, False)
    assert (await client.post("/data/api/v1/trial")).status_code == 409


@pytest.mark.parametrize("fields", [{"cuont": 1}, {"count": 0}, {"status": 42}])
def test_a_fault_with_a_wrong_field_is_refused(fields: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(fields))):
        SimulatedGateway().add_fault("status", **fields)
