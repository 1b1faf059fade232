"""The WebSocket that a Perspective page keeps open: as much of the protocol as that takes.

Source: gateway-api section 4 for address and message types, RFC 6455 for the frames.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import Callable
from http import HTTPStatus

from ignition_toolkit.simulator.journal import Journal

ADDRESS = re.compile(r"/system/pws/(?P<project>[^/?]+)/[0-9a-f]{8}\?token=[^&]+")

#: Seconds between two signs of life.
KEEPALIVE_S = 15.0

#: Bytes of a frame that a client may send; pages send less than a hundred.
LARGEST = 64 * 1024

#: Of RFC 6455.
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA


class PageSocket(asyncio.Protocol):
    """One page's connection: answers pings, says that it lives, and ends when the page does.

    Args:
        target: path and query of the upgrade's request.
        key: its `Sec-WebSocket-Key`; None for none.
        journal: notes that it was opened and closed.
        on_lost: called once when the connection has ended.
    """

    def __init__(
        self, target: str, key: bytes | None, journal: Journal, on_lost: Callable[[], None]
    ) -> None:
        self._target, self._key = target, key
        self._journal, self._on_lost = journal, on_lost
        self._transport: asyncio.Transport | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._received = b""
        self._opened = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Answer the upgrade; an address that is none, or a request without key, is refused."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._key is None or ADDRESS.fullmatch(self._target) is None:
            status = HTTPStatus.NOT_FOUND if self._key else HTTPStatus.BAD_REQUEST
            transport.write(_head(status, "Content-Length: 0", "Connection: close"))
            transport.close()
            return
        digest = hashlib.sha1(self._key + _GUID, usedforsecurity=False).digest()
        accept = f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}"
        status = HTTPStatus.SWITCHING_PROTOCOLS
        transport.write(_head(status, "Upgrade: websocket", "Connection: Upgrade", accept))
        self._opened = True
        self._note("socket-open")
        self._say("client-value-update")
        self._keep_alive()

    def data_received(self, data: bytes) -> None:
        """Take frames."""
        self._received += data
        while (frame := _first_frame(self._received)) is not None:
            opcode, payload, length = frame
            self._received = self._received[length:]
            if opcode == _PING:
                self._write(_PONG, payload)
            elif opcode == _CLOSE:
                self._write(_CLOSE, payload[:2])
                self._close()
        if len(self._received) > LARGEST:
            self._close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end."""
        del exc
        if self._beat is not None:
            self._beat.cancel()
        if self._opened:
            self._note("socket-close")
        self._on_lost()

    def _keep_alive(self) -> None:
        self._say("keepalive")
        loop = asyncio.get_running_loop()
        self._beat = loop.call_later(KEEPALIVE_S, self._keep_alive)

    def _say(self, kind: str) -> None:
        self._write(_TEXT, json.dumps({"type": kind}).encode())

    def _write(self, opcode: int, payload: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(bytes([0x80 | opcode, len(payload)]) + payload)

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _note(self, act: str) -> None:
        self._journal.add(act, "pws", self._target.partition("?")[0])


def _head(status: HTTPStatus, *lines: str) -> bytes:
    first = f"HTTP/1.1 {status.value} {status.phrase}"
    return "\r\n".join([first, *lines, "", ""]).encode("ascii")


def _first_frame(data: bytes) -> tuple[int, bytes, int] | None:
    """Return opcode, payload and length of the first frame; None while it is not whole."""
    if len(data) < 2:
        return None
    size, at = data[1] & 0x7F, 2
    if size >= 126:
        width = 2 if size == 126 else 8
        size, at = int.from_bytes(data[2 : 2 + width], "big"), 2 + width
    mask_at, at = at, at + 4 if data[1] & 0x80 else at
    if len(data) < at + size:
        return None
    payload = data[at : at + size]
    if data[1] & 0x80:
        mask = data[mask_at:at]
        payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return data[0] & 0x0F, payload, at + size
