"""What is particular to SQLite: the file, its connections, and what its errors mean."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.pool import NullPool, QueuePool

from ignition_toolkit.errors import StoreError
from ignition_toolkit.storage.backend import KEPT_READERS, READERS, SYNCED
from ignition_toolkit.storage.failures import reason

EXPECTED_URL = "Expected a database URL like sqlite:////absolute/path/itk.db"

#: What `PRAGMA auto_vacuum` says where pages can be given back.
_INCREMENTAL = 2
_WAL_LIMIT_BYTES = 64 * 1024 * 1024
#: Unused pages that are kept, as the next runs take them again: one in so many, and a few.
_KEPT_SHARE = 10
_KEPT_PAGES = 256

_ADVICE = {
    "not a database": "Expected an SQLite database; move that file away, or choose another folder.",
    "malformed": "The database is damaged; put a backup in its place, or move it away.",
    "locked": "Another process holds the database; end it, or wait until it is done.",
    "readonly": "Let this user write to the file and to its folder.",
    "unable to open": "Let this user read and write the file and its folder.",
    "full": "Make space on that disk.",
    "disk I/O": "Check that disk, and the space on it.",
    "in use": "Read less at the same time, or try again.",
}


def database_url(path: Path) -> str:
    """Return the URL of a database file, whatever characters its path has."""
    return sa.URL.create("sqlite", database=str(path.absolute())).render_as_string()


@dataclass(frozen=True)
class Sqlite:
    """A database file; its text form is the path. See `Backend`."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @classmethod
    def of_url(cls, url: sa.URL) -> Self:
        """Return the file that an URL names.

        Raises:
            StoreError: the URL is not `sqlite:////absolute/path`.
        """
        if url.drivername != "sqlite":
            raise StoreError(f"{EXPECTED_URL}, found one for {url.drivername!r}.")
        path = Path(url.database or "")
        if not path.is_absolute():
            raise StoreError(
                f"{EXPECTED_URL}, found the path {str(path)!r}, which is not absolute."
            )
        return cls(path)

    def ensure(self) -> None:
        """Make the file, empty and for this user alone, unless it is there."""
        path = self.path
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise StoreError(
                f"Expected a database at {path} that can be read and written, found: "
                f"{error.strerror}. Check that its folder exists, that this user may write "
                "there, and that the disk is neither full nor read-only."
            ) from error
        if not os.access(path.parent, os.W_OK, effective_ids=True):
            raise StoreError(
                f"The folder {path.parent} cannot be written; SQLite keeps files beside "
                f"{path.name}. Let this user write to it, or choose another data folder."
            )

    def writing_engine(self, busy_s: float) -> sa.Engine:
        """Return an engine whose transactions are `BEGIN IMMEDIATE`."""
        engine = sa.create_engine(
            "sqlite://",
            creator=lambda: self._connect(busy_s),
            poolclass=NullPool,
            # A message must never show what was bound.
            hide_parameters=True,
        )
        sa.event.listen(engine, "begin", _begin_writing)
        return engine

    def reading_engine(self, busy_s: float) -> sa.Engine:
        """Return a pooled engine whose connections cannot write."""
        engine = sa.create_engine(
            "sqlite://",
            creator=lambda: self._connect(busy_s),
            poolclass=QueuePool,
            pool_size=KEPT_READERS,
            max_overflow=READERS - KEPT_READERS,
            pool_timeout=busy_s,
            hide_parameters=True,
        )
        sa.event.listen(engine, "connect", _forbid_writes)
        sa.event.listen(engine, "begin", _begin_reading)
        return engine

    def is_outside(self, error: Exception) -> bool:
        """See `Backend`: all that does not come from what was bound."""
        own = (exc.IntegrityError, exc.DataError, exc.ProgrammingError, exc.NotSupportedError)
        return isinstance(error, exc.DatabaseError) and not isinstance(error, own)

    def advice(self, error: BaseException) -> str:
        """See `Backend`."""
        words = reason(error)
        found = (text for fragment, text in _ADVICE.items() if fragment in words)
        return next(found, "Check the file and the disk that it is on.")

    def size(self, connection: sa.Connection) -> int:
        """Return the bytes of the pages in use; the file is larger, and has a log beside it."""
        free, pages, page_bytes = (
            _number(connection, name) for name in ("freelist_count", "page_count", "page_size")
        )
        return (pages - free) * page_bytes

    def give_back(self, connection: sa.Connection, pages: int) -> bool:
        """Move used pages into unused ones, from the file's end; see `Backend`.

        The file becomes shorter when the log is moved into it. One that was made without
        `auto_vacuum` keeps its pages and uses them again.
        """
        free, used, mode = (
            _number(connection, name) for name in ("freelist_count", "page_count", "auto_vacuum")
        )
        spare = free - max(_KEPT_PAGES, used // _KEPT_SHARE)
        if mode != _INCREMENTAL or spare <= 0:
            return False
        cursor = connection.connection.cursor()
        for _ in range(min(pages, spare)):
            # SQLite does one page at each step, whatever number is asked for, and the driver
            # takes one step.
            cursor.execute("PRAGMA incremental_vacuum(1)")
        return spare > pages

    def _connect(self, busy_s: float) -> sqlite3.Connection:
        # mode=rw: a file that was taken away under a running server must not come back empty.
        # isolation_level None: the driver begins nothing by itself, the listeners below do.
        connection = sqlite3.connect(
            f"{self.path.as_uri()}?mode=rw",
            uri=True,
            timeout=busy_s,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            _configure(connection, self.path)
        except BaseException:  # no border: closes what was opened, and raises again
            connection.close()
            raise
        return connection


def _configure(connection: sqlite3.Connection, path: Path) -> None:
    if path.stat().st_size == 0:
        # Possible only before the first page is written; asked for later, it would write.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StoreError(
            f"Expected a write-ahead log for {path}, SQLite offers {mode!r} there. "
            "Choose a data folder on a local disk."
        )
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")


def _number(connection: sa.Connection, pragma: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one())


def _forbid_writes(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA query_only = ON")


def _begin_writing(connection: sa.Connection) -> None:
    synced = connection.get_execution_options().get(SYNCED)
    # Outside a transaction only; in WAL mode FULL syncs at the commit, NORMAL at checkpoints.
    connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if synced else 'NORMAL'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_reading(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN")
