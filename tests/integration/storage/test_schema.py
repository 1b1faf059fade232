"""The migrations, and the databases that are refused."""

import pytest
import sqlalchemy as sa
from alembic import op
from alembic.script import ScriptDirectory

from ignition_toolkit.errors import StoreError
from ignition_toolkit.playbook.models import ExecutionStatus
from ignition_toolkit.storage import Store, history, reads
from ignition_toolkit.storage import schema as schema_module
from ignition_toolkit.storage.backend import BUSY_S
from ignition_toolkit.storage.databases import backend_of
from ignition_toolkit.storage.schema import HEAD
from ignition_toolkit.storage.tables import metadata
from tests.integration.storage.databases import Database, SqliteFile
from tests.unit.storage.samples import SOON_S, add, event, execution, opened

SQLITE = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
POSTGRES = """
SELECT table_name || '.' || column_name,
       concat_ws(' ', ordinal_position, data_type, is_nullable, collation_name, column_default)
  FROM information_schema.columns WHERE table_schema = current_schema()
UNION ALL
SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()
UNION ALL
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
 WHERE connamespace = current_schema()::regnamespace
"""

FIRST_EXECUTION = """
INSERT INTO executions (id, playbook_name, playbook_path, status, snapshot, parameters,
                        secret_parameters, created_at, current_step_index, total_steps)
VALUES ('one', 'Restart', 'gateway/restart.yaml', 'pending', '{}', '{}',
        '[]', '2026-11-22T10:00:00.000007Z', 0, 0)
"""
FIRST_EVENT = """
INSERT INTO events (id, execution_id, kind, at, data)
VALUES (7, 'one', 'step', '2026-11-22T10:00:00.000007Z', '{"n": 1}')
"""


def schema_of(database: Database) -> dict[str, str]:
    """Return how each table, column, index and constraint was made, white space levelled."""
    rows = database.run(SQLITE if isinstance(database, SqliteFile) else POSTGRES)
    return {str(name): " ".join(str(made).split()) for name, made in rows}


def made_from_metadata(database: Database) -> dict[str, str]:
    """Make the tables in an empty database without migrations; return its schema."""
    backend = backend_of(database.url)
    backend.ensure()
    with backend.writing_engine(BUSY_S).begin() as connection:
        metadata.create_all(connection)
    return schema_of(database)


def test_migrated_schema_equals_the_metadata(database: Database) -> None:
    made = made_from_metadata(database)
    database.make_empty()
    with opened(database.url):
        migrated = schema_of(database)
    ours = {name: text for name, text in migrated.items() if "alembic_version" not in name}
    assert len(ours) < len(migrated)
    assert ours == made
    tables = {"executions", "step_runs", "events", "audit", "gateways", "store_state"}
    assert tables == metadata.tables.keys()


def test_head_names_the_newest_migration() -> None:
    scripts = ScriptDirectory(str(schema_module._MIGRATIONS))
    assert scripts.get_heads() == [schema_module.HEAD]


def test_the_queries_know_every_status() -> None:
    final = {"completed", *history.FAILURES}
    assert {status.value for status in ExecutionStatus if status.final} == final
    assert {status.value for status in ExecutionStatus if not status.final} == set(reads.UNFINISHED)


def test_a_database_is_opened_again_with_what_it_holds(database: Database) -> None:
    with opened(database.url) as store:
        add(store, execution("one"))
    with opened(database.url) as store:
        assert store.execution("one") == execution("one")


def test_a_database_of_the_first_schema_is_brought_up_with_what_it_holds(
    database: Database,
) -> None:
    backend = backend_of(database.url)
    backend.ensure()
    with backend.writing_engine(BUSY_S).begin() as connection:
        schema_module._upgrade(connection, "itk0001")
    database.run(FIRST_EXECUTION)
    database.run(FIRST_EVENT)
    with opened(database.url) as store:
        assert store.execution("one") == execution("one", snapshot={})
        assert store.last_event_id() == 7
        store.submit([event("one", 2)]).result(SOON_S)
        assert [row.id for row in store.events(after=0)] == [7, 8]


def test_a_ready_database_opens_while_another_process_writes(database: Database) -> None:
    with opened(database.url) as store:
        add(store, execution("one"))
        with database.locked():
            again = Store.open(database.url)
            assert again.execution("one") is not None
            again.close()


def test_a_failed_migration_leaves_an_empty_database_that_opens(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise sa.exc.OperationalError("", None, Exception("database or disk is full"))

    with monkeypatch.context() as patch:
        patch.setattr(op, "create_index", full)
        with pytest.raises(StoreError, match="cannot be opened: database or disk is full"):
            Store.open(database.url)
    assert schema_of(database) == {}
    with opened(database.url) as store:
        add(store, execution("one"))


def test_a_database_of_a_newer_release_is_refused_and_kept(database: Database) -> None:
    with opened(database.url) as store:
        add(store, execution("one"))
    database.run("UPDATE alembic_version SET version_num = 'itk9999'")
    with pytest.raises(StoreError, match=rf"schema 'itk9999'.*up to '{HEAD}'.*newer release"):
        Store.open(database.url)
    database.run(f"UPDATE alembic_version SET version_num = '{HEAD}'")
    with opened(database.url) as store:
        assert store.execution("one") is not None


def test_another_programs_database_is_refused_untouched(database: Database) -> None:
    database.run("CREATE TABLE recipes (name TEXT)")
    before = schema_of(database)
    with pytest.raises(StoreError, match=r"another program \(its tables: recipes\)") as caught:
        Store.open(database.url)
    assert database.name in str(caught.value)
    assert schema_of(database) == before


def test_two_stores_that_open_an_empty_database_at_once_both_get_it(database: Database) -> None:
    with opened(database.url) as one, opened(database.url) as other:
        add(one, execution("one"))
        assert other.execution("one") is not None
