"""A simulated gateway on sockets, and a client of it."""

import ssl
from collections.abc import AsyncIterator

import httpx2
import pytest

from ignition_toolkit.simulator import SimulatedGateway

#: Loading the machine's certificates takes longer than most of these tests.
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

#: Seconds within which a dropped connection must be seen; on a machine that is not busy it is
#: a hundredth of that.
PROMPT_S = 1.0


@pytest.fixture
async def gateway() -> AsyncIterator[SimulatedGateway]:
    async with SimulatedGateway(clock_factor=0) as gateway:
        yield gateway


@pytest.fixture
async def client(gateway: SimulatedGateway) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"X-Ignition-API-Token": gateway.token}
    async with httpx2.AsyncClient(
        base_url=gateway.base_url, headers=headers, verify=NO_CERTIFICATES
    ) as client:
        yield client
