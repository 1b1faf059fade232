"""What a rerun takes up of a step's variables, and what tells one keyed start from another.

Column types are written out: a migration must not change when `tables.py` does.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "itk0003"
down_revision: str | None = "itk0002"

text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add two columns."""
    op.add_column("executions", sa.Column("idempotency_fingerprint", text))
    op.add_column("step_runs", sa.Column("variables", text))
