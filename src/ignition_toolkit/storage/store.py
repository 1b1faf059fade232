"""The store: what the rest of the server sees of the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import exc

from ignition_toolkit.errors import StoreError
from ignition_toolkit.storage import reads, sqlite
from ignition_toolkit.storage.changes import Change
from ignition_toolkit.storage.rows import EventRow, ExecutionRow, StepRow
from ignition_toolkit.storage.schema import prepare_schema
from ignition_toolkit.storage.writer import Behind, Writer

_GREATEST = 2**63 - 1


class Store:
    """Executions, their steps and their events, in a database with one writer.

    Every method may be called from any thread. `submit` and `behind` never block and may be
    called on an event loop; the others wait for the database and belong in a thread.
    """

    def __init__(self, path: Path, writer: Writer, readers: sa.Engine) -> None:
        self._path = path
        self._writer = writer
        self._readers = readers
        self._closed = False

    @classmethod
    def open(cls, url: str, *, on_commit: Callable[[list[EventRow]], None] | None = None) -> Store:
        """Open a database, made and migrated where needed, and start its writer.

        Args:
            url: `sqlite:////absolute/path`, see `database_url`. The file is made for this user
                alone; its folder must exist.
            on_commit: called on the writer's thread with the events of each transaction, in the
                order of their numbers, after the commit: what it sees is in the database. It must
                be quick, and what it raises is logged.

        Raises:
            StoreError: no database can be opened there; the message says what was found and what
                to do.
        """
        path = sqlite.database_path(url)
        sqlite.ensure_file(path)
        try:
            connection = _migrated(path)
        except (exc.DBAPIError, sqlite.DriverError) as error:
            raise StoreError(
                f"The database {path} cannot be opened: {sqlite.reason(error)}. "
                f"{sqlite.advice(error)}"
            ) from error
        writer = Writer(connection, path, on_commit)
        return cls(path, writer, sqlite.reading_engine(path))

    def submit(self, changes: Sequence[Change]) -> Future[None]:
        """Have changes written as one group: all of them are committed, or none.

        Returns at once. Groups are committed in the order of their submits. While the database is
        locked or its disk is full, they wait; only log events beyond `MAX_WAITING_LOGS` do not.

        Returns:
            A future, done when the group is committed and `on_commit` was called. It fails with
            StoreError if the group itself cannot be stored (nothing else is affected), or if it
            was not written when the store was closed. It cannot be cancelled: who stops waiting
            withdraws nothing. It is done at once where nothing of the group is kept.

        Raises:
            StoreError: the store is closed.
        """
        return self._writer.submit(changes)

    def behind(self) -> Behind:
        """Return how far the database is behind what was submitted."""
        return self._writer.behind()

    def flush(self, timeout: float) -> bool:
        """Wait until all that was submitted so far is committed or has failed by itself.

        Returns:
            False if that took longer than `timeout` seconds.
        """
        return self._writer.flush(timeout)

    def close(self, timeout: float = 5.0) -> None:
        """Write what can be written within `timeout` seconds, then close. May be called twice.

        Raises:
            StoreError: something could not be written; says how many changes, and why.
        """
        self._closed = True
        # Readers first: the last connection that closes moves the log into the database.
        self._readers.dispose()
        self._writer.close(timeout)

    def executions(
        self, *, status: str | None = None, limit: int = 50, offset: int = 0
    ) -> tuple[list[ExecutionRow], int]:
        """Return a page of executions, newest first, and how many there are in all.

        The rows' `snapshot` is None.

        Raises:
            StoreError: the database cannot be read; so do all reads.
        """
        with self._reading() as connection:
            return reads.executions_page(connection, status, _count(limit), _count(offset))

    def execution(self, execution_id: str) -> ExecutionRow | None:
        """Return one execution, or None if there is none of that id."""
        with self._reading() as connection:
            return reads.execution_by_id(connection, execution_id)

    def step_runs(self, execution_id: str) -> list[StepRow]:
        """Return the steps of an execution, by `seq`."""
        with self._reading() as connection:
            return reads.steps_of(connection, execution_id)

    def events(
        self, *, after: int, execution_id: str | None = None, limit: int = 500
    ) -> list[EventRow]:
        """Return at most `limit` events whose number is greater than `after`, by number.

        An event never appears behind one that was already returned.
        """
        with self._reading() as connection:
            return reads.events_after(connection, _number(after), execution_id, _count(limit))

    def recent_events(self, execution_id: str, *, kind: str, limit: int) -> list[EventRow]:
        """Return the newest events of one execution and kind, at most `limit`, oldest first."""
        with self._reading() as connection:
            return reads.newest_events(connection, execution_id, kind, _count(limit))

    def last_event_id(self) -> int:
        """Return the greatest number that an event was ever given, 0 before the first."""
        with self._reading() as connection:
            return sqlite.last_event_number(connection)

    def unfinished(self) -> list[ExecutionRow]:
        """Return the executions that are not over, oldest first."""
        with self._reading() as connection:
            return reads.unfinished_executions(connection)

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        if self._closed:
            raise StoreError(f"The store of {self._path} is closed; nothing more is read.")
        try:
            with self._readers.connect() as connection:
                yield connection
        except (exc.DBAPIError, exc.TimeoutError) as error:
            raise StoreError(
                f"The database {self._path} cannot be read: {sqlite.reason(error)}. "
                f"{sqlite.advice(error)}"
            ) from error


def _migrated(path: Path) -> sa.Connection:
    connection = sqlite.writing_engine(path).connect()
    try:
        prepare_schema(connection, path)
        sqlite.set_busy_timeout(connection, sqlite.WRITER_BUSY_S)
    except BaseException:  # no border: closes what was opened, and raises again
        connection.close()
        raise
    return connection


def _count(number: int) -> int:
    # SQLite reads a negative limit as none at all.
    if number < 0:
        raise ValueError(f"expected a number of rows of 0 or more, got {number}")
    return _number(number)


def _number(number: int) -> int:
    # Clients choose these, and a greater one cannot be bound.
    return min(number, _GREATEST)
