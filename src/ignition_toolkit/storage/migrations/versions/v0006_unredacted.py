"""What an execution knows of secrets, while its artifacts may hold them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "itk0006"
down_revision: str | None = "itk0005"

text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add a column, and an index of the few executions that have something in it."""
    op.add_column("executions", sa.Column("unredacted", text))
    marked = sa.column("unredacted").is_not(None)
    op.create_index(
        "ix_executions_unredacted",
        "executions",
        ["created_at", "id"],
        sqlite_where=marked,
        postgresql_where=marked,
    )
