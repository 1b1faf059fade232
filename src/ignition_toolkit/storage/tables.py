"""The tables as SQLAlchemy sees them.

Migrations make them; `test_migrated_schema_equals_the_metadata` keeps both the same.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

# Any: a JSON column holds whatever JSON its writer chose.
from typing import Any

import sqlalchemy as sa


class UtcTime(sa.TypeDecorator[datetime]):
    """An aware datetime, stored as RFC 3339 text in UTC with microseconds.

    Always the same length, so that the text sorts as the time does.
    """

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else utc_text(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value)


class JsonText(sa.TypeDecorator[Any]):
    """JSON as text. Written already encoded (see `values.py`), read back decoded."""

    impl = sa.Text
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
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("playbook_name", sa.Text, nullable=False),
    sa.Column("playbook_path", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("snapshot", JsonText, nullable=False),
    sa.Column("parameters", JsonText, nullable=False),
    sa.Column("secret_parameters", JsonText, nullable=False),
    sa.Column("waiting_for", JsonText),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("started_at", UtcTime),
    sa.Column("completed_at", UtcTime),
    sa.Column("current_step_index", sa.Integer, nullable=False),
    sa.Column("total_steps", sa.Integer, nullable=False),
    sa.Column("error", sa.Text),
    sa.Column("cancellation", JsonText),
    sa.Column("cancel_requested_at", UtcTime),
    sa.Column("cancel_requested_by", sa.Text),
    sa.Column("cancel_source", sa.Text),
    sa.Column("requested_by", sa.Text),
    sa.Column("owner", sa.Text),
    sa.Column("rerun_of", sa.Text),
    sa.Column("idempotency_key", sa.Text),
    sa.Index(None, "created_at", "id"),
    sa.Index(None, "status", "created_at", "id"),
)


step_runs = sa.Table(
    "step_runs",
    metadata,
    sa.Column(
        "execution_id",
        sa.Text,
        sa.ForeignKey("executions.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("step_id", sa.Text, primary_key=True),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("step_name", sa.Text, nullable=False),
    sa.Column("parent_step_id", sa.Text),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("started_at", UtcTime),
    sa.Column("completed_at", UtcTime),
    sa.Column("output", JsonText),
    sa.Column("error", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("cancellation", JsonText),
    sa.UniqueConstraint("execution_id", "seq"),
)

events = sa.Table(
    "events",
    metadata,
    # AUTOINCREMENT: a number is never given twice, also after the newest rows were pruned.
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
    sa.Column(
        "execution_id",
        sa.Text,
        sa.ForeignKey("executions.id", ondelete="CASCADE"),
        nullable=False,
    ),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("data", JsonText, nullable=False),
    sa.Index(None, "execution_id", "id"),
    sqlite_autoincrement=True,
)
