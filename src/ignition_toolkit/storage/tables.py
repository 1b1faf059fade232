"""The tables as SQLAlchemy sees them.

Migrations make them; `test_migrated_schema_equals_the_metadata` keeps both the same.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

# Any: a JSON column holds whatever JSON its writer chose.
from typing import Any

import sqlalchemy as sa

#: Text that sorts by code point, whatever language PostgreSQL was set up for.
Plain = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
#: As large as can be; SQLite fills a primary key by itself only if it is of this type.
Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class UtcTime(sa.TypeDecorator[datetime]):
    """An aware datetime, stored as RFC 3339 text in UTC with microseconds.

    Always the same length, so that the text sorts as the time does.
    """

    impl = Plain
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else utc_text(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value)


class JsonText(sa.TypeDecorator[Any]):
    """JSON as text. Written already encoded (see `values.py`), read back decoded."""

    impl = Plain
    cache_ok = True

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Any:
        return None if value is None else json.loads(value)


def utc_text(value: datetime) -> str:
    """Return an aware datetime as `2026-11-22T10:57:14.123456Z`."""
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

executions = sa.Table(
    "executions",
    metadata,
    sa.Column("id", Plain, primary_key=True),
    sa.Column("playbook_name", Plain, nullable=False),
    sa.Column("playbook_path", Plain, nullable=False),
    sa.Column("status", Plain, nullable=False),
    sa.Column("snapshot", JsonText, nullable=False),
    sa.Column("parameters", JsonText, nullable=False),
    sa.Column("secret_parameters", JsonText, nullable=False),
    sa.Column("waiting_for", JsonText),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("started_at", UtcTime),
    sa.Column("completed_at", UtcTime),
    sa.Column("current_step_index", sa.Integer, nullable=False),
    sa.Column("total_steps", sa.Integer, nullable=False),
    sa.Column("error", Plain),
    sa.Column("cancellation", JsonText),
    sa.Column("cancel_requested_at", UtcTime),
    sa.Column("cancel_requested_by", Plain),
    sa.Column("cancel_source", Plain),
    sa.Column("requested_by", Plain),
    sa.Column("owner", Plain),
    sa.Column("rerun_of", Plain),
    sa.Column("idempotency_key", Plain),
    sa.Column("rerun_from_step", Plain),
    sa.Column("idempotency_fingerprint", Plain),
    sa.Column("holds", JsonText),
    sa.Column("unredacted", JsonText),
    sa.Index(None, "created_at", "id"),
    sa.Index(None, "status", "created_at", "id"),
    sa.Index(None, "playbook_path", "created_at", "id"),
)
# Most executions have none of these; an index without those costs nothing for them.
for _column in (executions.c.rerun_of, executions.c.idempotency_key):
    sa.Index(
        None,
        _column,
        executions.c.created_at,
        sqlite_where=_column.is_not(None),
        postgresql_where=_column.is_not(None),
    )

for _name, _column in (
    ("ix_executions_holding", executions.c.holds),
    ("ix_executions_unredacted", executions.c.unredacted),
):
    sa.Index(
        _name,
        executions.c.created_at,
        executions.c.id,
        sqlite_where=_column.is_not(None),
        postgresql_where=_column.is_not(None),
    )

step_runs = sa.Table(
    "step_runs",
    metadata,
    sa.Column(
        "execution_id",
        Plain,
        sa.ForeignKey("executions.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("step_id", Plain, primary_key=True),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("step_name", Plain, nullable=False),
    sa.Column("parent_step_id", Plain),
    sa.Column("kind", Plain, nullable=False),
    sa.Column("status", Plain, nullable=False),
    sa.Column("started_at", UtcTime),
    sa.Column("completed_at", UtcTime),
    sa.Column("output", JsonText),
    sa.Column("error", Plain),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("cancellation", JsonText),
    sa.Column("variables", JsonText),
    sa.UniqueConstraint("execution_id", "seq"),
)

events = sa.Table(
    "events",
    metadata,
    # Given by the writer, see `store_state`.
    sa.Column("id", Number, primary_key=True, autoincrement=False),
    sa.Column(
        "execution_id",
        Plain,
        sa.ForeignKey("executions.id", ondelete="CASCADE"),
        nullable=False,
    ),
    sa.Column("kind", Plain, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("data", JsonText, nullable=False),
    sa.Index(None, "execution_id", "id"),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", Number, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("actor", Plain),
    sa.Column("source", Plain, nullable=False),
    sa.Column("action", Plain, nullable=False),
    # No foreign key: who did what stays when the execution is pruned.
    sa.Column("execution_id", Plain),
    sa.Column("detail", JsonText, nullable=False),
    sa.Index(None, "execution_id", "id"),
)

gateways = sa.Table(
    "gateways",
    metadata,
    sa.Column("name", Plain, primary_key=True),
    sa.Column("urls", JsonText, nullable=False),
    sa.Column("tls", Plain, nullable=False),
    sa.Column("ca_file", Plain),
    # The name of one: the vault is no part of the database.
    sa.Column("credential", Plain),
    sa.Column("tags", JsonText, nullable=False),
    sa.Column("changed_at", UtcTime, nullable=False),
)

# One row, changed by each group that is written: the greatest number that an event was ever given,
# and the transaction's own mark, by which it is known again when the answer to its commit is lost.
store_state = sa.Table(
    "store_state",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("last_event_id", sa.BigInteger, nullable=False),
    sa.Column("last_commit", Plain),
)
