"""Run by Alembic: applies migrations on the connection that `schema.py` hands over."""

from __future__ import annotations

from alembic import context

from ignition_toolkit.storage.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
# The caller's transaction is open: all migrations are in it, or none.
with context.begin_transaction():
    context.run_migrations()
