"""Speaks ASGI to an app by hand: bodies in pieces, answers piece by piece, clients that leave."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from starlette.types import ASGIApp, Message

DEADLINE_S = 5.0


class Conversation:
    """One request to an app, run as a task. Use as an asynchronous context manager.

    Args:
        app: the app or middleware.
        method: of the request.
        path: with or without a query.
        headers: pairs; `Host: 127.0.0.1:5000` is added unless a host is given.
        body: the pieces of the body; None: no body. A client that has sent all stays connected.
        stalls: the last piece promises more, which never comes.
    """

    def __init__(
        self,
        app: ASGIApp,
        path: str,
        method: str = "GET",
        headers: Iterable[tuple[str, str]] = (),
        body: Iterable[bytes] | None = None,
        *,
        stalls: bool = False,
    ) -> None:
        self._app = app
        self._scope = _scope(method, path, list(headers))
        self._pieces = list(body) if body is not None else [b""]
        self._stalls = stalls
        self._gone = asyncio.Event()
        self._sent: asyncio.Queue[Message] = asyncio.Queue()
        self.read = 0
        #: Cleared: the client does not read, and the app's sends wait.
        self.reads = asyncio.Event()
        self.reads.set()

    async def __aenter__(self) -> Conversation:
        self._task = asyncio.create_task(self._call())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.leave()
        self.reads.set()
        async with asyncio.timeout(DEADLINE_S):
            await self._task

    async def _call(self) -> None:
        await self._app(self._scope, self._receive, self._send)

    def leave(self) -> None:
        """Disconnect."""
        self._gone.set()

    async def start(self) -> tuple[int, dict[str, str]]:
        """Return status and headers."""
        message = await self._next()
        assert message["type"] == "http.response.start"
        return message["status"], {k.decode(): v.decode() for k, v in message["headers"]}

    async def part(self) -> tuple[bytes, bool]:
        """Return the next part of the answer's body, and whether there are more."""
        message = await self._next()
        assert message["type"] == "http.response.body"
        return message.get("body", b""), message.get("more_body", False)

    async def rest(self) -> bytes:
        """Return the rest of the answer's body."""
        body, more = b"", True
        while more:
            part, more = await self.part()
            body += part
        return body

    async def until(self, text: str) -> str:
        """Return the body's text up to and with the part that has `text` in it."""
        found = ""
        while text not in found:
            part, more = await self.part()
            found += part.decode()
            assert more or text in found, f"{text!r} never came; all that did: {found!r}"
        return found

    async def _next(self) -> Message:
        async with asyncio.timeout(DEADLINE_S):
            return await self._sent.get()

    async def _receive(self) -> Message:
        if self._pieces:
            piece = self._pieces.pop(0)
            self.read += len(piece)
            return {"type": "http.request", "body": piece, "more_body": self._promises()}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    def _promises(self) -> bool:
        return bool(self._pieces) or self._stalls

    async def _send(self, message: Message) -> None:
        await self.reads.wait()
        self._sent.put_nowait(message)


def _scope(method: str, path: str, headers: list[tuple[str, str]]) -> dict[str, object]:
    if not any(name.lower() == "host" for name, _ in headers):
        headers = [("host", "127.0.0.1:5000"), *headers]
    path, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        "client": ("127.0.0.1", 40000),
        "server": ("127.0.0.1", 5000),
        "state": {},
    }
