"""What the store can be asked to write.

A change is taken as it is at the moment of `Store.submit`; what its caller does to a dict
afterwards is not seen. `values` are keyed by column (see `rows.py`); None clears a column.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

# Any: a column's own type, checked when the change is submitted.
from typing import Any

from ignition_toolkit.storage.rows import ExecutionRow


@dataclass(frozen=True, slots=True)
class AddExecution:
    """A new execution; its id must not be in use."""

    row: ExecutionRow


@dataclass(frozen=True, slots=True)
class SetExecution:
    """New values for columns of an execution that exists.

    `final` marks the execution's final state: its transaction is on the disk, not only in the
    system's cache, when it is done.
    """

    execution_id: str
    values: dict[str, Any]
    final: bool = False


@dataclass(frozen=True, slots=True)
class PutStep:
    """New values for columns of a step, which is added if it is not there yet.

    The first one of a step needs `step_name`, `kind` and `status`.
    """

    execution_id: str
    step_id: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AddEvent:
    """A new event. Its number is given when it is written.

    Events of the kinds `log` and `progress` are dropped and counted while too many of them wait.
    """

    execution_id: str
    kind: str
    data: dict[str, Any]
    at: datetime


Change = AddExecution | SetExecution | PutStep | AddEvent
