"""Who did what; more of a rerun; the numbers of events on any database; indexes for the pages.

Column types are written out: a migration must not change when `tables.py` does.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "itk0002"
down_revision: str | None = "itk0001"

text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add two tables, a column and three indexes."""
    _make_audit()
    _make_store_state()
    op.add_column("executions", sa.Column("rerun_from_step", text))
    op.create_index(
        "ix_executions_playbook_path_created_at_id",
        "executions",
        ["playbook_path", "created_at", "id"],
    )
    for column in ("rerun_of", "idempotency_key"):
        is_there = sa.column(column).is_not(None)
        op.create_index(
            f"ix_executions_{column}_created_at",
            "executions",
            [column, "created_at"],
            sqlite_where=is_there,
            postgresql_where=is_there,
        )


def _make_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", number, nullable=False),
        sa.Column("at", text, nullable=False),
        sa.Column("actor", text),
        sa.Column("source", text, nullable=False),
        sa.Column("action", text, nullable=False),
        sa.Column("execution_id", text),
        sa.Column("detail", text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_execution_id_id", "audit", ["execution_id", "id"])


def _make_store_state() -> None:
    op.create_table(
        "store_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_event_id", sa.BigInteger(), nullable=False),
        sa.Column("last_commit", text),
        sa.PrimaryKeyConstraint("id", name="pk_store_state"),
    )
    # Nothing could remove events before this, so the greatest there is was the last one given.
    last = "SELECT 1, coalesce(max(id), 0) FROM events"
    op.execute(f"INSERT INTO store_state (id, last_event_id) {last}")
