"""Queries over many runs: which belong together, and which are old enough to go."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from ignition_toolkit.storage.reads import SUMMARY, UNFINISHED, summaries
from ignition_toolkit.storage.rows import ExecutionRow, Neighbours
from ignition_toolkit.storage.tables import executions
from ignition_toolkit.storage.values import aware, clean_text

#: Final statuses that are kept for `failures_before`.
FAILURES = ("failed", "cancelled", "interrupted")

_AGE = (executions.c.created_at, executions.c.id)


def attempts(connection: sa.Connection, execution_id: str, limit: int) -> list[ExecutionRow]:
    """Return all attempts that are linked with one, itself included, oldest first.

    Attempts that were pruned are missing; those that came from the same one still belong together.
    """
    # UNION, not UNION ALL: attempts that name each other in a circle end it too.
    this = sa.select(executions.c.id).where(executions.c.id == clean_text(execution_id))
    before = this.cte("before", recursive=True)
    older = sa.select(executions.c.rerun_of).join(before, executions.c.id == before.c.id)
    before = before.union(older.where(executions.c.rerun_of.is_not(None)))
    family = sa.select(before.c.id).cte("family", recursive=True)
    newer = sa.select(executions.c.id).join(family, executions.c.rerun_of == family.c.id)
    family = family.union(newer)
    linked = sa.select(*SUMMARY).where(executions.c.id.in_(sa.select(family.c.id)))
    return summaries(connection, linked.order_by(*_AGE).limit(limit))


def neighbours(connection: sa.Connection, execution_id: str) -> Neighbours:
    """Return the runs of the same playbook path just before and after one."""
    this = sa.select(executions.c.playbook_path, *_AGE)
    found = connection.execute(this.where(executions.c.id == clean_text(execution_id))).first()
    if found is None:
        return Neighbours(None, None)
    path, *its_age = found
    same = sa.select(*SUMMARY).where(executions.c.playbook_path == path).limit(1)
    before, after = sa.tuple_(*_AGE) < its_age, sa.tuple_(*_AGE) > its_age
    previous = same.where(before).order_by(*(column.desc() for column in _AGE))
    following = same.where(after).order_by(*_AGE)
    return Neighbours(
        next(iter(summaries(connection, previous)), None),
        next(iter(summaries(connection, following)), None),
    )


def latest_runs(connection: sa.Connection) -> list[ExecutionRow]:
    """Return the newest run of each playbook path."""
    columns = executions.c
    newest = (
        sa.select(columns.playbook_path, sa.func.max(columns.created_at).label("created_at"))
        .group_by(columns.playbook_path)
        .subquery()
    )
    same = sa.and_(
        columns.playbook_path == newest.c.playbook_path, columns.created_at == newest.c.created_at
    )
    return summaries(connection, sa.select(*SUMMARY).join(newest, same).order_by(*_AGE))


def recent_cancels(connection: sa.Connection, limit: int) -> list[ExecutionRow]:
    """Return the newest executions that are over and were asked to be cancelled, newest first."""
    asked = executions.c.cancel_requested_at.is_not(None)
    over = executions.c.status.not_in(UNFINISHED)
    newest = (column.desc() for column in _AGE)
    query = sa.select(*SUMMARY).where(asked, over).order_by(*newest).limit(limit)
    return summaries(connection, query)


def prunable(
    connection: sa.Connection, before: datetime, failures_before: datetime, limit: int
) -> list[str]:
    """Return the ids of executions that ended before the time for their outcome, oldest first.

    One that still blocks something stays: its record says what, and why.
    """
    old = sa.or_(
        sa.and_(executions.c.status == "completed", _ended_before(before)),
        sa.and_(executions.c.status.in_(FAILURES), _ended_before(failures_before)),
    )
    old = sa.and_(old, executions.c.holds.is_(None))
    query = sa.select(executions.c.id).where(old).order_by(*_AGE).limit(limit)
    return list(connection.scalars(query))


def _ended_before(moment: datetime) -> sa.ColumnElement[bool]:
    time, columns = aware(moment), executions.c
    # Nothing ends before it was made, and there is an index for that.
    return sa.and_(
        columns.created_at < time, sa.func.coalesce(columns.completed_at, columns.created_at) < time
    )
