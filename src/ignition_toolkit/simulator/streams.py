"""Bodies of any size at constant memory: answers made piece by piece, uploads put into files."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import IO, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ignition_toolkit.simulator.answers import Refused

T = TypeVar("T")

#: Bytes that are held of a body.
PIECE_BYTES = 256 * 1024


class StreamedResponse(Response):
    """An answer whose body is made while it is sent, each piece in a thread.

    Args:
        pieces: called once; what it yields is the body.
        media_type: of the body.
        headers: further ones; with `Content-Length` where the length is known.

    Cancellation: after the piece that is being made, at once while one is being sent.
    """

    def __init__(
        self,
        pieces: Callable[[], Iterable[bytes]],
        media_type: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._pieces = pieces
        self.status_code = 200
        self.media_type = media_type
        self.background = None
        self.init_headers(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        iterator = iter(self._pieces())
        try:
            while piece := await in_thread(lambda: next(iterator, b"")):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        finally:
            _close(iterator)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _close(iterator: Iterator[bytes]) -> None:
    """Free what a generator holds; one whose thread is still at work frees it by itself."""
    if (close := getattr(iterator, "close", None)) is not None:
        with contextlib.suppress(ValueError):
            close()


async def in_thread(work: Callable[[], T]) -> T:
    """Return what a function returns that reads or writes a file. Its thread is not cancelled."""
    return await asyncio.get_running_loop().run_in_executor(None, work)


@contextlib.asynccontextmanager
async def uploaded(request: Request, max_bytes: int | None = None) -> AsyncIterator[IO[bytes]]:
    """Give the request's body as an open file without a name, at its beginning.

    Raises:
        Refused: 413 for more than `max_bytes`.
        ClientDisconnect: the client went away before it had sent all.
    """
    file = await in_thread(tempfile.TemporaryFile)
    try:
        await _fill(file, request, max_bytes)
        yield file
    finally:
        file.close()


async def _fill(file: IO[bytes], request: Request, max_bytes: int | None) -> None:
    received, waiting = 0, bytearray()
    async for piece in request.stream():
        received += len(piece)
        if max_bytes is not None and received > max_bytes:
            raise Refused(413)
        waiting += piece
        if len(waiting) >= PIECE_BYTES:
            full, waiting = bytes(waiting), bytearray()
            await in_thread(lambda data=full: file.write(data))  # type: ignore[misc]
    await in_thread(lambda: _finish(file, bytes(waiting)))


def _finish(file: IO[bytes], data: bytes) -> None:
    file.write(data)
    file.seek(0)
