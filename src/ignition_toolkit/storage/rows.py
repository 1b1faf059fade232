"""What the store gives back, and what a new execution is stored from: one frozen row per table.

Field names are the columns' names, see `tables.py`. All timestamps are aware and in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

# Any: JSON objects, as their writer shaped them.
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionRow:
    """One execution.

    `id` is a UUIDv7 as text, `status` one of the design's execution statuses.
    `snapshot` is the YAML as it was at the start, nested playbooks included:
    `{"main": path, "files": {path: text}}`; it is None in the rows of `Store.executions`, whose
    pages it would make slow.
    `parameters` are redacted; `secret_parameters` names those that were given inline and are
    stored nowhere. `current_step_index` counts the top level from 0.
    `owner` is the worker that runs it. `rerun_of` is the attempt before this one, whose steps
    before `rerun_from_step` were taken over (None: it began at the first step).
    `idempotency_fingerprint` tells whether another request with the same `idempotency_key` is the
    same request. `holds` is what it keeps for itself, and keeps blocked when it is over: see
    `Store.blocking`. `unredacted` stands while its artifacts may hold secrets:
    see `Store.unredacted`.
    """

    id: str
    playbook_name: str
    playbook_path: str
    status: str
    snapshot: dict[str, Any] | None
    created_at: datetime
    parameters: dict[str, Any] = field(default_factory=dict)
    secret_parameters: list[str] = field(default_factory=list)
    waiting_for: dict[str, Any] | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    current_step_index: int = 0
    total_steps: int = 0
    error: str | None = None
    cancellation: dict[str, Any] | None = None
    cancel_requested_at: datetime | None = None
    cancel_requested_by: str | None = None
    cancel_source: str | None = None
    requested_by: str | None = None
    owner: str | None = None
    rerun_of: str | None = None
    rerun_from_step: str | None = None
    idempotency_key: str | None = None
    idempotency_fingerprint: str | None = None
    holds: dict[str, Any] | None = None
    unredacted: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """One step of an execution, by the order in which it was first heard of (`seq`, from 0).

    `step_id` of a nested step is `outer/inner`, `parent_step_id` then is `outer`. `variables` are
    those that a step of the top level has set, for a rerun that begins after it; None: none.
    """

    execution_id: str
    step_id: str
    seq: int
    step_name: str
    kind: str
    status: str
    parent_step_id: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    output: dict[str, Any] | None = None
    error: str | None = None
    attempts: int = 0
    cancellation: dict[str, Any] | None = None
    variables: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One event. `id` grows in commit order over the whole data folder and is never reused."""

    id: int
    execution_id: str
    kind: str
    at: datetime
    data: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """Who did what. `id` grows in commit order; `actor` is None where nobody said who.

    `execution_id` may name an execution that has been pruned.
    """

    id: int
    at: datetime
    actor: str | None
    source: str
    action: str
    execution_id: str | None
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayRow:
    """One registered gateway.

    `credential` names one of the vault, which is no part of the database; `tls` is `verify` or
    `insecure`.
    """

    name: str
    urls: list[str]
    changed_at: datetime
    tls: str = "verify"
    ca_file: str | None = None
    credential: str | None = None
    tags: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LostLines:
    """How many lines are missing from a log, and the number of the last note that says so."""

    count: int = 0
    last_note: int = 0


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The runs of the same playbook path just before and after one; their `snapshot` is None."""

    previous: ExecutionRow | None
    next: ExecutionRow | None
