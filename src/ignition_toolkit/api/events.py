"""Live events as server-sent events: no gap, no duplicate, and nothing kept for a slow reader.

A stream asks for what comes after a number and sleeps on the hub in between. What it holds is one
batch, so a client that does not read costs one batch and one parked task until it leaves.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, closing
from typing import Annotated

from fastapi import Depends, Header, Query
from fastapi.exceptions import RequestValidationError
from fastapi.sse import EventSourceResponse, format_sse_event
from starlette.types import Send

from ignition_toolkit.api.feed import Batch, Feed, chunks
from ignition_toolkit.api.worker_port import WorkerPort
from ignition_toolkit.errors import StoreError
from ignition_toolkit.execution.hub import EventHub, Subscription

logger = logging.getLogger(__name__)

#: Seconds without an event after which a comment keeps the connection alive.
KEEP_ALIVE_S = 15.0

#: Seconds that the stream of one execution stays open after its final event.
LINGER_S = 0.3

#: Seconds between two looks of one stream, so that ten open pages and a step that prints without
#: end do not keep a core busy.
PAUSE_S = 0.01

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


def stream(feed: Feed, hub: EventHub, after: int, execution_id: str | None) -> AsyncIterator[bytes]:
    """Stream the events after a number until the client leaves or the server stops.

    Args:
        feed: gives the events.
        hub: rings when there are new ones.
        after: number of the last event that the client has seen.
        execution_id: of this execution alone; the stream then ends LINGER_S after its final event
            was sent. None: of all.
    """
    return _Reader(feed, hub, after, execution_id).parts()


class _Reader:
    """Sends what comes after a number, and waits for more."""

    def __init__(self, feed: Feed, hub: EventHub, after: int, execution_id: str | None) -> None:
        self._feed = feed
        self._hub = hub
        self._after = after
        self._execution_id = execution_id
        self._sent_at = time.monotonic()
        self._end_at: float | None = None

    async def parts(self) -> AsyncIterator[bytes]:
        """Give the stream piece by piece. However it ends, its subscription ends with it."""
        # Subscribed before the first read: what is committed in between rings.
        with closing(self._hub.subscribe(self._execution_id)) as subscription:
            yield _OPENING
            more = True
            while more:
                try:
                    batch = await self._next()
                except StoreError as error:
                    logger.warning("a stream ends: %s", error, extra={"action": "api.stream"})
                    yield _UNREADABLE
                    return
                for chunk in chunks(batch.events, CHUNK_BYTES):
                    yield chunk
                    self._sent_at = time.monotonic()
                more = batch.more or await self._more(subscription)
                if self._is_silent():
                    yield _KEEP_ALIVE
                    self._sent_at = time.monotonic()
            if self._end_at is not None:
                yield _END

    async def _next(self) -> Batch:
        begin = time.monotonic()
        batch = await self._feed.next(self._after, self._execution_id)
        if batch.history:
            # Half of the time is left to others, however long a history somebody reads.
            await asyncio.sleep(time.monotonic() - begin)
        self._after = batch.position
        if self._execution_id is not None and any(event.final for event in batch.events):
            self._end_at = time.monotonic() + LINGER_S
        return batch

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
