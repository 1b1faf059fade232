"""The newest events, read and encoded once for all streams that are up to date."""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from fastapi.sse import format_sse_event

from ignition_toolkit.api.worker_port import WorkerPort
from ignition_toolkit.playbook.models import ExecutionStatus
from ignition_toolkit.storage import EventRow

#: Events that are read at once.
BATCH_ROWS = 200

#: What is kept for streams that are a little late: a bound in events and one in bytes.
KEPT_ROWS = 2000
KEPT_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Encoded:
    """One event as a stream sends it."""

    id: int
    execution_id: str
    #: Whether it says that its execution is over.
    final: bool
    text: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """What a stream sends next.

    `position`: every event of the stream up to this number has been seen with this batch.
    `more`: whether there is more at once. `history`: whether that is a long way to go.
    """

    events: list[Encoded]
    position: int
    more: bool
    history: bool = False


class Feed:
    """Gives streams their next events: from memory when they are up to date, else stored ones.

    To be used from one event loop. Raises what the worker's reads raise.
    """

    def __init__(self, worker: WorkerPort) -> None:
        self._worker = worker
        self._reading = asyncio.Lock()
        # Kept: every event after number `_from` up to number `_to`, in order. Nothing before the
        # first stream is up to date.
        self._kept: list[Encoded] = []
        self._from = 0
        self._to: int | None = None

    async def next(self, after: int, execution_id: str | None) -> Batch:
        """Return the next events after a number, of one execution or of all."""
        batch = await self._fresh(after, execution_id)
        return await self._stored(after, execution_id) if batch is None else batch

    async def _stored(self, after: int, execution_id: str | None) -> Batch:
        # Asked first: up to here nothing is missing when the rows are fewer than asked for.
        newest = await self._worker.last_event_id()
        rows = await self._worker.events(after=after, execution_id=execution_id, limit=BATCH_ROWS)
        events = [encoded(row) for row in rows]
        if len(rows) == BATCH_ROWS:
            return Batch(events, rows[-1].id, more=True, history=True)
        position = max(newest, rows[-1].id if rows else after)
        if self._to is None or position - self._to > KEPT_ROWS:
            # Nobody has been up to date for long: what is kept helps nobody.
            self._kept, self._from, self._to = [], position, position
        return Batch(events, position, more=False)

    async def _fresh(self, after: int, execution_id: str | None) -> Batch | None:
        """Return None when not everything after the number is in memory, or nearly."""
        if self._to is None or self._worker.hub.last_id - self._to > KEPT_ROWS:
            return None
        if after >= self._to:
            await self._read_on(after, self._to)
        if after < self._from:
            return None
        begin = bisect_right(self._kept, after, key=lambda event: event.id)
        mine = [e for e in self._kept[begin:] if execution_id in (None, e.execution_id)]
        position = max(after, self._to)
        # A commit after this look rings the stream's bell; one before it does not ring again.
        return Batch(mine, position, more=self._worker.hub.last_id > position)

    async def _read_on(self, after: int, to: int) -> None:
        """Read one batch behind what is kept, unless another stream just did."""
        async with self._reading:
            if self._to is None or self._to > after or self._to != to:
                return
            newest = self._worker.hub.last_id
            rows = await self._worker.events(after=to, execution_id=None, limit=BATCH_ROWS)
            self._forget_oldest()
            self._kept += [encoded(row) for row in rows]
            self._to = rows[-1].id if rows else to
            if len(rows) < BATCH_ROWS:
                # Also where the newest ones were removed since: nobody waits for them.
                self._to = max(self._to, newest)

    def _forget_oldest(self) -> None:
        size = sum(len(event.text) for event in self._kept)
        count = 0
        while count < len(self._kept) and (
            size > KEPT_BYTES or len(self._kept) - count > KEPT_ROWS
        ):
            size -= len(self._kept[count].text)
            count += 1
        if count:
            self._from = self._kept[count - 1].id
            del self._kept[:count]


def encoded(row: EventRow) -> Encoded:
    """Return an event as a stream sends it."""
    # JSON text has no line breaks of its own: one data line.
    data = json.dumps(row.data, ensure_ascii=False, separators=(",", ":"))
    text = format_sse_event(id=str(row.id), event=row.kind, data_str=data)
    return Encoded(row.id, row.execution_id, is_final(row), text)


def is_final(row: EventRow) -> bool:
    """Whether this event says that its execution is over."""
    return row.kind == "execution" and ExecutionStatus(row.data["status"]).final


def chunks(events: Iterable[Encoded], size: int) -> Iterable[bytes]:
    """Yield the events' texts in pieces of about `size` bytes, never parting an event."""
    chunk = bytearray()
    for event in events:
        chunk += event.text
        if len(chunk) >= size:
            yield bytes(chunk)
            chunk.clear()
    if chunk:
        yield bytes(chunk)
