"""The reading half of the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import exc

from ignition_toolkit.errors import StoreError
from ignition_toolkit.storage import history, log_lines, reads
from ignition_toolkit.storage.backend import Backend
from ignition_toolkit.storage.failures import reason
from ignition_toolkit.storage.log_lines import LogFilter
from ignition_toolkit.storage.rows import (
    AuditRow,
    EventRow,
    ExecutionRow,
    GatewayRow,
    LostLines,
    Neighbours,
    StepRow,
)

_GREATEST = 2**63 - 1

#: Linked attempts that are shown of one execution.
MAX_ATTEMPTS = 200


class Reader:
    """What can be asked of a store; `Store` derives from it.

    Every method may be called from any thread and waits for the database. All raise StoreError
    when it cannot be read, and ValueError for a negative number of rows or a time without timezone.
    """

    def __init__(self, backend: Backend, readers: sa.Engine) -> None:
        self._backend = backend
        self._readers = readers
        self._closed = False

    def stop_reading(self) -> None:
        """Close the connections that are not in use; reads are refused from now on."""
        self._closed = True
        self._readers.dispose()

    def executions(
        self,
        *,
        status: str | None = None,
        over: bool | None = None,
        playbook_path: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> tuple[list[ExecutionRow], int]:
        """Return a page of executions, newest first, and how many there are in all.

        Args:
            status: only those in this status.
            over: only those that have a final status, or (False) only those that have none yet.
            playbook_path: only those of this playbook.
            since: only those made then or later.
            until: only those made before.
            limit: rows of the page.
            offset: newer rows to leave out.

        Returns:
            Rows whose `snapshot` is None, and the number of all that the filters take.
        """
        wanted = reads.Filter(status, over, playbook_path, since, until)
        with self._reading() as connection:
            return reads.executions_page(connection, wanted, _count(limit), _count(offset))

    def execution(self, execution_id: str) -> ExecutionRow | None:
        """Return one execution, or None if there is none of that id."""
        with self._reading() as connection:
            return reads.execution_by_id(connection, execution_id)

    def find_idempotent(self, key: str, since: datetime) -> ExecutionRow | None:
        """Return the first execution that was made with the key then or later, or None.

        Another may be made before the caller acts on it: see `AddExecution.unless_key_since`.
        """
        with self._reading() as connection:
            return reads.first_with_key(connection, key, since)

    def reruns(self, execution_id: str) -> list[ExecutionRow]:
        """Return all linked attempts, the execution itself included, oldest first.

        Returns:
            At most `MAX_ATTEMPTS` rows whose `snapshot` is None; none if there is no such
            execution. Attempts that were pruned are missing.
        """
        with self._reading() as connection:
            return history.attempts(connection, execution_id, MAX_ATTEMPTS)

    def neighbours(self, execution_id: str) -> Neighbours:
        """Return the runs of the same playbook path just before and just after an execution."""
        with self._reading() as connection:
            return history.neighbours(connection, execution_id)

    def latest_runs(self) -> list[ExecutionRow]:
        """Return the newest run of each playbook path; rows whose `snapshot` is None."""
        with self._reading() as connection:
            return history.latest_runs(connection)

    def recent_cancels(self, limit: int) -> list[ExecutionRow]:
        """Return the newest executions that are over and were asked to be cancelled.

        Returns:
            At most `limit` rows whose `snapshot` is None, newest first.
        """
        with self._reading() as connection:
            return history.recent_cancels(connection, _count(limit))

    def prunable(self, before: datetime, failures_before: datetime, limit: int = 100) -> list[str]:
        """Return executions that are old enough to be pruned, oldest first.

        Args:
            before: those that were completed ended earlier than this.
            failures_before: those that failed, were cancelled or interrupted earlier than this.
            limit: at most so many ids.

        Returns:
            Ids for `Prune`, of executions that are over.
        """
        with self._reading() as connection:
            return history.prunable(connection, before, failures_before, _count(limit))

    def step_runs(self, execution_id: str) -> list[StepRow]:
        """Return the steps of an execution, by `seq`."""
        with self._reading() as connection:
            return reads.steps_of(connection, execution_id)

    def events(
        self, *, after: int, execution_id: str | None = None, limit: int = 500
    ) -> list[EventRow]:
        """Return at most `limit` events whose number is greater than `after`, by number.

        An event never appears behind one that was already returned.
        """
        with self._reading() as connection:
            return reads.events_after(connection, _number(after), execution_id, _count(limit))

    def newest_lines(
        self, execution_id: str, wanted: LogFilter, *, limit: int, before: int | None = None
    ) -> list[EventRow]:
        """Return the newest `log` events of one execution that are wanted, oldest of them first.

        Args:
            execution_id: the execution.
            wanted: which lines.
            limit: at most so many.
            before: only those with a smaller number.
        """
        below = None if before is None else _number(before)
        with self._reading() as connection:
            return log_lines.newest_lines(
                connection, execution_id, wanted, before=below, limit=_count(limit)
            )

    def next_lines(
        self, execution_id: str, wanted: LogFilter, *, limit: int, after: int
    ) -> list[EventRow]:
        """Return the first `log` events of one execution that are wanted and beyond a number."""
        with self._reading() as connection:
            return log_lines.next_lines(
                connection, execution_id, wanted, after=_number(after), limit=_count(limit)
            )

    def lost_lines(self, execution_id: str) -> LostLines:
        """Return how many lines are missing from an execution's log, as its notes say."""
        with self._reading() as connection:
            return log_lines.lost_lines(connection, execution_id)

    def last_event_id(self) -> int:
        """Return the greatest number that an event was ever given, 0 before the first."""
        with self._reading() as connection:
            return reads.last_event_number(connection)

    def unfinished(self) -> list[ExecutionRow]:
        """Return the executions that are not over, oldest first."""
        with self._reading() as connection:
            return reads.unfinished_executions(connection)

    def blocking(self) -> list[ExecutionRow]:
        """Return the executions that are over and could not let go of what they hold, oldest first.

        Returns:
            Rows whose `snapshot` is None.
        """
        with self._reading() as connection:
            return reads.blocking_executions(connection)

    def unredacted(self) -> list[ExecutionRow]:
        """Return the executions that are over and whose artifacts may hold secrets, oldest first.

        Returns:
            Rows whose `snapshot` is None.
        """
        with self._reading() as connection:
            return reads.unredacted_executions(connection)

    def audit(
        self, limit: int = 50, *, before: int | None = None, execution_id: str | None = None
    ) -> list[AuditRow]:
        """Return notes of who did what, newest first.

        Args:
            limit: at most so many.
            before: only those with a smaller number than this.
            execution_id: only what was done to this execution.
        """
        below = None if before is None else _number(before)
        with self._reading() as connection:
            return reads.audit_notes(connection, _count(limit), below, execution_id)

    def gateways(self) -> list[GatewayRow]:
        """Return the registered gateways in the order of their names."""
        with self._reading() as connection:
            return reads.registered_gateways(connection)

    def size(self) -> int:
        """Return how many bytes the database holds; its files may be larger."""
        with self._reading() as connection:
            return self._backend.size(connection)

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        if self._closed:
            raise StoreError(f"The store of {self._backend} is closed; nothing more is read.")
        try:
            with self._readers.connect() as connection:
                yield connection
        except (exc.DBAPIError, exc.TimeoutError) as error:
            raise StoreError(
                f"The database {self._backend} cannot be read: {reason(error)}. "
                f"{self._backend.advice(error)}"
            ) from error


def _count(number: int) -> int:
    # A negative limit is none at all to SQLite, and an error to PostgreSQL.
    if number < 0:
        raise ValueError(f"expected a number of rows of 0 or more, got {number}")
    return _number(number)


def _number(number: int) -> int:
    # Clients choose these, and a greater or smaller one cannot be bound.
    return max(-_GREATEST, min(number, _GREATEST))
