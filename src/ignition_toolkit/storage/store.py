"""The store: what the rest of the server sees of the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future

import sqlalchemy as sa
from sqlalchemy import exc

from ignition_toolkit.errors import StoreError
from ignition_toolkit.storage.backend import BUSY_S, WRITER_BUSY_S, Backend
from ignition_toolkit.storage.changes import Change
from ignition_toolkit.storage.databases import backend_of
from ignition_toolkit.storage.failures import reason
from ignition_toolkit.storage.reader import Reader
from ignition_toolkit.storage.rows import EventRow
from ignition_toolkit.storage.schema import prepare_schema
from ignition_toolkit.storage.waiting import Behind
from ignition_toolkit.storage.writer import Writer


class Store(Reader):
    """Executions, their steps and events, and who did what, in a database with one writer.

    Every method may be called from any thread. `submit` and `behind` never block and may be
    called on an event loop; the others wait for the database and belong in a thread.
    """

    def __init__(self, backend: Backend, readers: sa.Engine, writer: Writer) -> None:
        super().__init__(backend, readers)
        self._writer = writer

    @classmethod
    def open(cls, url: str, *, on_commit: Callable[[list[EventRow]], None] | None = None) -> Store:
        """Open a database, made and migrated where needed, and start its writer.

        Args:
            url: `sqlite:////absolute/path`, see `database_url`. The file is made for this user
                alone; its folder must exist. Or `postgresql+psycopg://...`, an empty database or
                one of ours.
            on_commit: called on the writer's thread with the events of each transaction, in the
                order of their numbers, after the commit: what it sees is in the database. It must
                be quick, and what it raises is logged.

        Raises:
            StoreError: no database can be opened there; the message says what was found and what
                to do.
        """
        backend = backend_of(url)
        backend.ensure()
        readers = backend.reading_engine(BUSY_S)
        try:
            prepare_schema(backend, readers)
            connection = backend.writing_engine(WRITER_BUSY_S).connect()
        except exc.DBAPIError as error:
            readers.dispose()
            raise StoreError(
                f"The database {backend} cannot be opened: {reason(error)}. {backend.advice(error)}"
            ) from error
        except BaseException:  # no border: closes what was opened, and raises again
            readers.dispose()
            raise
        return cls(backend, readers, Writer(connection, backend, on_commit))

    def submit(self, changes: Sequence[Change]) -> Future[None]:
        """Have changes written as one group: all of them are committed, or none.

        Returns at once. Groups are committed in the order of their submits. While the database is
        locked or its disk is full, they wait; only log events beyond `MAX_WAITING_LOGS` do not.

        Returns:
            A future, done when the group is committed and `on_commit` was called. It fails with
            StoreError if the group itself cannot be stored (nothing else is affected), or if it
            was not written when the store was closed. It cannot be cancelled: who stops waiting
            withdraws nothing. It is done at once where nothing of the group is kept. A group
            with `AddExecution(unless_key_since=...)` can fail with DuplicateKey; for `Prune` see
            there.

        Raises:
            StoreError: the store is closed.
        """
        return self._writer.submit(changes)

    def behind(self) -> Behind:
        """Return how far the database is behind what was submitted."""
        return self._writer.behind()

    def flush(self, timeout: float) -> bool:
        """Wait until all that was submitted so far, but `Prune`, is committed or refused.

        Returns:
            False if that took longer than `timeout` seconds.
        """
        return self._writer.flush(timeout)

    def close(self, timeout: float = 5.0) -> None:
        """Write what can be written within `timeout` seconds, then close. May be called twice.

        Raises:
            StoreError: something could not be written; says how many changes, and why.
        """
        # Readers first: the last connection that closes moves the log into the database.
        self.stop_reading()
        self._writer.close(timeout)
