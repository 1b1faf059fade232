"""Executions, their steps and their events.

Column types are written out: a migration must not change when `tables.py` does.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "itk0001"
down_revision: str | None = None

text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the first three tables."""
    _make_executions()
    _make_step_runs()
    _make_events()


def _make_executions() -> None:
    op.create_table(
        "executions",
        sa.Column("id", text, nullable=False),
        sa.Column("playbook_name", text, nullable=False),
        sa.Column("playbook_path", text, nullable=False),
        sa.Column("status", text, nullable=False),
        sa.Column("snapshot", text, nullable=False),
        sa.Column("parameters", text, nullable=False),
        sa.Column("secret_parameters", text, nullable=False),
        sa.Column("waiting_for", text),
        sa.Column("created_at", text, nullable=False),
        sa.Column("started_at", text),
        sa.Column("completed_at", text),
        sa.Column("current_step_index", sa.Integer(), nullable=False),
        sa.Column("total_steps", sa.Integer(), nullable=False),
        sa.Column("error", text),
        sa.Column("cancellation", text),
        sa.Column("cancel_requested_at", text),
        sa.Column("cancel_requested_by", text),
        sa.Column("cancel_source", text),
        sa.Column("requested_by", text),
        sa.Column("owner", text),
        sa.Column("rerun_of", text),
        sa.Column("idempotency_key", text),
        sa.PrimaryKeyConstraint("id", name="pk_executions"),
    )
    op.create_index("ix_executions_created_at_id", "executions", ["created_at", "id"])
    op.create_index(
        "ix_executions_status_created_at_id", "executions", ["status", "created_at", "id"]
    )


def _make_step_runs() -> None:
    op.create_table(
        "step_runs",
        sa.Column("execution_id", text, nullable=False),
        sa.Column("step_id", text, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("step_name", text, nullable=False),
        sa.Column("parent_step_id", text),
        sa.Column("kind", text, nullable=False),
        sa.Column("status", text, nullable=False),
        sa.Column("started_at", text),
        sa.Column("completed_at", text),
        sa.Column("output", text),
        sa.Column("error", text),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("cancellation", text),
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
        sa.Column("id", number, autoincrement=False, nullable=False),
        sa.Column("execution_id", text, nullable=False),
        sa.Column("kind", text, nullable=False),
        sa.Column("at", text, nullable=False),
        sa.Column("data", text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["executions.id"],
            name="fk_events_execution_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_events_execution_id_id", "events", ["execution_id", "id"])
