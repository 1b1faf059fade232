"""Pages that keep a connection: a WebSocket that stays, and a page that never comes."""

import asyncio
import base64
import contextlib
import os

import pytest

from ignition_toolkit.simulator import SimulatedGateway
from tests.polling import poll_until_async

ADDRESS = "/system/pws/Line%203/0123abcd?token=x"

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def opened(gateway: SimulatedGateway, address: str = ADDRESS) -> tuple[Ends, bytes]:
    """Ask for a socket; return its ends and the head of the answer."""
    port = int(gateway.base_url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    key = base64.b64encode(bytes(16)).decode()
    lines = [f"GET {address} HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: Upgrade"]
    head = "\r\n".join([*lines, "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}", "", ""])
    writer.write(head.encode())
    async with asyncio.timeout(30):
        return (reader, writer), await reader.readuntil(b"\r\n\r\n")


async def frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    async with asyncio.timeout(30):
        opcode, size = await reader.readexactly(2)
        return opcode & 0x0F, await reader.readexactly(size)


def masked(opcode: int, payload: bytes) -> bytes:
    mask = os.urandom(4)
    body = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + mask + body


async def test_a_socket_stays_open_until_its_page_closes_it(gateway: SimulatedGateway) -> None:
    (reader, writer), head = await opened(gateway)
    assert head.startswith(b"HTTP/1.1 101 ")
    # Of RFC 6455, for a key of sixteen zero bytes.
    assert b"Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=" in head
    assert [(await frame(reader))[1] for _ in range(2)] == [
        b'{"type": "client-value-update"}',
        b'{"type": "keepalive"}',
    ]
    # In two pieces: a frame is answered when it is whole.
    ping = masked(0x9, b"there?")
    writer.write(ping[:3])
    await writer.drain()
    writer.write(ping[3:])
    assert await frame(reader) == (0xA, b"there?")
    assert [act.act for act in gateway.acts()] == ["socket-open"]
    writer.write(masked(0x8, b"\x03\xe8"))
    assert await frame(reader) == (0x8, b"\x03\xe8")
    assert await poll_until_async(lambda: len(gateway.acts()) == 2)
    assert gateway.acts()[1].act == "socket-close"
    writer.close()


@pytest.mark.parametrize("address", ["/system/pws/Line", "/StatusPing"])
async def test_no_other_address_has_a_socket(gateway: SimulatedGateway, address: str) -> None:
    (_reader, writer), head = await opened(gateway, address)
    assert head.startswith(b"HTTP/1.1 404 ")
    assert gateway.acts() == []
    writer.close()


async def test_a_gateway_that_stops_breaks_its_sockets(gateway: SimulatedGateway) -> None:
    (_reader, writer), _head = await opened(gateway)
    gateway.stop()
    assert await poll_until_async(lambda: bool(gateway.acts("socket-close")))
    writer.close()


async def test_too_much_ends_a_socket(gateway: SimulatedGateway) -> None:
    (reader, writer), _head = await opened(gateway)
    # A frame that says to be larger than what is sent of it, so that it is never whole.
    writer.write(b"\x81\xff" + (10**9).to_bytes(8, "big") + bytes(4) + bytes(70_000))
    async with asyncio.timeout(30):
        with contextlib.suppress(ConnectionResetError):
            await reader.read()
    assert await poll_until_async(lambda: bool(gateway.acts("socket-close")))
    writer.close()


async def test_a_page_that_never_comes_is_dropped_with_its_visitor(
    gateway: SimulatedGateway,
) -> None:
    port = int(gateway.base_url.rpartition(":")[2])
    _reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /simulator/never HTTP/1.1\r\nHost: x\r\n\r\n")
    assert await poll_until_async(lambda: bool(gateway.requests(is_open=True)))
    writer.close()
    assert await poll_until_async(lambda: not gateway.requests(is_open=True))
    (entry,) = gateway.requests()
    assert entry.status is None
    assert entry.dropped_at is not None
