"""A simulated gateway without sockets, and a caller that names the documented rows it asks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from ignition_toolkit.simulator import SimulatedGateway

TOKEN_HEADER = "X-Ignition-API-Token"
JSON = {"Accept": "application/json"}


class Asker:
    """Sends requests to a gateway's app; a row is named as `tests/unit/simulator/rows.txt` does."""

    def __init__(self, client: httpx2.AsyncClient, token: str) -> None:
        self.client = client
        self.headers = {TOKEN_HEADER: token}

    # Any: what httpx2 takes for a request, and the parts in braces of the row.
    async def __call__(self, row: str, *, query: str = "", **options: Any) -> httpx2.Response:
        """Ask one row.

        Args:
            row: method and path, with names in braces that are among the options.
            query: without its question mark.
            options: of the request; headers are added to the token's.
        """
        method, _, path = row.partition(" ")
        for name in [key for key in options if f"{{{key}}}" in path]:
            path = path.replace(f"{{{name}}}", quote(str(options.pop(name)), safe=""))
        headers = {**self.headers, **options.pop("headers", {})}
        url = f"{path}?{query}" if query else path
        return await self.client.request(method, url, headers=headers, **options)

    async def json(self, row: str, **options: Any) -> Any:
        """Ask one row and return the body of a 200."""
        response = await self(row, **options)
        assert response.status_code == 200, (response.status_code, response.text)
        return response.json()


@pytest.fixture
def gateway() -> SimulatedGateway:
    """A gateway whose time stands still until a test lets it pass."""
    return SimulatedGateway(clock_factor=0)


@pytest.fixture
async def ask(gateway: SimulatedGateway) -> AsyncIterator[Asker]:
    transport = httpx2.ASGITransport(gateway.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8088") as client:
        yield Asker(client, gateway.token)
