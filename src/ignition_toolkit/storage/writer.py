"""The one writer: a thread that commits what waits, in order, as groups.

`submit` only appends to a queue. Whatever the database or the disk does, its callers go on; what
cannot be written is kept and tried again. Nothing outside this thread writes to the database.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import sqlalchemy as sa

from ignition_toolkit.errors import StoreError
from ignition_toolkit.storage.backend import SYNCED, Backend
from ignition_toolkit.storage.changes import Change, Prune
from ignition_toolkit.storage.chores import Chores, Pruning
from ignition_toolkit.storage.failures import reason, refused
from ignition_toolkit.storage.rows import EventRow
from ignition_toolkit.storage.waiting import Behind, Group, Waiting
from ignition_toolkit.storage.writes import apply, make_write, was_committed

logger = logging.getLogger(__name__)

#: What `close` waits beyond its timeout for a statement that is under way.
_CLOSE_MARGIN_S = 1.0


@dataclass(frozen=True, slots=True)
class _InDoubt:
    """A transaction whose commit failed: a server that vanished may have done it or not."""

    mark: str
    batch: list[Group]
    events: list[EventRow]


class Writer:
    """Owns the writing connection and the thread that uses it.

    Args:
        connection: of the writing engine; the thread closes it when it ends.
        backend: the database that it is a connection to.
        on_commit: called on the thread with the events of a transaction, after its commit.
    """

    def __init__(
        self,
        connection: sa.Connection,
        backend: Backend,
        on_commit: Callable[[list[EventRow]], None] | None,
    ) -> None:
        self._connection = connection
        self._backend = backend
        self._on_commit = on_commit
        self._waiting = Waiting()
        self._chores = Chores()
        self._in_doubt: _InDoubt | None = None
        # A daemon: a write that hangs in the kernel must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="itk-store-writer", daemon=True)
        self._thread.start()

    def submit(self, changes: Sequence[Change]) -> Future[None]:
        """See `Store.submit`."""
        done: Future[None] = Future()
        # From here on it cannot be cancelled: a caller who stops waiting withdraws nothing.
        done.set_running_or_notify_cancel()
        try:
            self._take(changes, done)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - the group's border: it alone fails
            done.set_exception(refused(error))
        return done

    def _take(self, changes: Sequence[Change], done: Future[None]) -> None:
        if len(changes) == 1 and isinstance(changes[0], Prune):
            taken = self._chores.add(Pruning(changes[0].execution_ids, self._backend, done))
            self._waiting.nudge()
        else:
            kept = self._waiting.add([make_write(change) for change in changes], done)
            taken = kept is not None
            if kept is False:
                done.set_result(None)
        if not taken:
            raise StoreError(f"The store of {self._backend} is closed; nothing more is written.")

    def behind(self) -> Behind:
        """See `Store.behind`."""
        return self._waiting.behind()

    def flush(self, timeout: float) -> bool:
        """See `Store.flush`."""
        return self._waiting.flush(timeout)

    def close(self, timeout: float) -> None:
        """See `Store.close`."""
        self._waiting.close(timeout)
        self._thread.join(timeout + _CLOSE_MARGIN_S)
        behind = self.behind()
        if behind.waiting:
            raise self._unwritten(behind)

    def _run(self) -> None:
        try:
            while True:
                self._waiting.wait()
                if self._waiting.is_over:
                    return
                if batch := self._waiting.batch():
                    self._write(batch)
                if self._chores and not self._waiting.is_closing:
                    self._advance()
        finally:
            self._give_up()
            self._connection.close()

    def _write(self, batch: list[Group]) -> None:
        try:
            # A batch in doubt is the head of the queue, as this one is.
            batch, events = self._committed_before() or (batch, self._commit(batch))
        except Exception as error:  # noqa: BLE001 - the border to the database and its driver
            if self._backend.is_outside(error):
                self._fall_behind(error)
            elif len(batch) > 1:
                self._waiting.separate(len(batch))
            else:
                self._settle(batch, [], refused(error))
        else:
            self._settle(batch, events, None)

    def _commit(self, batch: list[Group]) -> list[EventRow]:
        synced = any(group.is_final for group in batch)
        self._connection.execution_options(**{SYNCED: synced})
        mark = secrets.token_hex(8)
        with self._connection.begin():
            writes = (write for group in batch for write in group.writes)
            events = apply(self._connection, writes, mark)
            self._in_doubt = _InDoubt(mark, batch, events)
        self._in_doubt = None
        return events

    def _committed_before(self) -> tuple[list[Group], list[EventRow]] | None:
        if (doubt := self._in_doubt) is None:
            return None
        with self._connection.begin():
            committed = was_committed(self._connection, doubt.mark)
        self._in_doubt = None
        return (doubt.batch, doubt.events) if committed else None

    def _settle(self, batch: list[Group], events: list[EventRow], error: StoreError | None) -> None:
        if self._waiting.settle(batch):
            logger.info(
                "%s can be written again", self._backend, extra={"action": "store_recovered"}
            )
        self._publish(events)
        for group in batch:
            if error is None:
                group.done.set_result(None)
            else:
                group.done.set_exception(error)
        self._waiting.tell_settled(len(batch))

    def _publish(self, events: list[EventRow]) -> None:
        if self._on_commit is None or not events:
            return
        try:
            self._on_commit(events)
        except Exception:  # the border to the listener: its failure must not stop the writing
            logger.exception("a listener of the store failed", extra={"action": "store_listener"})

    def _fall_behind(self, error: Exception) -> None:
        text = f"{reason(error)} ({self._backend}). {self._backend.advice(error)}"
        # Small steps first: where little space is left, some of it may still fit.
        self._waiting.separate(1)
        if self._waiting.fail(text):
            logger.warning(
                "changes that wait: %d; the database takes none: %s",
                self.behind().waiting,
                text,
                extra={"action": "store_behind"},
            )
        self._waiting.pause()

    def _advance(self) -> None:
        if self.behind().error is None:
            try:
                self._chores.advance(self._connection)
            except Exception as error:  # noqa: BLE001 - the chore's border: it alone fails
                self._chores.give_up(self._ended(error))
        if self._chores:
            self._waiting.nudge()

    def _give_up(self) -> None:
        unwritten = self._unwritten(self.behind())
        for group in self._waiting.rest():
            group.done.set_exception(unwritten)
        self._chores.close(
            StoreError("The store was closed before all was removed; prune again for the rest.")
        )

    def _ended(self, error: Exception) -> StoreError:
        if isinstance(error, StoreError):
            return error
        return StoreError(
            f"The removal ended early: {reason(error)} ({self._backend}). "
            f"{self._backend.advice(error)} What is left can be removed again."
        )

    def _unwritten(self, behind: Behind) -> StoreError:
        why = behind.error or "the time for closing was up."
        return StoreError(
            f"{behind.waiting} changes, the oldest of {behind.since}, were not written to "
            f"{self._backend}: {why}",
            changes=behind.waiting,
        )
