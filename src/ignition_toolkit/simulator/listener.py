"""The simulator's sockets: an HTTP server that can stop to listen and that sees clients go."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from ignition_toolkit.simulator.connections import Connection, Connections, Ends
from ignition_toolkit.simulator.journal import Journal
from ignition_toolkit.simulator.page_socket import PageSocket

HOST = "127.0.0.1"
BACKLOG = 128

#: Seconds for requests to notice at the end that their connections are broken.
END_S = 5.0


class CannotListen(Exception):
    """The port cannot be had; the text says which and what to do."""


class Listener:
    """An HTTP server on a port of this machine alone.

    Args:
        app: what answers.
        port: 0 for any that is free; the same one is used again after `pause`.
        connections: where its connections are noted.
        journal: where the sockets of pages are noted; None: there are none.
    """

    def __init__(
        self,
        app: ASGIApp,
        port: int,
        connections: Connections,
        journal: Journal | None = None,
    ) -> None:
        self._port = port
        #: Set before it listens; None for plain HTTP.
        self.tls: ssl.SSLContext | None = None
        self._connections = connections
        self._journal = journal
        self._state = ServerState()
        self._config = uvicorn.Config(
            app,
            http=H11Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            timeout_keep_alive=60,
        )
        self._config.load()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port, also while nobody listens."""
        return self._port

    @property
    def listens(self) -> bool:
        """Whether connections are taken."""
        return self._server is not None

    async def listen(self) -> None:
        """Take connections. Raises CannotListen."""
        sock = _bound(self._port)
        self._port = sock.getsockname()[1]
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._protocol, sock=sock, ssl=self.tls, backlog=BACKLOG
        )

    def pause(self) -> None:
        """Have connections refused; those that are open stay."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def close(self) -> None:
        """Take no more connections, break all, and wait for their requests to end."""
        self.pause()
        self._connections.reset_all()
        tasks = list(self._state.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=END_S)

    def _protocol(self) -> _Protocol:
        return _Protocol(self._config, self._state, self._connections, self._journal)


class _Protocol(H11Protocol):
    """uvicorn's HTTP, which tells when a connection comes and goes."""

    def __init__(
        self,
        config: uvicorn.Config,
        state: ServerState,
        connections: Connections,
        journal: Journal | None,
    ) -> None:
        super().__init__(config, state, {})
        self._journal = journal
        self._all = connections
        self._connection: Connection | None = None

    def _should_upgrade_to_ws(self) -> bool:
        return self._journal is not None

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection to the socket of a page."""
        assert self._journal is not None
        self.connections.discard(self)
        key = dict(self.headers).get(b"sec-websocket-key")
        target = event.target.decode("latin-1")
        socket = PageSocket(target, key, self._journal, lambda: self.connection_lost(None))
        self.transport.set_protocol(socket)
        socket.connection_made(self.transport)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._connection = Connection(transport)
        if self._ends is not None:
            self._all.add(self._ends, self._connection)

    def eof_received(self) -> None:
        # A client that closes its side has gone: what is still unsent would delay the notice.
        if self._connection is not None:
            self._connection.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._ends is not None:
            self._all.remove(self._ends)
        if self._connection is not None:
            self._connection.on_lost()

    @property
    def _ends(self) -> Ends | None:
        """The connection as a request's scope names it; None once the client was gone at once."""
        if self.client is None or self.server is None or self.server[1] is None:
            return None
        return self.client, (self.server[0], self.server[1])


def _bound(port: int) -> socket.socket:
    sock = socket.socket()
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, port))
        # Before the event loop does it: only listening makes the port ours.
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise CannotListen(
            f"port {port} of {HOST} cannot be had ({error.strerror}): end what listens there, or "
            "choose another port, 0 for any that is free"
        ) from error
    with contextlib.suppress(OSError):
        # Small, so that a download's progress is what the client has read.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 256 * 1024)
    return sock
