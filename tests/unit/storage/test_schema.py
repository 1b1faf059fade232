"""The migrations, and the databases that are refused."""

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import op
from alembic.script import ScriptDirectory

from ignition_toolkit.errors import StoreError
from ignition_toolkit.storage import Store, database_url
from ignition_toolkit.storage import schema as schema_module
from ignition_toolkit.storage.tables import metadata
from tests.unit.storage.samples import add, execution, locked, open_store


def statements(path: Path) -> dict[str, str]:
    """Return the statement that made each table and index, white space levelled."""
    connection = sqlite3.connect(path)
    try:
        found = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
    finally:
        connection.close()
    return {name: " ".join(sql.split()) for name, sql in found}


def test_migrated_schema_equals_the_metadata(tmp_path: Path) -> None:
    with open_store(tmp_path / "migrated.db"):
        pass
    engine = sa.create_engine(database_url(tmp_path / "made.db"))
    metadata.create_all(engine)
    engine.dispose()
    migrated = statements(tmp_path / "migrated.db")
    assert "alembic_version" in migrated
    del migrated["alembic_version"]
    assert migrated == statements(tmp_path / "made.db")
    assert {"executions", "step_runs", "events"} <= migrated.keys()


def test_head_names_the_newest_migration() -> None:
    scripts = ScriptDirectory(str(schema_module._MIGRATIONS))
    assert scripts.get_heads() == [schema_module.HEAD]


def test_a_database_is_opened_again_with_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "itk.db"
    with open_store(path) as store:
        add(store, execution("one"))
    with open_store(path) as store:
        assert store.execution("one") == execution("one")


def test_a_ready_database_opens_while_another_process_writes(tmp_path: Path) -> None:
    path = tmp_path / "itk.db"
    with open_store(path) as store:
        add(store, execution("one"))
        with locked(path):
            again = Store.open(database_url(path))
            assert again.execution("one") is not None
            again.close()


def test_a_failed_migration_leaves_an_empty_database_that_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "itk.db"

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(op, "create_index", full)
        with pytest.raises(StoreError, match=r"disk is full\. Make space"):
            Store.open(database_url(path))
    assert statements(path) == {}
    with open_store(path) as store:
        add(store, execution("one"))


def test_a_database_of_a_newer_release_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "itk.db"
    with open_store(path) as store:
        add(store, execution("one"))
    set_version(path, "itk9999")
    with pytest.raises(StoreError, match=r"schema 'itk9999'.*up to 'itk0001'.*newer release"):
        Store.open(database_url(path))
    set_version(path, "itk0001")
    with open_store(path) as store:
        assert store.execution("one") is not None


def set_version(path: Path, version: str) -> None:
    """Write the schema's number as another release would."""
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = ?", [version])
    connection.commit()
    connection.close()


def test_another_programs_database_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "itk.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()
    with pytest.raises(StoreError, match=r"another program \(its tables: recipes\)"):
        Store.open(database_url(path))
    assert list(statements(path)) == ["recipes"]


@pytest.mark.parametrize("content", [b"hello, this is a letter\n" * 100, b"\0" * 5000, b"{}"])
def test_a_file_that_is_no_database_is_refused_untouched(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "itk.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="Expected an SQLite database") as caught:
        Store.open(database_url(path))
    assert str(path) in str(caught.value)
    assert path.read_bytes() == content


def test_a_damaged_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "itk.db"
    with open_store(path) as store:
        add(store, *(execution(str(number)) for number in range(100)))
    data = bytearray(path.read_bytes())
    data[100:4096] = b"\xff" * (4096 - 100)
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"malformed.*put a backup in its place"):
        Store.open(database_url(path))
