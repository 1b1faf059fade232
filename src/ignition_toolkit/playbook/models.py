"""What a playbook is, what its run can be, and which status may follow which."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from ignition_toolkit.errors import IllegalMove

DEFAULT_TIMEOUT_S = 300.0
DEFAULT_RETRY_DELAY_S = 5.0
DEFAULT_ON_CANCEL_S = 60.0
MAX_NESTING = 3


class Frozen(BaseModel):
    """Base of the models: immutable, unknown keys refused.

    JSON knows no infinity and no NaN: they travel as text, which a field of floats reads back.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


def utc_now() -> datetime:
    """Return the time as an aware UTC datetime."""
    return datetime.now(UTC)


def timestamp(moment: datetime) -> str:
    """Return an aware datetime as RFC 3339 in UTC with microseconds, ending in `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


#: An aware UTC datetime; its JSON form always has microseconds.
Timestamp = Annotated[datetime, PlainSerializer(timestamp, return_type=str, when_used="json")]


class ExecutionStatus(StrEnum):
    """Where an execution stands."""

    #: Accepted, not started: waits for a slot or for what `waiting_for` says.
    PENDING = "pending"
    #: Its steps run in a runner.
    RUNNING = "running"
    #: Between two steps, until somebody resumes, skips or cancels.
    PAUSED = "paused"
    #: A cancel was accepted; the stop is not verified yet, or `on_cancel` steps run.
    CANCELLING = "cancelling"
    #: Stopped on request, and the stop was verified.
    CANCELLED = "cancelled"
    #: Every step ran to its end, was skipped, or failed with `on_failure: continue`.
    COMPLETED = "completed"
    #: A step failed, or the run could not be stopped.
    FAILED = "failed"
    #: Its worker died without a cancel being asked for.
    INTERRUPTED = "interrupted"

    @property
    def final(self) -> bool:
        """Whether nothing may follow."""
        return not EXECUTION_MOVES[self]


class StepStatus(StrEnum):
    """Where a step stands. A step that was never reached stays pending."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing may follow."""
        return not STEP_MOVES[self]


E, S = ExecutionStatus, StepStatus

#: The legal moves of an execution. Only ExecutionManager makes them.
EXECUTION_MOVES: Mapping[ExecutionStatus, frozenset[ExecutionStatus]] = {
    E.PENDING: frozenset({E.RUNNING, E.CANCELLING, E.CANCELLED, E.FAILED}),
    E.RUNNING: frozenset({E.PAUSED, E.CANCELLING, E.COMPLETED, E.FAILED, E.INTERRUPTED}),
    E.PAUSED: frozenset({E.RUNNING, E.CANCELLING, E.FAILED, E.INTERRUPTED}),
    E.CANCELLING: frozenset({E.CANCELLED, E.COMPLETED, E.FAILED}),
    E.CANCELLED: frozenset(),
    E.COMPLETED: frozenset(),
    E.FAILED: frozenset(),
    E.INTERRUPTED: frozenset(),
}

#: The legal moves of a step. A retry stays `running`.
STEP_MOVES: Mapping[StepStatus, frozenset[StepStatus]] = {
    S.PENDING: frozenset({S.RUNNING, S.SKIPPED, S.FAILED}),
    S.RUNNING: frozenset({S.COMPLETED, S.FAILED, S.SKIPPED, S.CANCELLED}),
    S.COMPLETED: frozenset(),
    S.FAILED: frozenset(),
    S.SKIPPED: frozenset(),
    S.CANCELLED: frozenset(),
}


def check_execution_move(old: ExecutionStatus, new: ExecutionStatus) -> None:
    """Raise IllegalMove unless an execution may go from `old` to `new`."""
    if new not in EXECUTION_MOVES[old]:
        raise IllegalMove(f"an execution may not go from {old} to {new}", old=old, new=new)


class ParameterType(StrEnum):
    """What a playbook's parameter holds."""

    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    DICT = "dict"
    LIST = "list"
    FILE = "file"
    CREDENTIAL = "credential"


class Parameter(Frozen):
    """One parameter that a playbook declares."""

    name: str
    type: ParameterType = ParameterType.STRING
    #: False when a default is given.
    required: bool = True
    description: str = ""
    # Any: a default has the type that `type` names.
    default: Any = None


class OnFailure(StrEnum):
    """What follows when the last attempt of a step failed."""

    ABORT = "abort"
    CONTINUE = "continue"


class Step(Frozen):
    """One step of a playbook. Durations are seconds."""

    id: str
    name: str
    type: str
    # Any: YAML values, with references still in them.
    parameters: dict[str, Any] = Field(default_factory=dict)
    timeout: float = DEFAULT_TIMEOUT_S
    retry_count: int = 0
    retry_delay: float = DEFAULT_RETRY_DELAY_S
    on_failure: OnFailure = OnFailure.ABORT
    #: Line in the playbook's text, from 1.
    line: int = 0


class Concurrency(StrEnum):
    """Whether a playbook keeps its gateway for itself."""

    EXCLUSIVE = "exclusive"
    SHARED = "shared"


class TraceWhen(StrEnum):
    """When the trace of a browser is kept with the execution."""

    ON_FAILURE = "on-failure"
    ALWAYS = "always"
    NEVER = "never"


class Playbook(Frozen):
    """A playbook as its YAML says it, older spellings already replaced."""

    name: str
    #: Path inside the library with forward slashes, or the file's name for one outside it.
    path: str
    version: str | None = None
    domain: str | None = None
    description: str = ""
    concurrency: Concurrency = Concurrency.EXCLUSIVE
    #: When the trace of its browser is kept; the outermost playbook's counts.
    trace: TraceWhen = TraceWhen.ON_FAILURE
    parameters: tuple[Parameter, ...] = ()
    steps: tuple[Step, ...]
    on_cancel: tuple[Step, ...] = ()
    #: Seconds for all on_cancel steps together.
    on_cancel_timeout: float = DEFAULT_ON_CANCEL_S
    group: str | None = None
    verified: bool = False
    # Any: free YAML that we keep and do not read.
    metadata: dict[str, Any] = Field(default_factory=dict)


class Program(Frozen):
    """A playbook with every playbook that it can run, by library path."""

    main: Playbook
    nested: dict[str, Playbook] = Field(default_factory=dict)


class CancelSource(StrEnum):
    """Where a cancel came from."""

    WEB = "web"
    API = "api"
    CLI = "cli"
    TIMEOUT = "timeout"
    SKIP = "skip"
    SHUTDOWN = "shutdown"
    SCHEDULE = "schedule"


class CancelOutcome(StrEnum):
    """How a cancel ended."""

    #: The step's task ended by itself within the grace.
    COOPERATIVE = "cooperative"
    #: It did not, and was killed.
    KILLED = "killed"
    #: Every step had ended before the cancel arrived.
    TOO_LATE = "too_late"
    #: The worker died after the cancel was asked for; the sweep ended what was left.
    WORKER_LOST = "worker_lost"
    #: Something could not be ended in 5 s; `leftovers` names it.
    NOT_STOPPED = "not_stopped"


class Recorded(Frozen):
    """Base of what a record holds. Fields may be added: an older reader passes over them."""

    model_config = ConfigDict(extra="ignore")


class Process(Recorded):
    """One process in a cancellation record."""

    pid: int
    name: str


class HandedOver(Process):
    """A process that a person got when the execution had completed."""

    #: Clock ticks from the machine's boot to its start: with the pid it names this process alone.
    start: int
    #: Value of ITK_DESIGNER in the environment of all that belongs to it, now or later.
    mark: str | None = None


class Leftover(Process):
    """A process that could not be ended."""

    #: Clock ticks from the machine's boot to its start: with the pid it names this process alone.
    start: int | None = None
    state: str = ""
    uid: int | None = None
    why: str = ""


class OnCancelResult(Recorded):
    """How one on_cancel step ended."""

    step_id: str
    status: StepStatus
    error: str | None = None


class CancellationRecord(Recorded):
    """What a cancel did: the truth, with figures in milliseconds since the request."""

    requested_at: Timestamp
    requested_by: str | None = None
    source: CancelSource
    #: The step that was running, innermost; null when none was.
    step_id: str | None = None
    outcome: CancelOutcome | None = None
    step_stopped_ms: float | None = None
    tree_gone_ms: float | None = None
    killed: tuple[Process, ...] = ()
    #: `file:line in function`, null when nothing was stuck or it could not be told.
    stuck_at: str | None = None
    #: Requests announced before their first byte and not answered: outcome unknown.
    in_flight: tuple[str, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    on_cancel: tuple[OnCancelResult, ...] = ()


class StepResult(Frozen):
    """How one step ended, as an engine keeps and resumes it."""

    step_id: str
    status: StepStatus
    # Any: JSON values of the handler's choosing.
    output: dict[str, Any] = Field(default_factory=dict)
    error: str | None = None
    attempts: int = 0
