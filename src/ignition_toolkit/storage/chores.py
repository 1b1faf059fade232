"""Work that has no hurry: done in small transactions of the one writer, between the groups."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future

import sqlalchemy as sa

from ignition_toolkit.errors import StoreError
from ignition_toolkit.storage.backend import SYNCED, Backend
from ignition_toolkit.storage.reads import UNFINISHED
from ignition_toolkit.storage.tables import events, executions, step_runs
from ignition_toolkit.storage.values import clean_text

#: Seconds after which a transaction of a chore does no more: so long a group may wait for it.
SLICE_S = 0.01
#: Rows that one statement removes at most, after a few that told how large they are.
MOST_ROWS = 16
#: Unused pages that are given back before the clock is looked at again.
PAGES = 64
#: Executions that one `Prune` may name.
MAX_PRUNED = 1000

_STILL_GOING = sa.select(executions.c.id).where(
    executions.c.id.in_(sa.bindparam("ids", expanding=True)), executions.c.status.in_(UNFINISHED)
)
_REMOVE_EXECUTION = sa.delete(executions).where(executions.c.id == sa.bindparam("of_execution"))


def _remove_oldest(table: sa.Table, number: sa.Column[int]) -> sa.Delete:
    of_execution = table.c.execution_id == sa.bindparam("of_execution")
    rows = sa.bindparam("rows", type_=sa.Integer)
    oldest = sa.select(number).where(of_execution).order_by(number).limit(rows)
    return sa.delete(table).where(of_execution, number.in_(oldest))


_REMOVE_PARTS = (_remove_oldest(events, events.c.id), _remove_oldest(step_runs, step_runs.c.seq))


class Pruning:
    """The removal of executions, and then of the space that they took."""

    def __init__(self, execution_ids: Iterable[str], backend: Backend, done: Future[None]) -> None:
        """Take ids as they are now.

        Raises:
            TypeError: an id is no text.
            ValueError: there are more than `MAX_PRUNED`.
        """
        self._ids = deque(clean_text(execution_id) for execution_id in execution_ids)
        if len(self._ids) > MAX_PRUNED:
            raise ValueError(f"expected at most {MAX_PRUNED} executions, got {len(self._ids)}")
        self._backend = backend
        self._checked = False
        self.done = done

    def do(self, connection: sa.Connection, slice_s: float) -> bool:
        """Work on it for about so many seconds in the connection's transaction.

        One row or page is always done; a row with 10 MB of text can take longer.

        Returns:
            Whether it is finished with this transaction's commit.

        Raises:
            StoreError: an execution is not over. Nothing has been removed.
        """
        deadline = time.monotonic() + slice_s
        if not self._checked:
            self._check(connection)
        rows = 1
        while self._ids:
            self._remove(connection, rows)
            rows = min(2 * rows, MOST_ROWS)
            if time.monotonic() >= deadline:
                return False
        while self._backend.give_back(connection, PAGES):
            if time.monotonic() >= deadline:
                return False
        return True

    def _check(self, connection: sa.Connection) -> None:
        # Once is enough: nothing follows a final status.
        going = connection.scalars(_STILL_GOING, {"ids": list(self._ids)}).all()
        if going:
            raise StoreError(
                f"Expected executions that are over, found {', '.join(going[:5])}, not over. "
                "Nothing was removed."
            )
        self._checked = True

    def _remove(self, connection: sa.Connection, rows: int) -> None:
        one = {"of_execution": self._ids[0]}
        for statement in _REMOVE_PARTS:
            if connection.execute(statement, one | {"rows": rows}).rowcount:
                return
        # It goes last: what the end of the process leaves is found another time.
        connection.execute(_REMOVE_EXECUTION, one)
        self._ids.popleft()


class Chores:
    """Chores in the order in which they came. One thread does them, any thread adds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Pruning] = deque()
        self._closed = False

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, chore: Pruning) -> bool:
        """Add a chore; return whether chores are still done."""
        with self._lock:
            if not self._closed:
                self._waiting.append(chore)
            return not self._closed

    def advance(self, connection: sa.Connection) -> None:
        """Do one transaction of the first chore.

        Raises:
            Exception: whatever the database or the chore raises; the chore is still the first.
        """
        connection.execution_options(**{SYNCED: None})
        with connection.begin():
            finished = self._waiting[0].do(connection, SLICE_S)
        if finished:
            self._drop().done.set_result(None)

    def give_up(self, error: StoreError) -> None:
        """End the first chore unfinished."""
        self._drop().done.set_exception(error)

    def close(self, error: StoreError) -> None:
        """End all chores unfinished, and take none any more."""
        with self._lock:
            self._closed = True
        while self._waiting:
            self.give_up(error)

    def _drop(self) -> Pruning:
        with self._lock:
            return self._waiting.popleft()
