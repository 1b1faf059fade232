"""Rows and stores for the tests of the storage."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

# Any: the fields of a row, by name.
from typing import Any

from ignition_toolkit.storage import (
    AddEvent,
    AddExecution,
    EventRow,
    ExecutionRow,
    PutStep,
    Store,
    database_url,
)

START = datetime(2026, 11, 22, 10, 0, 0, 7, tzinfo=UTC)

#: Seconds for a write that nothing hinders; generous, as the machine may be busy.
SOON_S = 10.0

OPENING = {"step_name": "One", "kind": "utility.log", "status": "running"}


@contextmanager
def opened(url: str, on_commit: Callable[[list[EventRow]], None] | None = None) -> Iterator[Store]:
    """Give a store on the database, closed at the end."""
    store = Store.open(url, on_commit=on_commit)
    try:
        yield store
    finally:
        store.close(timeout=SOON_S)


def open_store(
    path: Path, on_commit: Callable[[list[EventRow]], None] | None = None
) -> AbstractContextManager[Store]:
    """Give a store on the file, closed at the end."""
    return opened(database_url(path), on_commit)


def execution(execution_id: str, after_s: float = 0.0, **fields: Any) -> ExecutionRow:
    """Return a row, made `after_s` seconds after START."""
    given: dict[str, Any] = {
        "playbook_name": "Restart",
        "playbook_path": "gateway/restart.yaml",
        "status": "pending",
        "snapshot": {"main": "gateway/restart.yaml", "files": {"gateway/restart.yaml": "a: b"}},
        "created_at": START + timedelta(seconds=after_s),
    }
    return ExecutionRow(id=execution_id, **(given | fields))


def add(store: Store, *rows: ExecutionRow) -> None:
    """Store executions, and wait for it."""
    store.submit([AddExecution(row) for row in rows]).result(SOON_S)


def event(execution_id: str, number: int = 0, kind: str = "step") -> AddEvent:
    """Return an event that carries a number."""
    return AddEvent(execution_id, kind, {"n": number}, START)


def step(execution_id: str, step_id: str, **values: Any) -> PutStep:
    """Return the first change of a step."""
    return PutStep(execution_id, step_id, OPENING | values)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the database's write lock."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        connection.close()
