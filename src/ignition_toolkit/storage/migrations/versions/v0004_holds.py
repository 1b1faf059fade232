"""What an execution keeps for itself, so that it stays blocked when it could not be stopped."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "itk0004"
down_revision: str | None = "itk0003"

text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add a column, and an index of the few executions that have something in it."""
    op.add_column("executions", sa.Column("holds", text))
    holds_something = sa.column("holds").is_not(None)
    op.create_index(
        "ix_executions_holding",
        "executions",
        ["created_at", "id"],
        sqlite_where=holds_something,
        postgresql_where=holds_something,
    )
