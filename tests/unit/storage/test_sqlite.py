"""What holds for a database file only."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from ignition_toolkit.errors import StoreError
from ignition_toolkit.storage import SetExecution, Store, database_url
from ignition_toolkit.storage.sqlite import Sqlite
from tests.unit.storage.samples import SOON_S, add, execution, open_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "itk.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with open_store(path) as opened:
        add(opened, execution("one"))
        yield opened


def test_a_final_state_is_synced_to_the_disk_and_others_are_not(store: Store) -> None:
    levels: list[int] = []

    def look(connection: sa.Connection) -> None:
        cursor = connection.connection.cursor()
        levels.append(cursor.execute("PRAGMA synchronous").fetchone()[0])

    sa.event.listen(sa.Engine, "commit", look)
    try:
        for final in (False, True, False):
            store.submit([SetExecution("one", {"status": "x"}, final=final)]).result(SOON_S)
    finally:
        sa.event.remove(sa.Engine, "commit", look)
    normal, full = 1, 2
    assert levels == [normal, full, normal]


def test_an_error_of_the_disk_is_told_from_one_of_the_group(path: Path) -> None:
    is_outside = Sqlite(path).is_outside

    def wrapped(error: sqlite3.Error) -> Exception:
        return sa.exc.DBAPIError.instance("x", None, error, sqlite3.Error)

    outside = [sqlite3.OperationalError, sqlite3.DatabaseError, sqlite3.InternalError]
    own = [sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError]
    assert all(is_outside(wrapped(kind("x"))) for kind in outside)
    assert not any(is_outside(wrapped(kind("x"))) for kind in own)
    assert not is_outside(OverflowError())


@pytest.mark.parametrize("content", [b"hello, this is a letter\n" * 100, b"\0" * 5000, b"{}"])
def test_a_file_that_is_no_database_is_refused_untouched(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreError, match="Expected an SQLite database") as caught:
        Store.open(database_url(path))
    assert str(path) in str(caught.value)
    assert path.read_bytes() == content


def test_a_damaged_database_is_refused(path: Path) -> None:
    with open_store(path) as store:
        add(store, *(execution(str(number)) for number in range(100)))
    data = bytearray(path.read_bytes())
    data[100:4096] = b"\xff" * (4096 - 100)
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"malformed.*put a backup in its place"):
        Store.open(database_url(path))
