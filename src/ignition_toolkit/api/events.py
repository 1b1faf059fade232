"""Live events as server-sent events: no gap, no duplicate, and nothing kept for a slow reader.

A stream reads the store by number and sleeps on the hub in between. What it holds is one batch,
so a client that does not read costs one batch and one parked task until it leaves.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing, closing
from typing import Annotated

from fastapi import Depends, Header, Query
from fastapi.exceptions import RequestValidationError
from fastapi.sse import EventSourceResponse, format_sse_event
from starlette.types import Send

from ignition_toolkit.api.worker_port import WorkerPort
from ignition_toolkit.errors import StoreError
from ignition_toolkit.execution.hub import Subscription
from ignition_toolkit.playbook.models import ExecutionStatus
from ignition_toolkit.storage import EventRow

logger = logging.getLogger(__name__)

#: Seconds without an event after which a comment keeps the connection alive.
KEEP_ALIVE_S = 15.0

#: Seconds that the stream of one execution stays open after its final event.
LINGER_S = 0.3

#: Seconds between two reads of one stream at most this often, so that ten open pages and a
#: step that prints without end do not keep a core busy.
PAUSE_S = 0.01

BATCH_ROWS = 200
CHUNK_BYTES = 64 * 1024

#: The largest number that the database can hold.
MAX_EVENT_ID = 2**63 - 1

#: A browser that lost the stream comes back after a second.
_OPENING = format_sse_event(retry=1000, comment="events follow")
_KEEP_ALIVE = format_sse_event(comment="keep-alive")
_END = format_sse_event(comment="the execution is over, nothing follows")
_UNREADABLE = format_sse_event(comment="the database cannot be read, come back")


class EventStream(EventSourceResponse):
    """The answer whose body is a stream of events."""

    def __init__(self, events: AsyncIterator[bytes]) -> None:
        # A proxy that buffers would hold back a cancel's news.
        super().__init__(events, headers={"cache-control": "no-store", "x-accel-buffering": "no"})

    async def stream_response(self, send: Send) -> None:
        """Send the events; when the client leaves, the stream ends with this call, not later."""
        async with aclosing(self.body_iterator):  # type: ignore[type-var]
            await super().stream_response(send)


async def _position(
    header: Annotated[str | None, Header(alias="Last-Event-ID")] = None,
    query: Annotated[str | None, Query(alias="last_event_id")] = None,
) -> int | None:
    # A browser that reconnects sends the header beside the address's older query.
    name, text = ("Last-Event-ID", header) if header else ("last_event_id", query)
    if not text:
        return None
    if text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= MAX_EVENT_ID:
        return int(text)
    message = "expected the number of an event, as the stream's `id:` lines give it"
    raise RequestValidationError([{"loc": ("header", name), "msg": message}])


#: The number of the last event that the client has seen, None for a client that is new.
PositionOf = Annotated[int | None, Depends(_position)]


async def start_of(worker: WorkerPort, position: int | None, *, fresh: int | None) -> int:
    """Return the number after which a stream begins.

    Args:
        position: the last event that the client has seen.
        fresh: where a new client begins; None: behind the newest event.

    A number that was never given out comes from another data folder: that client is new.
    """
    if position is None or position > 0:
        newest = await worker.last_event_id()
        if position is None or position > newest:
            return newest if fresh is None else fresh
    return position


def everything(worker: WorkerPort, after: int) -> AsyncIterator[bytes]:
    """Stream the events of all executions until the client leaves or the server stops."""
    return _Reader(worker, None, after).parts()


def of_execution(worker: WorkerPort, execution_id: str, after: int) -> AsyncIterator[bytes]:
    """Stream the events of one execution; ends LINGER_S after its final one was sent."""
    return _Reader(worker, execution_id, after).parts()


class _Reader:
    """Reads what comes after a number, and waits for more."""

    def __init__(self, worker: WorkerPort, execution_id: str | None, after: int) -> None:
        self._worker = worker
        self._execution_id = execution_id
        self._after = after
        self._sent_at = time.monotonic()
        self._end_at: float | None = None

    async def parts(self) -> AsyncIterator[bytes]:
        """Give the stream piece by piece. However it ends, its subscription ends with it."""
        # Subscribed before the first read: what is committed in between rings.
        with closing(self._worker.hub.subscribe(self._execution_id)) as subscription:
            yield _OPENING
            more = True
            while more:
                try:
                    rows = await self._next_rows()
                except StoreError as error:
                    logger.warning("a stream ends: %s", error, extra={"action": "api.stream"})
                    yield _UNREADABLE
                    return
                for chunk in _chunks(rows):
                    yield chunk
                    self._sent_at = time.monotonic()
                more = len(rows) == BATCH_ROWS or await self._more(subscription)
                if self._is_silent():
                    yield _KEEP_ALIVE
                    self._sent_at = time.monotonic()
            if self._end_at is not None:
                yield _END

    async def _next_rows(self) -> Sequence[EventRow]:
        rows = await self._worker.events(
            after=self._after, execution_id=self._execution_id, limit=BATCH_ROWS
        )
        if rows:
            self._after = rows[-1].id
        if self._execution_id is not None and any(map(is_final, rows)):
            self._end_at = time.monotonic() + LINGER_S
        return rows

    async def _more(self, subscription: Subscription) -> bool:
        """Wait for news or for the next keep-alive; returns False when the stream is over."""
        if subscription.over:
            return False
        until = self._sent_at + KEEP_ALIVE_S if self._end_at is None else self._end_at
        left = until - time.monotonic()
        if self._end_at is not None and left <= 0:
            return False
        await asyncio.sleep(PAUSE_S)
        await subscription.wait(max(0.0, left - PAUSE_S))
        return True

    def _is_silent(self) -> bool:
        return time.monotonic() - self._sent_at >= KEEP_ALIVE_S


def is_final(row: EventRow) -> bool:
    """Whether this event says that its execution is over."""
    return row.kind == "execution" and ExecutionStatus(row.data["status"]).final


def _chunks(rows: Iterable[EventRow]) -> Iterator[bytes]:
    chunk = bytearray()
    for row in rows:
        chunk += _encoded(row)
        if len(chunk) >= CHUNK_BYTES:
            yield bytes(chunk)
            chunk.clear()
    if chunk:
        yield bytes(chunk)


def _encoded(row: EventRow) -> bytes:
    # JSON text has no line breaks of its own: one data line.
    data = json.dumps(row.data, ensure_ascii=False, separators=(",", ":"))
    return format_sse_event(id=str(row.id), event=row.kind, data_str=data)
