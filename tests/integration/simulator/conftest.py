"""A simulated gateway on sockets, and a client that keeps no connections."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from ignition_toolkit.simulator import SimulatedGateway


@pytest.fixture
async def gateway() -> AsyncIterator[SimulatedGateway]:
    async with SimulatedGateway(clock_factor=0) as gateway:
        yield gateway


@pytest.fixture
async def client(gateway: SimulatedGateway) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"X-Ignition-API-Token": gateway.token}
    async with httpx2.AsyncClient(base_url=gateway.base_url, headers=headers) as client:
        yield client
