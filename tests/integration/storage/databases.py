"""The two databases that the store's tests run on, as other programs see them."""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString, Protocol

from ignition_toolkit.storage import database_url
from tests.integration.storage.cluster import Cluster
from tests.unit.storage import samples

DATABASE = "itk"


class Database(Protocol):
    """An empty database."""

    @property
    def locked_words(self) -> str:
        """What the driver says of a lock that is held."""
        ...

    @property
    def url(self) -> str:
        """What the store opens."""
        ...

    @property
    def name(self) -> str:
        """How the store's messages name it."""
        ...

    def make_empty(self) -> None:
        """Remove what is in it."""
        ...

    def locked(self) -> AbstractContextManager[None]:
        """Let nobody else write."""
        ...

    def run(self, statement: LiteralString) -> list[tuple[object, ...]]:
        """Run a statement in a session of its own; return the rows."""
        ...


@dataclass(frozen=True)
class SqliteFile:
    """A file that is not there yet."""

    path: Path
    locked_words: str = "database is locked"

    @property
    def url(self) -> str:
        return database_url(self.path)

    @property
    def name(self) -> str:
        return str(self.path)

    def make_empty(self) -> None:
        for end in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + end).unlink(missing_ok=True)

    def locked(self) -> AbstractContextManager[None]:
        return samples.locked(self.path)

    def run(self, statement: LiteralString) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            return connection.execute(statement).fetchall()


@dataclass(frozen=True)
class PostgresDatabase:
    """A database on the tests' own server."""

    cluster: Cluster
    locked_words: str = "canceling statement due to lock timeout"

    @property
    def url(self) -> str:
        return self.cluster.url(DATABASE)

    @property
    def name(self) -> str:
        return self.url

    @contextmanager
    def locked(self) -> Iterator[None]:
        with self.cluster.connect(DATABASE) as connection, connection.transaction():
            tables = "executions, step_runs, events, audit, store_state"
            connection.execute(f"LOCK TABLE {tables} IN EXCLUSIVE MODE")
            yield

    def run(self, statement: LiteralString) -> list[tuple[object, ...]]:
        with self.cluster.connect(DATABASE) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def make_empty(self) -> None:
        self.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        self.run("DROP SCHEMA public CASCADE")
        self.run("CREATE SCHEMA public")
