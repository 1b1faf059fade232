"""The JSON forms that clients see: executions, steps, and the four kinds of events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ignition_toolkit.credentials.vault import CredentialType
from ignition_toolkit.playbook.gateways import GatewayEntry
from ignition_toolkit.playbook.models import (
    CancellationRecord,
    ExecutionStatus,
    Leftover,
    StepStatus,
    Timestamp,
)


class View(BaseModel):
    """Base of the views: immutable; fields may be added in later releases."""

    model_config = ConfigDict(frozen=True)


#: Kinds whose names say by themselves what they are.
_NAMED_IN_FULL = ("slot", "desktop")


@dataclass(frozen=True, order=True)
class Claim:
    """One thing that one execution at a time may have."""

    kind: Literal["gateway", "desktop"]
    name: str

    @property
    def title(self) -> str:
        """What a person calls it: `gateway http://plant:8088`, `the desktop`."""
        return _title(self.kind, self.name)


class WaitingFor(View):
    """What an execution waits for, and since when it waits for that very thing."""

    kind: Literal["slot", "gateway", "desktop", "runner"]
    name: str
    since: Timestamp
    #: The execution that has it, or that is the first to get it; none has a slot to itself.
    held_by: str | None = None

    @property
    def title(self) -> str:
        """What a person calls it, behind "waits for". The pages' `live.js` has the same rule."""
        return _title(self.kind, self.name)


def _title(kind: str, name: str) -> str:
    return name if kind in _NAMED_IN_FULL else f"{kind} {name}"


class Holding(View):
    """What an execution keeps for itself.

    One that is over holds nothing, unless it could not be stopped: then what it had is blocked
    until a person releases it.
    """

    claims: tuple[Claim, ...]
    #: The processes that could not be ended, of one that is over.
    leftovers: tuple[Leftover, ...] = ()

    @property
    def title(self) -> str:
        """What a person calls all of it."""
        return ", ".join(claim.title for claim in self.claims)


class StepView(View):
    """One step of an execution; ids of nested steps are `outer/inner`."""

    step_id: str
    step_name: str
    parent_step_id: str | None = None
    type: str
    status: StepStatus
    started_at: Timestamp | None = None
    completed_at: Timestamp | None = None
    # Any: JSON values of the handler's choosing, redacted.
    output: dict[str, Any] | None = None
    error: str | None = None
    attempts: int = 0
    cancellation: CancellationRecord | None = None


class ExecutionSummary(View):
    """An execution without its steps."""

    execution_id: str
    playbook_name: str
    playbook_path: str
    status: ExecutionStatus
    waiting_for: WaitingFor | None = None
    holds: Holding | None = None
    created_at: Timestamp
    started_at: Timestamp | None = None
    completed_at: Timestamp | None = None
    current_step_index: int = 0
    total_steps: int
    error: str | None = None
    requested_by: str | None = None
    #: The execution that this one runs again, and the step of the top level that it began at;
    #: null where it began at the first one.
    rerun_of: str | None = None
    rerun_from_step: str | None = None
    cancel_requested_at: Timestamp | None = None
    cancellation: CancellationRecord | None = None


class ExecutionView(ExecutionSummary):
    """An execution with its steps, in the order in which they come."""

    # Any: JSON values, redacted.
    parameters: dict[str, Any] = Field(default_factory=dict)
    #: Why its artifacts are given to nobody, null where they are: they may hold secrets that
    #: cannot be looked up any more.
    artifacts_withheld: str | None = None
    step_results: tuple[StepView, ...] = ()


class ExecutionPage(View):
    """One page of executions, newest first."""

    items: tuple[ExecutionSummary, ...]
    total: int


class StepEvent(StepView):
    """Event `step`: a step as it now stands."""

    execution_id: str


class LogEvent(View):
    """Event `log`: one line."""

    execution_id: str
    step_id: str | None = None
    level: Literal["debug", "info", "warning", "error"]
    message: str
    #: `stdout` or `stderr` for a captured line, null for a logged one.
    stream: Literal["stdout", "stderr"] | None = None
    #: Of a note that lines are missing at this place: how many. Left out of every other line.
    dropped: int | None = Field(default=None, exclude_if=lambda count: count is None)
    at: Timestamp


class ProgressEvent(View):
    """Event `progress`: how far a step is."""

    execution_id: str
    step_id: str
    done: float
    total: float | None = None
    message: str = ""


class AuditNote(View):
    """Who did what. `execution_id` may name an execution that has been removed."""

    id: int
    at: Timestamp
    action: str
    source: str
    requested_by: str | None = None
    execution_id: str | None = None
    # Any: JSON values of the action's own choosing, without secrets.
    detail: dict[str, Any] = Field(default_factory=dict)


class AuditPage(View):
    """Notes, newest first. `before` asks for the next ones; null when there are none."""

    items: tuple[AuditNote, ...]
    before: int | None = None


class CredentialView(View):
    """What is told of a credential; its secret never is."""

    name: str
    type: CredentialType
    #: Null for an API token, and for a password of something that has no users.
    username: str | None = None
    changed_at: Timestamp


class CredentialList(View):
    """All credentials, in the order of their names."""

    items: tuple[CredentialView, ...]


class GatewayList(View):
    """All registered gateways, in the order of their names."""

    items: tuple[GatewayEntry, ...]


class PruneReport(View):
    """What was removed; of a dry run, what would be.

    With `more` there is more to remove, and the same request again goes on with it. A dry run with
    `more` did not see everything: there is at least what it says.
    """

    dry_run: bool
    #: Those that had completed before `before`, and others that had ended before `failures_before`.
    before: Timestamp
    failures_before: Timestamp
    executions: int
    artifact_folders: int
    artifact_bytes: int
    #: How much less the database holds; null of a dry run.
    database_bytes: int | None = None
    more: bool = False
    #: Sentences for a person: what could not be removed, and stays with its execution.
    problems: tuple[str, ...] = ()


class LiveViewState(View):
    """What there is to see of an execution's page."""

    #: Whether more pictures may come.
    live: bool
    #: When the newest picture was taken; null when there is none.
    at: Timestamp | None = None


class CancelAnswer(View):
    """The answer to a cancel: accepted; `already` when it had been asked for before."""

    execution_id: str
    status: ExecutionStatus
    already: bool = False


class ReleaseAnswer(View):
    """The answer to a release: what is free again."""

    execution_id: str
    status: ExecutionStatus
    released: tuple[Claim, ...]


class ArtifactsAnswer(View):
    """The answer to a release of withheld artifacts: they are given out from now on."""

    execution_id: str
    status: ExecutionStatus


class Health(View):
    """What the health address says. `status` is `ok`, `degraded` (works, but look) or `down`."""

    status: Literal["ok", "degraded", "down"]
    version: str
    database: str
    janitor: str
    runner: str
    running: int
    pending: int
    #: Runners that are ready for the next start.
    warm_runners: int = 0
    #: Changes that are kept in memory because the database does not take them.
    unsaved: int = 0
    #: Sentences for a person; empty when all is well.
    problems: tuple[str, ...] = ()


class Artifact(View):
    """A file that an execution has left: its path in the execution's folder, and its bytes."""

    name: str
    size: int


class ArtifactList(View):
    """The files that an execution has left, by name, or why nobody gets them."""

    items: tuple[Artifact, ...] = ()
    withheld: str | None = None


class Upkeep(View):
    """What a worker keeps, and for how long."""

    data_dir: str
    database_bytes: int
    #: Bytes of artifacts; null when there are too many to count them in passing.
    artifact_bytes: int | None
    #: Days for which completed executions are kept, and others; 0: for ever.
    keep_days: int
    keep_failures_days: int
    max_running: int
