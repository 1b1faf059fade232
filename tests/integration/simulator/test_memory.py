"""Bodies of any size pass through at constant memory, in both directions."""

import tracemalloc
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message

from ignition_toolkit.simulator import SimulatedGateway, make_module

MB = 1_000_000

#: More than the pieces under way need, and far less than a body.
MOST_BYTES = 10 * MB

SIZES = [
    pytest.param(60 * MB, id="60MB"),
    pytest.param(500 * MB, id="500MB", marks=pytest.mark.stress),
]


async def peak_of(
    gateway: SimulatedGateway, method: str, path: str, pieces: Callable[[], AsyncIterator[bytes]]
) -> tuple[int, int, int]:
    """Ask without a socket and keep nothing. Returns status, size of the answer, peak memory."""
    body, status, size = pieces(), 0, 0

    async def receive() -> Message:
        piece = await anext(body, b"")
        return {"type": "http.request", "body": piece, "more_body": bool(piece)}

    async def send(message: Message) -> None:
        nonlocal status, size
        status = message.get("status", status)
        size += len(message.get("body", b""))

    path, _, query = path.partition("?")
    # Any: an ASGI scope.
    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(b"x-ignition-api-token", gateway.token.encode())],
        "server": ("127.0.0.1", 8088),
    }
    tracemalloc.start()
    try:
        await gateway.app(scope, receive, send)
        return status, size, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def nothing() -> AsyncIterator[bytes]:
    return
    yield b""


@pytest.mark.parametrize("size", SIZES)
async def test_a_backup_is_made_while_it_is_sent(size: int) -> None:
    gateway = SimulatedGateway()
    gateway.configure(backup_bytes=size)
    status, sent, peak = await peak_of(gateway, "GET", "/data/api/v1/backup", nothing)
    assert status == 200
    assert size <= sent < size + MB
    assert peak < MOST_BYTES


@pytest.mark.parametrize("size", SIZES)
async def test_an_upload_is_put_into_a_file(size: int, tmp_path: Path) -> None:
    path = make_module(tmp_path / "large.modl", "com.example.large", size_bytes=size)
    assert path.stat().st_size >= size

    async def pieces() -> AsyncIterator[bytes]:
        with path.open("rb") as file:
            while piece := file.read(65536):
                yield piece

    gateway = SimulatedGateway()
    address = "/data/api/v1/modules/upload?fileName=large.modl"
    status, _, peak = await peak_of(gateway, "POST", address, pieces)
    assert status == 200
    assert peak < MOST_BYTES
