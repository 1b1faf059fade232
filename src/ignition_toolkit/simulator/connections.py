"""The client's connections: noticing at once that one is gone, and breaking one on purpose."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from asyncio.trsock import TransportSocket
from pathlib import Path

from starlette.types import Scope

from ignition_toolkit.simulator.request_log import Entry

#: Seconds between two looks at a connection that is not read.
LOOK_S = 0.02

#: Of Linux's TCP: neither side has closed.
ESTABLISHED = 1

#: Where the system lists the sockets of this machine, the client's among them.
SOCKETS = Path("/proc/net/tcp")


class Connection:
    """One connection of a client, with its open requests."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._open: list[Entry] = []
        self.lost = asyncio.Event()

    def add(self, entry: Entry) -> None:
        """Have a request dropped when the connection is lost."""
        self._open = [one for one in self._open if one.is_open]
        if self.lost.is_set():
            entry.drop()
        else:
            self._open.append(entry)

    def drop(self) -> None:
        """Note that the client has gone, and with it the requests whose answer is awaited."""
        for entry in self._open:
            entry.drop()

    def on_lost(self) -> None:
        """Note that the connection is closed."""
        self.drop()
        self.lost.set()

    def abort(self) -> None:
        """Close the connection without regard for what is still to be sent."""
        self.drop()
        self._transport.abort()

    def reset(self) -> None:
        """Break the connection so that the client is told of a reset."""
        if (sock := self._socket()) is not None:
            # A linger time of zero makes the system send a reset instead of a polite end.
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.abort()

    def write(self, data: bytes) -> None:
        """Send bytes past the HTTP server, for answers that are none."""
        self._transport.write(data)

    async def wait_until_lost(self) -> None:
        """Wait until the client has gone, also while nobody reads. Cancellation: at once."""
        while not self.lost.is_set():
            if self._peer_has_closed():
                self.abort()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self.lost.wait()

    def _peer_has_closed(self) -> bool:
        """Ask the system: unread bytes hide the end of a stream from the event loop."""
        sock = self._socket()
        if sock is None or sock.fileno() < 0:
            return True
        if sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != ESTABLISHED:
            return True
        # A client that has closed cannot tell so while its unsent bytes find no room here. It is
        # on this machine, and the system knows its side of the connection too.
        return not _is_established(sock.getpeername(), sock.getsockname())

    def _socket(self) -> TransportSocket | None:
        sock: TransportSocket | None = self._transport.get_extra_info("socket")
        return sock


#: Address and port of the client, then of this side: two of its ports may be the same one there.
Ends = tuple[tuple[str, int], tuple[str, int]]


class Connections:
    """All connections, found by their two ends."""

    def __init__(self) -> None:
        self._by_ends: dict[Ends, Connection] = {}

    def add(self, ends: Ends, connection: Connection) -> None:
        """Keep a connection until it is removed."""
        self._by_ends[ends] = connection

    def remove(self, ends: Ends) -> None:
        """Forget a connection that is lost."""
        self._by_ends.pop(ends, None)

    def of(self, scope: Scope) -> Connection | None:
        """Return the connection of a request; None where there is none, as in tests."""
        client, server = scope.get("client"), scope.get("server")
        if client is None or server is None:
            return None
        return self._by_ends.get(((client[0], client[1]), (server[0], server[1])))

    def reset_all(self) -> None:
        """Break every connection."""
        for connection in list(self._by_ends.values()):
            connection.reset()


def _is_established(local: tuple[str, int], remote: tuple[str, int]) -> bool:
    """Say whether a socket of this machine is connected and not closed."""
    ends = f" {_written(local)} {_written(remote)} {ESTABLISHED:02X} "
    return ends in SOCKETS.read_text("ascii")


def _written(address: tuple[str, int]) -> str:
    """Write an address as the system does: the number in the machine's own order, then the port."""
    (number,) = struct.unpack("=I", socket.inet_aton(address[0]))
    return f"{number:08X}:{address[1]:04X}"
