"""The one writer: a thread that commits what waits, in order, as groups.

`submit` only appends to a queue. Whatever the database or the disk does, its callers go on; what
cannot be written is kept and tried again. Nothing outside this thread writes to the database.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import sqlalchemy as sa

from ignition_toolkit.errors import StoreError
from ignition_toolkit.storage.changes import Change
from ignition_toolkit.storage.rows import EventRow
from ignition_toolkit.storage.sqlite import SYNCED, advice, is_outside, reason
from ignition_toolkit.storage.writes import Write, apply, make_write

logger = logging.getLogger(__name__)

#: Log events that may wait; more are dropped and counted.
MAX_WAITING_LOGS = 50_000
#: Groups in one transaction.
MAX_BATCH = 256
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0
#: What `close` waits beyond its timeout for a statement that is under way.
_CLOSE_MARGIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Behind:
    """How far the database is behind what was submitted.

    `waiting` counts changes that are not committed, `since` is when the oldest of them was
    submitted, `error` is why the last attempt failed (None while writing works), `dropped_logs`
    counts log events that were never stored.
    """

    waiting: int
    since: datetime | None
    error: str | None
    dropped_logs: int


@dataclass(frozen=True, slots=True)
class _Group:
    writes: tuple[Write, ...]
    at: datetime
    done: Future[None]

    @property
    def is_final(self) -> bool:
        return any(write.is_final for write in self.writes)


class Writer:
    """Owns the writing connection and the thread that uses it.

    Args:
        connection: of the writing engine; the thread closes it when it ends.
        path: the database's file, for messages.
        on_commit: called on the thread with the events of a transaction, after its commit.
    """

    def __init__(
        self,
        connection: sa.Connection,
        path: Path,
        on_commit: Callable[[list[EventRow]], None] | None,
    ) -> None:
        self._connection = connection
        self._path = path
        self._on_commit = on_commit
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._settling = threading.Condition(self._lock)
        self._queue: deque[_Group] = deque()
        self._submitted = 0
        self._settled = 0
        self._waiting = 0
        self._waiting_logs = 0
        self._dropped_logs = 0
        self._error: str | None = None
        self._pause_s = _FIRST_PAUSE_S
        # Groups at the queue's head that are written alone, so that a bad one fails alone.
        self._alone = 0
        self._close_by: float | None = None
        # A daemon: a write that hangs in the kernel must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="itk-store-writer", daemon=True)
        self._thread.start()

    def submit(self, changes: Sequence[Change]) -> Future[None]:
        """See `Store.submit`."""
        done: Future[None] = Future()
        # From here on it cannot be cancelled: a caller who stops waiting withdraws nothing.
        done.set_running_or_notify_cancel()
        try:
            writes = [make_write(change) for change in changes]
        except Exception as error:  # noqa: BLE001 - the group's border: it alone fails
            writes = []
            done.set_exception(_refused(error))
        if not self._enqueue(writes, done) and not done.done():
            done.set_result(None)
        return done

    def behind(self) -> Behind:
        """See `Store.behind`."""
        with self._lock:
            since = self._queue[0].at if self._queue else None
            return Behind(self._waiting, since, self._error, self._dropped_logs)

    def flush(self, timeout: float) -> bool:
        """See `Store.flush`."""
        with self._lock:
            target = self._submitted
            return self._settling.wait_for(lambda: self._settled >= target, timeout)

    def close(self, timeout: float) -> None:
        """See `Store.close`."""
        with self._lock:
            if self._close_by is None:
                self._close_by = time.monotonic() + timeout
            self._work.notify_all()
        self._thread.join(timeout + _CLOSE_MARGIN_S)
        behind = self.behind()
        if behind.waiting:
            raise self._unwritten(behind)

    def _enqueue(self, writes: list[Write], done: Future[None]) -> bool:
        with self._lock:
            if self._close_by is not None:
                raise StoreError(f"The store of {self._path} is closed; nothing more is written.")
            kept = [write for write in writes if not (write.is_log and self._drops_log())]
            if not kept:
                return False
            self._queue.append(_Group(tuple(kept), datetime.now(UTC), done))
            self._submitted += 1
            self._waiting += len(kept)
            self._work.notify()
            return True

    def _drops_log(self) -> bool:
        if self._waiting_logs < MAX_WAITING_LOGS:
            self._waiting_logs += 1
            return False
        self._dropped_logs += 1
        return True

    def _run(self) -> None:
        try:
            while batch := self._next_batch():
                self._write(batch)
            self._give_up()
        finally:
            self._connection.close()

    def _next_batch(self) -> list[_Group]:
        with self._lock:
            # No deadline: an idle writer waits for work, and `close` is work.
            self._work.wait_for(lambda: self._queue or self._close_by is not None)
            if self._close_by is not None and time.monotonic() > self._close_by:
                return []
            return list(islice(self._queue, 1 if self._alone else MAX_BATCH))

    def _write(self, batch: list[_Group]) -> None:
        try:
            events = self._commit(batch)
        except Exception as error:  # noqa: BLE001 - the border to the database and its driver
            if is_outside(error):
                self._fall_behind(error)
            elif len(batch) > 1:
                self._alone = len(batch)
            else:
                self._settle(batch, [], _refused(error))
        else:
            self._settle(batch, events, None)

    def _commit(self, batch: list[_Group]) -> list[EventRow]:
        synced = any(group.is_final for group in batch)
        self._connection.execution_options(**{SYNCED: synced})
        with self._connection.begin():
            return apply(self._connection, (write for group in batch for write in group.writes))

    def _settle(
        self, batch: list[_Group], events: list[EventRow], error: StoreError | None
    ) -> None:
        self._recover(batch)
        self._publish(events)
        for group in batch:
            if error is None:
                group.done.set_result(None)
            else:
                group.done.set_exception(error)
        with self._lock:
            self._settled += len(batch)
            self._settling.notify_all()

    def _recover(self, batch: list[_Group]) -> None:
        with self._lock:
            for group in batch:
                self._queue.popleft()
                self._waiting -= len(group.writes)
                self._waiting_logs -= sum(write.is_log for write in group.writes)
            self._alone = max(0, self._alone - len(batch))
            was_behind = self._error is not None
            self._error = None
            self._pause_s = _FIRST_PAUSE_S
        if was_behind:
            logger.info("%s can be written again", self._path, extra={"action": "store_recovered"})

    def _publish(self, events: list[EventRow]) -> None:
        if self._on_commit is None or not events:
            return
        try:
            self._on_commit(events)
        except Exception:  # the border to the listener: its failure must not stop the writing
            logger.exception("a listener of the store failed", extra={"action": "store_listener"})

    def _fall_behind(self, error: Exception) -> None:
        text = f"{reason(error)} ({self._path}). {advice(error)}"
        with self._lock:
            began = self._error is None
            self._error = text
            waiting = self._waiting
            # Small steps first: where little space is left, some of it may still fit.
            self._alone = max(self._alone, 1)
        if began:
            logger.warning(
                "changes that wait: %d; the database takes none: %s",
                waiting,
                text,
                extra={"action": "store_behind"},
            )
        self._pause()

    def _pause(self) -> None:
        with self._lock:
            if self._close_by is not None:
                self._work.wait(_FIRST_PAUSE_S)
            else:
                self._work.wait_for(lambda: self._close_by is not None, self._pause_s)
                self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)

    def _give_up(self) -> None:
        with self._lock:
            rest = list(self._queue)
        if rest:
            error = self._unwritten(self.behind())
            for group in rest:
                group.done.set_exception(error)

    def _unwritten(self, behind: Behind) -> StoreError:
        why = behind.error or "the time for closing was up."
        return StoreError(
            f"{behind.waiting} changes, the oldest of {behind.since}, were not written to "
            f"{self._path}: {why}",
            changes=behind.waiting,
        )


def _refused(error: Exception) -> StoreError:
    made = StoreError(f"The changes of one group cannot be stored: {reason(error)}")
    made.__cause__ = error
    return made
