"""The messages between a runner and its supervisor. `docs/protocol.md` is the specification.

JSON lines: commands go to the runner, envelopes with a sequence number and the sender's pid come
from it. Secrets travel as `{"$secret": text}`, on this private pipe only.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from ignition_toolkit.playbook.engine_host import Resume
from ignition_toolkit.playbook.events import (
    Logged,
    Message,
    PauseChanged,
    ProcessKilled,
    Progressed,
    Remembered,
    RequestAnnounced,
    RequestAnswered,
    ScopeOpened,
    Settled,
    StepChanged,
    StuckSeen,
    VariableSet,
)
from ignition_toolkit.playbook.gateways import Gateways
from ignition_toolkit.playbook.models import (
    CancelSource,
    ExecutionStatus,
    Frozen,
    HandedOver,
    Program,
    utc_now,
)

#: Environment variable that marks a runner and all that it starts.
MARKER = "ITK_RUN"
#: The one that marks what may be left to a person, when the execution that started it completes.
HAND_OVER_MARK = "ITK_DESIGNER"
#: Version of the protocol; both sides are of one installation, a mismatch is an error.
PROTOCOL_VERSION = 1
#: Bytes of one line at most; a longer one damages the stream.
MAX_LINE_BYTES = 64 * 1024 * 1024


class Start(Frozen):
    """Run a program. The first and only execution of this process."""

    kind: Literal["start"] = "start"
    execution_id: str
    program: Program
    # Any: parameter values and credentials, secrets as {"$secret": ...}.
    parameters: dict[str, Any]
    credentials: dict[str, dict[str, Any]] = Field(default_factory=dict)
    gateways: Gateways = Field(default_factory=Gateways)
    resume: Resume = Field(default_factory=Resume)
    #: Module of each step kind; a module is imported when its first step runs.
    modules: dict[str, str]
    #: Folder for files that stay with the execution.
    artifacts: str
    #: Prefixes whose `on_cancel` steps are to run; null runs the main steps.
    on_cancel: tuple[str, ...] | None = None
    paused: bool = False
    #: Whether somebody watches the execution's page.
    watched: bool = False


class Cancel(Frozen):
    """Cancel the run."""

    kind: Literal["cancel"] = "cancel"
    source: CancelSource
    requested_by: str | None = None


class Pause(Frozen):
    """Pause after the current step."""

    kind: Literal["pause"] = "pause"


class Continue(Frozen):
    """Go on after a pause."""

    kind: Literal["resume"] = "resume"


class Skip(Frozen):
    """Skip the running step with this id, or the next one."""

    kind: Literal["skip"] = "skip"
    step_id: str | None = None


class Watch(Frozen):
    """Somebody watches the execution's page, or nobody does any more."""

    kind: Literal["watch"] = "watch"
    watched: bool


class Proceed(Frozen):
    """Answer to a clean `settled`: nothing will end this process any more, go on."""

    kind: Literal["proceed"] = "proceed"


class Describe(Frozen):
    """Describe the installed step kinds."""

    kind: Literal["describe"] = "describe"


class Check(Frozen):
    """Check the parameters of steps, as written."""

    kind: Literal["check"] = "check"
    request: int
    program: Program
    modules: dict[str, str]


Command = Annotated[
    Start | Cancel | Pause | Continue | Skip | Watch | Proceed | Describe | Check,
    Field(discriminator="kind"),
]


class Ready(Frozen):
    """The process is up; the first message."""

    kind: Literal["ready"] = "ready"
    version: int = PROTOCOL_VERSION


class LogsDropped(Frozen):
    """So many log messages were dropped because too much waited to be read."""

    kind: Literal["dropped"] = "dropped"
    count: int


class Blocked(Frozen):
    """A step has blocked the event loop: a cancel would not have been heard."""

    kind: Literal["blocked"] = "blocked"
    step_id: str
    #: Of the longest block that is told, and where it was.
    seconds: float
    #: `file:line in function`; null when the interpreter was held too, so that nobody could look.
    place: Message | None = None
    #: Blocks that are told, and their seconds in all.
    times: int
    total_s: float


class FrameTaken(Frozen):
    """A picture of the execution's page, for people who watch."""

    kind: Literal["frame"] = "frame"
    #: A JPEG as base64.
    data: str
    at: datetime = Field(default_factory=utc_now)


class Done(Frozen):
    """The run is over; the last message."""

    kind: Literal["done"] = "done"
    status: ExecutionStatus
    error: Message | None = None
    #: False when a cancelled step had not ended within the grace.
    ended: bool = True
    #: Processes that are left to a person: they are not ended with the runner.
    handed_over: tuple[HandedOver, ...] = ()


class Described(Frozen):
    """The catalog, as `Catalog` writes itself."""

    kind: Literal["described"] = "described"
    # Any: the catalog's own JSON form.
    catalog: dict[str, Any]


class StepProblem(Frozen):
    """What is wrong with one step's parameters as written."""

    path: str
    #: Where in the playbook's YAML.
    location: tuple[str | int, ...]
    message: str


class Checked(Frozen):
    """Answer to `check`."""

    kind: Literal["checked"] = "checked"
    request: int
    problems: tuple[StepProblem, ...]


Body = Annotated[
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
    | Ready
    | LogsDropped
    | Blocked
    | FrameTaken
    | Done
    | Described
    | Checked,
    Field(discriminator="kind"),
]


class Envelope(Frozen):
    """One message from a runner."""

    #: Grows by one with each message, from 1.
    seq: int
    #: The sender; a copy made by fork is told by it.
    pid: int
    #: Monotonic second at which the message was made.
    t: float
    body: Body


commands: TypeAdapter[Command] = TypeAdapter(Command)


def what_is_wrong(error: ValidationError) -> str:
    """Return what is wrong with a message and where, without a word of the message itself.

    What pydantic says by itself quotes the message, which may hold secrets.
    """
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in found)


def encode(message: Frozen) -> bytes:
    """Return a message as one line."""
    return message.model_dump_json().encode("utf-8", "surrogatepass") + b"\n"
