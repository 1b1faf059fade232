"""Brings a database to the schema of this release. Alembic is loaded only when there is work."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from ignition_toolkit.errors import StoreError
from ignition_toolkit.storage.backend import BUSY_S, Backend

#: The newest migration; a database that has it is ready.
HEAD = "itk0006"

_MIGRATIONS = Path(__file__).with_name("migrations")
_VERSION = sa.text("SELECT version_num FROM alembic_version")


def prepare_schema(backend: Backend, readers: sa.Engine) -> None:
    """Run the migrations that the database lacks, all in one transaction.

    Args:
        backend: the database.
        readers: its reading engine: looking at the schema waits for no writer.

    Raises:
        StoreError: a newer release wrote the database, or it is another program's.
        sqlalchemy.exc.DBAPIError: it cannot be read or written.
    """
    with readers.connect() as connection:
        found = _revision(connection, backend)
    if found == HEAD:
        return
    if found is not None and not _is_known(found):
        raise StoreError(
            f"The database {backend} has the schema {found!r}; this release of ignition-toolkit "
            f"knows schemas up to {HEAD!r}. A newer release wrote it: run that release, or "
            "choose another data folder."
        )
    with backend.writing_engine(BUSY_S).connect() as connection, connection.begin():
        _upgrade(connection)


def _revision(connection: sa.Connection, backend: Backend) -> str | None:
    tables = sa.inspect(connection).get_table_names()
    if "alembic_version" in tables:
        return connection.scalars(_VERSION).first()
    if tables:
        raise StoreError(
            f"Expected a database of ignition-toolkit at {backend}, found one of another program "
            f"(its tables: {', '.join(sorted(tables)[:5])}). Choose another data folder."
        )
    return None


def _is_known(revision: str) -> bool:
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(_MIGRATIONS))
    return revision in {script.revision for script in scripts.walk_revisions()}


def _upgrade(connection: sa.Connection, revision: str = HEAD) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    # The configuration interpolates per cent signs.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
