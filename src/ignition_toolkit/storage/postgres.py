"""What is particular to PostgreSQL: sessions, the write lock, and what its errors mean.

For the store's tests, and for several machines later; the product's settings refuse it for now.
Its driver is not among what the package installs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

# Any: the driver's connection and error, whose package need not be installed.
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.pool import NullPool, QueuePool

from ignition_toolkit.errors import StoreError
from ignition_toolkit.storage.backend import KEPT_READERS, READERS, SYNCED
from ignition_toolkit.storage.failures import reason

#: The advisory lock that every writing transaction holds; "itk" and a number of its own.
_WRITE_LOCK = 0x69_74_6B_00_00_00_00_01
_ONE_WRITER = sa.text("SELECT pg_advisory_xact_lock(:key)").bindparams(key=_WRITE_LOCK)
_MAY_BE_LOST = sa.text("SET LOCAL synchronous_commit = off")
_SIZE = sa.text("SELECT pg_database_size(current_database())")

#: Seconds after which a reader's statement is ended.
_READING_S = 30.0

#: Classes of errors that what was bound causes: data, constraints, limits of the program.
_OWN_CLASSES = ("22", "23", "54")

_SESSION = {
    "application_name": "ignition-toolkit",
    "client_encoding": "utf8",
    "connect_timeout": 2,
    # A server that vanished without a word is noticed after about ten seconds.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}

_ADVICE = {
    "lock timeout": "Another session holds its tables; end it, or wait until it is done.",
    "statement timeout": "Another session slows it down; end it, or try again.",
    "No space left": "Make space on the server's disk.",
    "read-only": "Name the server that may be written to, not a copy of it.",
    "permission denied": "Let this user make tables in the database.",
    "authentication failed": "Check the user and the password in the database URL.",
    "does not exist": "Make that database and its user, or name others in the database URL.",
    "too many": "Let the server take more connections, or end some.",
    "in use": "Read less at the same time, or try again.",
}


@dataclass(frozen=True)
class Postgres:
    """A database on a server; its text form is the URL without the password. See `Backend`."""

    url: sa.URL

    def __str__(self) -> str:
        return self.url.render_as_string(hide_password=True)

    def ensure(self) -> None:
        """Check that there is a driver; the database is the operator's to make."""
        try:
            self.url.get_dialect().import_dbapi()
        except ImportError as error:
            raise StoreError(
                f"Expected the package psycopg, to reach {self}, found: {error}. Install it, or "
                "use an SQLite database."
            ) from error

    def writing_engine(self, busy_s: float) -> sa.Engine:
        """Return an engine whose transactions begin with the writers' lock."""
        engine = sa.create_engine(
            self.url,
            poolclass=NullPool,
            connect_args=_SESSION,
            # A message must never show what was bound.
            hide_parameters=True,
        )
        sa.event.listen(engine, "connect", _settings(lock_timeout=busy_s))
        sa.event.listen(engine, "begin", _begin_writing)
        return engine

    def reading_engine(self, busy_s: float) -> sa.Engine:
        """Return a pooled engine whose sessions cannot write."""
        engine = sa.create_engine(
            self.url,
            poolclass=QueuePool,
            pool_size=KEPT_READERS,
            max_overflow=READERS - KEPT_READERS,
            pool_timeout=busy_s,
            # Connections from before a restart of the server are replaced unseen.
            pool_pre_ping=True,
            isolation_level="REPEATABLE READ",
            connect_args=_SESSION,
            hide_parameters=True,
        )
        forbid = _settings(lock_timeout=busy_s, statement_timeout=_READING_S, read_only=True)
        sa.event.listen(engine, "connect", forbid)
        return engine

    def is_outside(self, error: Exception) -> bool:
        """See `Backend`: all but the classes of errors that what was bound causes."""
        if not isinstance(error, exc.DBAPIError):
            return False
        state = getattr(error.orig, "sqlstate", None)
        if state is None:
            return not isinstance(error, exc.DataError)
        return not state.startswith(_OWN_CLASSES)

    def advice(self, error: BaseException) -> str:
        """See `Backend`."""
        words = reason(error)
        found = (text for fragment, text in _ADVICE.items() if fragment in words)
        return next(found, "Check that the server runs and that the database URL is right.")

    def size(self, connection: sa.Connection) -> int:
        """Return the bytes of the database, its indexes included, its log not."""
        return int(connection.scalars(_SIZE).one())

    def give_back(self, connection: sa.Connection, pages: int) -> bool:
        """Do nothing: the server's own vacuum makes the space usable again."""
        return False


def _settings(
    *, lock_timeout: float, statement_timeout: float = 0.0, read_only: bool = False
) -> Callable[[Any, object], None]:
    settings = (
        f"SET lock_timeout = {round(lock_timeout * 1000)}",
        f"SET statement_timeout = {round(statement_timeout * 1000)}",
        f"SET default_transaction_read_only = {'on' if read_only else 'off'}",
    )

    def connected(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("; ".join(settings))
        connection.commit()

    return connected


def _begin_writing(connection: sa.Connection) -> None:
    connection.execute(_ONE_WRITER)
    if connection.get_execution_options().get(SYNCED, True) is None:
        # Anything else is on the disk: the server can crash while those who saw it live on.
        connection.execute(_MAY_BE_LOST)
