"""Parent wing: the database. The only package that knows SQLAlchemy."""

from __future__ import annotations

from ignition_toolkit.storage.changes import (
    AddAudit,
    AddEvent,
    AddExecution,
    Change,
    Prune,
    PutGateway,
    PutStep,
    RemoveGateway,
    SetExecution,
)
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
from ignition_toolkit.storage.sqlite import database_url
from ignition_toolkit.storage.store import Store
from ignition_toolkit.storage.waiting import Behind

__all__ = [
    "AddAudit",
    "AddEvent",
    "AddExecution",
    "AuditRow",
    "Behind",
    "Change",
    "EventRow",
    "ExecutionRow",
    "GatewayRow",
    "LogFilter",
    "LostLines",
    "Neighbours",
    "Prune",
    "PutGateway",
    "PutStep",
    "RemoveGateway",
    "SetExecution",
    "StepRow",
    "Store",
    "database_url",
]
