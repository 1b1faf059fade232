"""The queries. Each is run in one transaction of a connection, which is one snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from ignition_toolkit.storage.rows import AuditRow, EventRow, ExecutionRow, GatewayRow, StepRow
from ignition_toolkit.storage.tables import (
    audit,
    events,
    executions,
    gateways,
    step_runs,
    store_state,
)
from ignition_toolkit.storage.values import aware, clean_text

#: Statuses that an execution leaves again.
UNFINISHED = ("pending", "running", "paused", "cancelling")

#: All columns but `snapshot`, which can be large.
SUMMARY = [column for column in executions.columns if column.name != "snapshot"]
_NEWEST_FIRST = (executions.c.created_at.desc(), executions.c.id.desc())


@dataclass(frozen=True, slots=True)
class Filter:
    """Which executions a page is made of; None takes all. `since` is included, `until` is not.

    `over` takes those that have a final status, or those that have none yet.
    """

    status: str | None = None
    over: bool | None = None
    playbook_path: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def condition(self) -> sa.ColumnElement[bool]:
        """Return the condition of a query.

        Raises:
            ValueError: a time has no timezone.
        """
        columns = executions.c
        parts: list[sa.ColumnElement[bool]] = []
        if self.status is not None:
            parts.append(columns.status == clean_text(self.status))
        if self.over is not None:
            unfinished = columns.status.in_(UNFINISHED)
            parts.append(sa.not_(unfinished) if self.over else unfinished)
        if self.playbook_path is not None:
            parts.append(columns.playbook_path == clean_text(self.playbook_path))
        if self.since is not None:
            parts.append(columns.created_at >= aware(self.since))
        if self.until is not None:
            parts.append(columns.created_at < aware(self.until))
        return sa.and_(sa.true(), *parts)


def executions_page(
    connection: sa.Connection, wanted: Filter, limit: int, offset: int
) -> tuple[list[ExecutionRow], int]:
    """Return a page of executions without their snapshots, newest first, and how many there are."""
    condition = wanted.condition()
    count = sa.select(sa.func.count()).select_from(executions).where(condition)
    page = sa.select(*SUMMARY).where(condition)
    rows = summaries(connection, page.order_by(*_NEWEST_FIRST).limit(limit).offset(offset))
    return rows, connection.scalars(count).one()


def summaries(connection: sa.Connection, query: sa.Executable) -> list[ExecutionRow]:
    """Return the rows of a query for `SUMMARY`."""
    return [ExecutionRow(**row, snapshot=None) for row in connection.execute(query).mappings()]


def execution_by_id(connection: sa.Connection, execution_id: str) -> ExecutionRow | None:
    """Return one execution, or None."""
    query = sa.select(executions).where(executions.c.id == clean_text(execution_id))
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else ExecutionRow(**row)


def first_with_key(connection: sa.Connection, key: str, since: datetime) -> ExecutionRow | None:
    """Return the first execution that was made with an idempotency key at that time or later."""
    query = (
        sa.select(executions)
        .where(
            executions.c.idempotency_key == clean_text(key),
            executions.c.created_at >= aware(since),
        )
        .order_by(executions.c.created_at, executions.c.id)
        .limit(1)
    )
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


def blocking_executions(connection: sa.Connection) -> list[ExecutionRow]:
    """Return the executions that are over and hold something, oldest first, without snapshots."""
    query = (
        sa.select(*SUMMARY)
        .where(executions.c.holds.is_not(None), executions.c.status.not_in(UNFINISHED))
        .order_by(executions.c.created_at, executions.c.id)
    )
    return summaries(connection, query)


def unredacted_executions(connection: sa.Connection) -> list[ExecutionRow]:
    """Return the executions that are over and still marked, oldest first, without snapshots."""
    query = (
        sa.select(*SUMMARY)
        .where(executions.c.unredacted.is_not(None), executions.c.status.not_in(UNFINISHED))
        .order_by(executions.c.created_at, executions.c.id)
    )
    return summaries(connection, query)


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


def last_event_number(connection: sa.Connection) -> int:
    """Return the greatest number that an event was ever given, 0 before the first."""
    return int(connection.scalars(sa.select(store_state.c.last_event_id)).one())


def audit_notes(
    connection: sa.Connection, limit: int, before: int | None, execution_id: str | None
) -> list[AuditRow]:
    """Return the newest notes of what was done that are older than one, newest first."""
    query = sa.select(audit).order_by(audit.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(audit.c.id < before)
    if execution_id is not None:
        query = query.where(audit.c.execution_id == clean_text(execution_id))
    return [AuditRow(**row) for row in connection.execute(query).mappings()]


def registered_gateways(connection: sa.Connection) -> list[GatewayRow]:
    """Return the registered gateways in the order of their names."""
    query = sa.select(gateways).order_by(gateways.c.name)
    return [GatewayRow(**row) for row in connection.execute(query).mappings()]
