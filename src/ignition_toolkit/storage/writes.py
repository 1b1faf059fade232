"""Changes made ready at submit, and the statements that write them.

Statements are built once; SQLAlchemy keeps each one's compiled form per set of columns.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields

# Any: values bound to statements, see `values.py`.
from typing import Any

import sqlalchemy as sa

from ignition_toolkit.errors import DuplicateKey
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
from ignition_toolkit.storage.reads import first_with_key
from ignition_toolkit.storage.rows import EventRow, ExecutionRow, GatewayRow
from ignition_toolkit.storage.tables import (
    audit,
    events,
    executions,
    gateways,
    step_runs,
    store_state,
)
from ignition_toolkit.storage.values import aware, clean_text, stored

#: Event kinds that may be dropped while too many of them wait.
LOG_KINDS = frozenset({"log", "progress"})

_ADD_EXECUTION = sa.insert(executions)
_SET_EXECUTION = sa.update(executions).where(executions.c.id == sa.bindparam("of_execution"))
_SET_STEP = sa.update(step_runs).where(
    step_runs.c.execution_id == sa.bindparam("of_execution"),
    step_runs.c.step_id == sa.bindparam("of_step"),
)
_ADD_STEP = sa.insert(step_runs).values(
    seq=sa.select(sa.func.coalesce(sa.func.max(step_runs.c.seq), -1) + 1)
    .where(step_runs.c.execution_id == sa.bindparam("of_execution"))
    .scalar_subquery()
)
_ADD_EVENT = sa.insert(events)
_ADD_AUDIT = sa.insert(audit)
_ADD_GATEWAY = sa.insert(gateways)
_REMOVE_GATEWAY = sa.delete(gateways).where(gateways.c.name == sa.bindparam("of_gateway"))
_NOTE = sa.update(store_state).values(
    last_event_id=store_state.c.last_event_id + sa.bindparam("added"),
    last_commit=sa.bindparam("mark"),
)
_NOTED = sa.select(store_state.c.last_event_id, store_state.c.last_commit)


# Any: values bound to statements.
Run = Callable[[sa.Connection, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Write:
    """One change, its values ready to be bound. `run` is None for an event."""

    run: Run | None
    values: dict[str, Any]
    is_log: bool = False
    is_final: bool = False


def make_write(change: Change) -> Write:
    """Check a change and take its values as they are now.

    Raises:
        TypeError, ValueError, RecursionError: the values do not fit their columns, or the change
            does not fit a group.
    """
    match change:
        case AddEvent():
            return _event(change)
        case AddExecution():
            return _execution(change)
        case SetExecution():
            return _changed_execution(change)
        case PutStep():
            return _step(change)
        case Prune():
            raise ValueError("Prune has to be alone in its group")
    return _beside_executions(change)


def _beside_executions(change: AddAudit | PutGateway | RemoveGateway) -> Write:
    match change:
        case AddAudit():
            return Write(_add_audit, stored(audit, _fields(change, AddAudit)))
        case PutGateway():
            return Write(_put_gateway, stored(gateways, _fields(change.row, GatewayRow)))
        case RemoveGateway():
            return Write(_remove_gateway, {"of_gateway": clean_text(change.name)})


def apply(connection: sa.Connection, writes: Iterable[Write], mark: str) -> list[EventRow]:
    """Run writes in the connection's transaction; return the events that they add.

    Events go in last and all together, and what is set of a row is set at once, at half the price;
    within a transaction nobody can tell.

    Args:
        mark: of this transaction alone, for `was_committed`.

    Raises:
        DuplicateKey: an execution's idempotency key is in use.
        LookupError: an execution that a write changes does not exist.
        sqlalchemy.exc.DBAPIError: the database refuses one of them.
    """
    added, new = [], _NewSteps()
    for run, values in _merged(writes):
        if run is None:
            added.append(values)
        elif not (run is _put_step and new.take(values)):
            run(connection, values)
            if run is _add_execution:
                new.expect(values["id"])
    new.add(connection)
    last = note_transaction(connection, len(added), mark)
    return _add_events(connection, added, last - len(added) + 1) if added else []


class _NewSteps:
    """The steps of the executions that a transaction adds: there is no row yet to look for."""

    def __init__(self) -> None:
        #: How many each execution has.
        self._counts: dict[str, int] = {}
        #: Values by their columns: what is inserted together has the same ones.
        self._rows: dict[tuple[str, ...], list[dict[str, Any]]] = {}

    def expect(self, execution_id: str) -> None:
        """Take the steps of this execution from now on."""
        self._counts[execution_id] = 0

    def take(self, values: dict[str, Any]) -> bool:
        """Take a step and return True if it is of an execution that is new."""
        execution_id = values["of_execution"]
        if execution_id not in self._counts:
            return False
        names = {"of_execution": "execution_id", "of_step": "step_id"}
        row = {names.get(name, name): value for name, value in values.items()}
        row["seq"] = self._counts[execution_id]
        self._counts[execution_id] += 1
        self._rows.setdefault(tuple(sorted(row)), []).append(row)
        return True

    def add(self, connection: sa.Connection) -> None:
        """Insert what was taken."""
        for rows in self._rows.values():
            connection.execute(sa.insert(step_runs), rows)


def _merged(writes: Iterable[Write]) -> Iterable[tuple[Run | None, dict[str, Any]]]:
    """Return the writes with all that is set of one row where its first was; the last value counts.

    The writes themselves stay as they are: they may be tried again, in another transaction.
    """
    merged: dict[object, tuple[Run | None, dict[str, Any]]] = {}
    for number, write in enumerate(writes):
        is_set = write.run in (_set_execution, _put_step)
        key = (write.values["of_execution"], write.values.get("of_step")) if is_set else number
        before = merged[key][1] if key in merged else {}
        merged[key] = write.run, before | write.values
    return merged.values()


def note_transaction(connection: sa.Connection, added: int, mark: str) -> int:
    """Take numbers for so many events; return the greatest number given so far."""
    # The transaction holds the write lock, so nobody else can take these numbers.
    connection.execute(_NOTE, {"added": added, "mark": mark})
    return int(connection.execute(_NOTED).one().last_event_id)


def was_committed(connection: sa.Connection, mark: str) -> bool:
    """Tell whether the newest transaction that was committed is the one of that mark."""
    return str(connection.execute(_NOTED).one().last_commit) == mark


def _changed_execution(change: SetExecution) -> Write:
    _refuse_keys(change.values, "id")
    values = stored(executions, change.values)
    values["of_execution"] = clean_text(change.execution_id)
    return Write(_set_execution, values, is_final=change.final)


def _execution(change: AddExecution) -> Write:
    values = stored(executions, _fields(change.row, ExecutionRow))
    if change.unless_key_since is not None:
        if change.row.idempotency_key is None:
            raise ValueError("unless_key_since needs a row with an idempotency_key")
        values["of_since"] = aware(change.unless_key_since)
    return Write(_add_execution, values)


# Any: as many types as there are fields.
def _fields(instance: object, kind: type[Any]) -> dict[str, Any]:
    return {field.name: getattr(instance, field.name) for field in fields(kind)}


def _event(change: AddEvent) -> Write:
    values = {
        "execution_id": change.execution_id,
        "kind": change.kind,
        "at": change.at,
        "data": change.data,
    }
    return Write(None, stored(events, values), is_log=change.kind in LOG_KINDS)


def _step(change: PutStep) -> Write:
    _refuse_keys(change.values, "execution_id", "step_id", "seq")
    values = stored(step_runs, change.values)
    values["of_execution"] = clean_text(change.execution_id)
    values["of_step"] = clean_text(change.step_id)
    return Write(_put_step, values)


def _refuse_keys(values: dict[str, Any], *keys: str) -> None:
    if not values:
        raise ValueError("expected at least one value to set, got none")
    for key in keys:
        if key in values:
            raise ValueError(f"{key!r} cannot be set: it says which row is meant")


def _add_execution(connection: sa.Connection, values: dict[str, Any]) -> None:
    columns = dict(values)
    since = columns.pop("of_since", None)
    first = since and first_with_key(connection, values["idempotency_key"], since)
    if first:
        raise DuplicateKey(
            f"Expected an idempotency key that is not in use, found it at the execution "
            f"{first.id}, made {first.created_at}.",
            execution_id=first.id,
        )
    connection.execute(_ADD_EXECUTION, columns)


def _add_audit(connection: sa.Connection, values: dict[str, Any]) -> None:
    connection.execute(_ADD_AUDIT, values)


def _put_gateway(connection: sa.Connection, values: dict[str, Any]) -> None:
    connection.execute(_REMOVE_GATEWAY, {"of_gateway": values["name"]})
    connection.execute(_ADD_GATEWAY, values)


def _remove_gateway(connection: sa.Connection, values: dict[str, Any]) -> None:
    connection.execute(_REMOVE_GATEWAY, values)


def _set_execution(connection: sa.Connection, values: dict[str, Any]) -> None:
    if connection.execute(_SET_EXECUTION, values).rowcount == 0:
        raise LookupError(f"there is no execution {values['of_execution']!r}")


def _put_step(connection: sa.Connection, values: dict[str, Any]) -> None:
    if connection.execute(_SET_STEP, values).rowcount == 0:
        keys = {"execution_id": values["of_execution"], "step_id": values["of_step"]}
        rest = {name: value for name, value in values.items() if name != "of_step"}
        connection.execute(_ADD_STEP, rest | keys)


def _add_events(
    connection: sa.Connection, added: list[dict[str, Any]], first: int
) -> list[EventRow]:
    numbered = [values | {"id": number} for number, values in enumerate(added, first)]
    connection.execute(_ADD_EVENT, numbered)
    # The data as a later reader gets it, not the caller's own object.
    return [EventRow(**(values | {"data": json.loads(values["data"])})) for values in numbered]
