"""What an engine says while it runs. The runner sends these on; docs/protocol.md lists them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from ignition_toolkit.playbook.json_values import clean_text
from ignition_toolkit.playbook.models import CancelSource, Frozen, Process, StepStatus, utc_now

#: Characters of one message that are kept.
MAX_MESSAGE = 64 * 1024


def _message(text: str) -> str:
    if len(text) > MAX_MESSAGE:
        note = f" ... (cut, it had {len(text)} characters)"
        text = text[: MAX_MESSAGE - len(note)] + note
    return clean_text(text)


#: Text of a handler's or a script's choosing: bounded, and fit to be encoded.
Message = Annotated[str, AfterValidator(_message)]
LogLevel = Literal["debug", "info", "warning", "error"]
StreamName = Literal["stdout", "stderr"]


class StepChanged(Frozen):
    """A step began an attempt, waits for the next one, or ended."""

    kind: Literal["step"] = "step"
    step_id: str
    step_name: str
    parent_step_id: str | None = None
    type: str
    status: StepStatus
    attempt: int = 0
    #: Monotonic second at which the attempt times out; null when none is under way.
    deadline: float | None = None
    # Any: JSON values of the handler's choosing.
    output: dict[str, Any] | None = None
    error: Message | None = None
    at: datetime = Field(default_factory=utc_now)


class ScopeOpened(Frozen):
    """A nested playbook begins: where its steps hang, and what it was given."""

    kind: Literal["scope"] = "scope"
    #: `outer/` for the steps below step `outer`, empty for the main playbook.
    prefix: str
    path: str
    # Any: parameter values.
    parameters: dict[str, Any]
    #: Whether it takes up what an earlier process of the execution had begun.
    resumed: bool = False


class VariableSet(Frozen):
    """A variable got a value."""

    kind: Literal["variable"] = "variable"
    prefix: str
    name: str
    # Any: a JSON value of the playbook's choosing.
    value: Any


class Remembered(Frozen):
    """What the rest of the execution has to know, in other processes too; it is never stored."""

    kind: Literal["remembered"] = "remembered"
    key: str
    # Any: a JSON value of a handler's choosing.
    value: Any


class Logged(Frozen):
    """One line of the log."""

    kind: Literal["log"] = "log"
    step_id: str | None = None
    level: LogLevel = "info"
    message: Message
    stream: StreamName | None = None
    at: datetime = Field(default_factory=utc_now)


class Progressed(Frozen):
    """How far a step is, in a unit of its own."""

    kind: Literal["progress"] = "progress"
    step_id: str
    done: float
    total: float | None = None
    message: Message = ""


class PauseChanged(Frozen):
    """The run stands still between two steps, or goes on."""

    kind: Literal["pause"] = "pause"
    paused: bool


class RequestAnnounced(Frozen):
    """A step is about to send a request to an outside system."""

    kind: Literal["request"] = "request"
    step_id: str
    #: Of this process's requests, from 1.
    number: int
    #: One line for people, without a secret.
    request: Message


class RequestAnswered(Frozen):
    """A request was answered, or is known not to have been: its outcome is known."""

    kind: Literal["answered"] = "answered"
    step_id: str
    number: int


class StuckSeen(Frozen):
    """A step did not end at once when it was stopped: where it stands."""

    kind: Literal["stuck"] = "stuck"
    step_id: str
    stuck_at: Message


class ProcessKilled(Frozen):
    """A step's own process had to be killed when the step was stopped."""

    kind: Literal["killed"] = "killed"
    step_id: str
    process: Process
    stuck_at: Message | None = None


class Settled(Frozen):
    """A timeout or a skip has been acted on.

    `missed` says that the step had ended before; else `ended` says whether its task ended within
    the grace, and `unclean` lists what of it is left in the process.
    """

    kind: Literal["settled"] = "settled"
    step_id: str
    attempt: int
    source: CancelSource
    missed: bool = False
    ended: bool = True
    unclean: tuple[Message, ...] = ()
    error: Message | None = None

    @property
    def clean(self) -> bool:
        """Whether the process may go on."""
        return self.missed or (self.ended and not self.unclean)


Event = (
    StepChanged
    | ScopeOpened
    | VariableSet
    | Remembered
    | Logged
    | Progressed
    | PauseChanged
    | RequestAnnounced
    | RequestAnswered
    | StuckSeen
    | ProcessKilled
    | Settled
)
