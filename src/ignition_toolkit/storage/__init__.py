"""Parent wing: the database. The only package that knows SQLAlchemy."""

from __future__ import annotations

from ignition_toolkit.storage.changes import AddEvent, AddExecution, Change, PutStep, SetExecution
from ignition_toolkit.storage.rows import EventRow, ExecutionRow, StepRow
from ignition_toolkit.storage.sqlite import database_url
from ignition_toolkit.storage.store import Store
from ignition_toolkit.storage.writer import Behind

__all__ = [
    "AddEvent",
    "AddExecution",
    "Behind",
    "Change",
    "EventRow",
    "ExecutionRow",
    "PutStep",
    "SetExecution",
    "StepRow",
    "Store",
    "database_url",
]
