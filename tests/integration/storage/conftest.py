"""The store's tests run on SQLite and on PostgreSQL, the server started once for all of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ignition_toolkit.storage import Store
from tests.integration.storage.cluster import Cluster, running_cluster
from tests.integration.storage.databases import DATABASE, Database, PostgresDatabase, SqliteFile
from tests.unit.storage.samples import opened


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Give the PostgreSQL server of all tests, which they do not stop."""
    with running_cluster() as running:
        with running.connect() as connection:
            connection.execute(f"CREATE DATABASE {DATABASE}")
        yield running


@pytest.fixture
def postgres(cluster: Cluster) -> PostgresDatabase:
    """Give an empty database on PostgreSQL."""
    database = PostgresDatabase(cluster)
    database.make_empty()
    return database


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest) -> Cluster | None:
    """Have each test that needs a database run on both; None stands for SQLite."""
    if request.param == "sqlite":
        return None
    running: Cluster = request.getfixturevalue("cluster")
    return running


@pytest.fixture
def database(server: Cluster | None, tmp_path: Path) -> Database:
    """Give an empty database."""
    if server is None:
        return SqliteFile(tmp_path / "itk.db")
    database = PostgresDatabase(server)
    database.make_empty()
    return database


@pytest.fixture
def store(database: Database) -> Iterator[Store]:
    """Give a store on an empty database."""
    with opened(database.url) as store:
        yield store
