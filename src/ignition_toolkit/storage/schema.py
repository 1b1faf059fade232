"""Brings a database to the schema of this release. Alembic is loaded only when there is work."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from ignition_toolkit.errors import StoreError

#: The newest migration; a database that has it is ready.
HEAD = "itk0001"

_MIGRATIONS = Path(__file__).with_name("migrations")


def prepare_schema(connection: sa.Connection, path: Path) -> None:
    """Run the migrations that the database lacks, all in one transaction.

    Args:
        connection: one of the writing engine, in no transaction.
        path: the database's file, for messages.

    Raises:
        StoreError: a newer release wrote the database, or it is another program's.
        sqlalchemy.exc.DBAPIError: it cannot be read or written.
    """
    found = _revision(connection, path)
    if found == HEAD:
        return
    if found is not None and not _is_known(found):
        raise StoreError(
            f"The database {path} has the schema {found!r}; this release of ignition-toolkit "
            f"knows schemas up to {HEAD!r}. A newer release wrote it: run that release, or "
            "choose another data folder."
        )
    _upgrade(connection)


def _revision(connection: sa.Connection, path: Path) -> str | None:
    # The driver's own cursor: reading the schema must not wait for the write lock.
    cursor = connection.connection.cursor()
    cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    tables = [name for (name,) in cursor.fetchall()]
    if "alembic_version" in tables:
        cursor.execute("SELECT version_num FROM alembic_version")
        return next((str(version) for (version,) in cursor.fetchall()), None)
    if tables:
        raise StoreError(
            f"Expected a database of ignition-toolkit at {path}, found one of another program "
            f"(its tables: {', '.join(tables[:5])}). Choose another data folder."
        )
    return None


def _is_known(revision: str) -> bool:
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(_MIGRATIONS))
    return revision in {script.revision for script in scripts.walk_revisions()}


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    # The configuration interpolates per cent signs.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    with connection.begin():
        command.upgrade(config, "head")
