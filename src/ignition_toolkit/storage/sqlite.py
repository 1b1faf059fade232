"""What is particular to SQLite: the file, its connections, and what its errors mean."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.pool import NullPool, QueuePool

from ignition_toolkit.errors import StoreError

#: Seconds that the writer waits for a lock; short, so that being behind is noticed.
WRITER_BUSY_S = 0.25
#: Seconds that a reader, and the migration at the start, wait for a lock.
BUSY_S = 2.0
#: Execution option of the writer's connection: sync the next transaction to the disk.
SYNCED = "itk_synced"

#: What the driver raises where SQLAlchemy does not stand between.
DriverError = sqlite3.Error

_READERS = 4
_MORE_READERS = 12
_WAL_LIMIT_BYTES = 64 * 1024 * 1024

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

#: The greatest number given so far; the table remembers it also when the newest rows are gone.
_LAST_NUMBER = sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'events'")


def database_url(path: Path) -> str:
    """Return the URL of a database file, whatever characters its path has."""
    return sa.URL.create("sqlite", database=str(path.absolute())).render_as_string()


def database_path(url: str) -> Path:
    """Return the file that an URL names.

    Raises:
        StoreError: the URL is not `sqlite:////absolute/path`.
    """
    expected = "Expected a database URL like sqlite:////absolute/path/itk.db"
    try:
        parsed = sa.make_url(url)
    except exc.ArgumentError as error:
        raise StoreError(f"{expected}, found text that is no URL.") from error
    if parsed.drivername != "sqlite":
        raise StoreError(f"{expected}, found one for {parsed.drivername!r}.")
    path = Path(parsed.database or "")
    if not path.is_absolute():
        raise StoreError(f"{expected}, found the path {str(path)!r}, which is not absolute.")
    return path


def ensure_file(path: Path) -> None:
    """Make the database's file, empty and for this user alone, unless it is there.

    Raises:
        StoreError: it cannot be made, or cannot be written where it is.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreError(
            f"Expected a database at {path} that can be read and written, found: {error.strerror}. "
            "Check that its folder exists, that this user may write there, and that the disk is "
            "neither full nor read-only."
        ) from error
    if not os.access(path.parent, os.W_OK, effective_ids=True):
        raise StoreError(
            f"The folder {path.parent} cannot be written; SQLite keeps files beside {path.name}. "
            "Let this user write to it, or choose another data folder."
        )


def writing_engine(path: Path) -> sa.Engine:
    """Return an engine whose transactions take the write lock when they begin."""
    engine = sa.create_engine(
        "sqlite://",
        creator=lambda: _connect(path),
        poolclass=NullPool,
        # A message must never show what was bound.
        hide_parameters=True,
    )
    sa.event.listen(engine, "begin", _begin_writing)
    return engine


def reading_engine(path: Path) -> sa.Engine:
    """Return a pooled engine whose connections cannot write; each transaction is one snapshot."""
    engine = sa.create_engine(
        "sqlite://",
        creator=lambda: _connect(path),
        poolclass=QueuePool,
        pool_size=_READERS,
        max_overflow=_MORE_READERS,
        pool_timeout=BUSY_S,
        hide_parameters=True,
    )
    sa.event.listen(engine, "connect", _forbid_writes)
    sa.event.listen(engine, "begin", _begin_reading)
    return engine


def set_busy_timeout(connection: sa.Connection, seconds: float) -> None:
    """Change how long the connection waits for a lock, without waiting for one."""
    connection.connection.cursor().execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")


def last_event_number(connection: sa.Connection) -> int:
    """Return the greatest number that an event was ever given, 0 before the first."""
    return connection.scalar(_LAST_NUMBER) or 0


def _connect(path: Path) -> sqlite3.Connection:
    # mode=rw: a file that was taken away under a running server must not come back empty.
    # isolation_level None: the driver begins nothing by itself, the listeners below do.
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_S,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        _configure(connection, path)
    except BaseException:  # no border: closes what was opened, and raises again
        connection.close()
        raise
    return connection


def _configure(connection: sqlite3.Connection, path: Path) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StoreError(
            f"Expected a write-ahead log for {path}, SQLite offers {mode!r} there. "
            "Choose a data folder on a local disk."
        )
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")


def _forbid_writes(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA query_only = ON")


def _begin_writing(connection: sa.Connection) -> None:
    synced = connection.get_execution_options().get(SYNCED, False)
    # Outside a transaction only; in WAL mode FULL syncs at the commit, NORMAL at checkpoints.
    connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if synced else 'NORMAL'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_reading(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def is_outside(error: Exception) -> bool:
    """Tell a failure of the database or its disk from one that a change itself causes."""
    own = (exc.IntegrityError, exc.DataError, exc.ProgrammingError, exc.NotSupportedError)
    return isinstance(error, exc.DatabaseError) and not isinstance(error, own)


def reason(error: BaseException) -> str:
    """Return a database error's own words, without the statement and without what was bound."""
    if isinstance(error, exc.TimeoutError):
        return f"all {_READERS + _MORE_READERS} reading connections are in use"
    return str(error.orig) if isinstance(error, exc.DBAPIError) else str(error)


def advice(error: BaseException) -> str:
    """Return what a person can do about a database error."""
    words = reason(error)
    found = (text for fragment, text in _ADVICE.items() if fragment in words)
    return next(found, "Check the file and the disk that it is on.")
