"""The queries. Each is run in one transaction of a reading connection, which is one snapshot."""

from __future__ import annotations

import sqlalchemy as sa

from ignition_toolkit.storage.rows import EventRow, ExecutionRow, StepRow
from ignition_toolkit.storage.tables import events, executions, step_runs
from ignition_toolkit.storage.values import clean_text

#: Statuses that an execution leaves again.
UNFINISHED = ("pending", "running", "paused", "cancelling")

_SUMMARY = [column for column in executions.columns if column.name != "snapshot"]
_NEWEST_FIRST = (executions.c.created_at.desc(), executions.c.id.desc())


def executions_page(
    connection: sa.Connection, status: str | None, limit: int, offset: int
) -> tuple[list[ExecutionRow], int]:
    """Return a page of executions without their snapshots, newest first, and how many there are."""
    wanted = sa.true() if status is None else executions.c.status == status
    count = sa.select(sa.func.count()).select_from(executions).where(wanted)
    page = sa.select(*_SUMMARY).where(wanted).order_by(*_NEWEST_FIRST).limit(limit).offset(offset)
    rows = connection.execute(page).mappings()
    return [ExecutionRow(**row, snapshot=None) for row in rows], connection.scalars(count).one()


def execution_by_id(connection: sa.Connection, execution_id: str) -> ExecutionRow | None:
    """Return one execution, or None."""
    query = sa.select(executions).where(executions.c.id == clean_text(execution_id))
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else ExecutionRow(**row)


def unfinished_executions(connection: sa.Connection) -> list[ExecutionRow]:
    """Return the executions that are not over, oldest first."""
    query = (
        sa.select(executions)
        .where(executions.c.status.in_(UNFINISHED))
        .order_by(executions.c.created_at, executions.c.id)
    )
    return [ExecutionRow(**row) for row in connection.execute(query).mappings()]


def steps_of(connection: sa.Connection, execution_id: str) -> list[StepRow]:
    """Return the steps of an execution in the order in which they were first heard of."""
    query = (
        sa.select(step_runs)
        .where(step_runs.c.execution_id == clean_text(execution_id))
        .order_by(step_runs.c.seq)
    )
    return [StepRow(**row) for row in connection.execute(query).mappings()]


def events_after(
    connection: sa.Connection, after: int, execution_id: str | None, limit: int
) -> list[EventRow]:
    """Return the first events with a greater number, in order."""
    query = sa.select(events).where(events.c.id > after).order_by(events.c.id).limit(limit)
    if execution_id is not None:
        query = query.where(events.c.execution_id == clean_text(execution_id))
    return [EventRow(**row) for row in connection.execute(query).mappings()]


def newest_events(
    connection: sa.Connection, execution_id: str, kind: str, limit: int
) -> list[EventRow]:
    """Return the newest events of one kind, oldest of them first."""
    query = (
        sa.select(events)
        .where(events.c.execution_id == clean_text(execution_id), events.c.kind == kind)
        .order_by(events.c.id.desc())
        .limit(limit)
    )
    rows = [EventRow(**row) for row in connection.execute(query).mappings()]
    return rows[::-1]
