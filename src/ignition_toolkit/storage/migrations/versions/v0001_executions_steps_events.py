"""Executions, their steps and their events.

Column types are written out: a migration must not change when `tables.py` does.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "itk0001"
down_revision: str | None = None


def upgrade() -> None:
    """Make the first three tables."""
    _make_executions()
    _make_step_runs()
    _make_events()


def _make_executions() -> None:
    op.create_table(
        "executions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("playbook_name", sa.Text(), nullable=False),
        sa.Column("playbook_path", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("secret_parameters", sa.Text(), nullable=False),
        sa.Column("waiting_for", sa.Text()),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Text()),
        sa.Column("completed_at", sa.Text()),
        sa.Column("current_step_index", sa.Integer(), nullable=False),
        sa.Column("total_steps", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("cancellation", sa.Text()),
        sa.Column("cancel_requested_at", sa.Text()),
        sa.Column("cancel_requested_by", sa.Text()),
        sa.Column("cancel_source", sa.Text()),
        sa.Column("requested_by", sa.Text()),
        sa.Column("owner", sa.Text()),
        sa.Column("rerun_of", sa.Text()),
        sa.Column("idempotency_key", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_executions"),
    )
    op.create_index("ix_executions_created_at_id", "executions", ["created_at", "id"])
    op.create_index(
        "ix_executions_status_created_at_id", "executions", ["status", "created_at", "id"]
    )


def _make_step_runs() -> None:
    op.create_table(
        "step_runs",
        sa.Column("execution_id", sa.Text(), nullable=False),
        sa.Column("step_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("step_name", sa.Text(), nullable=False),
        sa.Column("parent_step_id", sa.Text()),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Text()),
        sa.Column("completed_at", sa.Text()),
        sa.Column("output", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("cancellation", sa.Text()),
        sa.PrimaryKeyConstraint("execution_id", "step_id", name="pk_step_runs"),
        sa.UniqueConstraint("execution_id", "seq", name="uq_step_runs_execution_id_seq"),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["executions.id"],
            name="fk_step_runs_execution_id",
            ondelete="CASCADE",
        ),
    )


def _make_events() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("execution_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["executions.id"],
            name="fk_events_execution_id",
            ondelete="CASCADE",
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_execution_id_id", "events", ["execution_id", "id"])
