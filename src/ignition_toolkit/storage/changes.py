"""What the store can be asked to write.

A change is taken as it is at the moment of `Store.submit`; what its caller does to a dict
afterwards is not seen. `values` are keyed by column (see `rows.py`); None clears a column.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

# Any: a column's own type, checked when the change is submitted.
from typing import Any

from ignition_toolkit.storage.rows import ExecutionRow, GatewayRow


@dataclass(frozen=True, slots=True)
class AddExecution:
    """A new execution; its id must not be in use.

    With `unless_key_since` the row's `idempotency_key` must not be in use either, by an execution
    made then or later: the group fails with `DuplicateKey`, whose field `execution_id` names the
    first one. That is looked up and written in one transaction of the one writer, so that of two
    that come at once one fails.
    """

    row: ExecutionRow
    unless_key_since: datetime | None = None


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


@dataclass(frozen=True, slots=True)
class AddAudit:
    """A note of who did what, kept when the execution is pruned.

    `source` is where it came from (`web`, `api`, `cli`, `schedule`), `detail` JSON without secrets.
    """

    actor: str | None
    source: str
    action: str
    at: datetime
    execution_id: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PutGateway:
    """A registered gateway, in place of one of the same name."""

    row: GatewayRow


@dataclass(frozen=True, slots=True)
class RemoveGateway:
    """Removal of a registered gateway; one that is not there is ignored."""

    name: str


@dataclass(frozen=True, slots=True)
class Prune:
    """Removal of executions that are over, with their steps and events; ids not there are ignored.

    Alone in its group. It is written in many small transactions between other groups, which never
    wait for more than one of them; meanwhile an execution can be seen with a part of its events.
    Its future is done when all is gone and the space given back, and fails, with nothing removed,
    if one of them is not over. What a failure or the end of the process leaves is there to be
    pruned again.
    """

    execution_ids: tuple[str, ...]


Change = (
    AddExecution | SetExecution | PutStep | AddEvent | AddAudit | PutGateway | RemoveGateway | Prune
)
