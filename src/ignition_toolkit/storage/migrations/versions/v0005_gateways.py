"""Gateways that are registered under names."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "itk0005"
down_revision: str | None = "itk0004"

text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "gateways",
        sa.Column("name", text, nullable=False),
        sa.Column("urls", text, nullable=False),
        sa.Column("tls", text, nullable=False),
        sa.Column("ca_file", text),
        sa.Column("credential", text),
        sa.Column("tags", text, nullable=False),
        sa.Column("changed_at", text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_gateways"),
    )
