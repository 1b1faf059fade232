"""What the author of a step kind derives from, and what a step is given."""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from ignition_toolkit.playbook.events import LogLevel, StreamName
from ignition_toolkit.playbook.gateways import GatewayEntry
from ignition_toolkit.playbook.models import Process

R = TypeVar("R")


class Effect(StrEnum):
    """What a step does to the equipment."""

    #: Looks only.
    READS = "reads"
    #: Changes something.
    WRITES = "writes"
    #: Interrupts production, such as a restart.
    INTERRUPTS = "interrupts"


class NoParams(BaseModel):
    """The parameters of a kind that declares none."""

    model_config = ConfigDict(extra="forbid")


class StepContext(Protocol):
    """What a handler has at hand, as `self.context`. It is made anew for each attempt."""

    @property
    def execution_id(self) -> str:
        """Id of the execution."""

    @property
    def step_id(self) -> str:
        """Id of the step, `outer/inner` in a nested playbook."""

    @property
    def attempt(self) -> int:
        """Number of this attempt, from 1."""

    @property
    def artifacts(self) -> Path:
        """Folder whose files stay with the execution; made on first use."""

    def remaining(self) -> float:
        """Return the seconds left of the step's timeout, 0 or more; may be asked in a thread."""

    def log(self, message: str, level: LogLevel = "info", stream: StreamName | None = None) -> None:
        """Write a line to the execution's log. Never blocks; a flood is dropped and counted.

        `stream` says that the line was captured from a process's output.
        """

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """Say how far the step is, in any unit. Never blocks; only the newest matters."""

    def get_variable(self, name: str, default: Any = None) -> Any:
        """Return a variable of the playbook, or `default`."""

    def variables(self) -> dict[str, Any]:
        """Return a copy of the playbook's variables."""

    def set_variable(self, name: str, value: Any) -> None:
        """Set a variable of the playbook to a JSON value."""

    def credential(self, name: str) -> Mapping[str, Any]:
        """Return a stored credential; its secret values are `Secret`. Raises NotFound."""

    def gateway(self) -> GatewayEntry | None:
        """Return the gateway that the step's playbook works on, None when nobody names one.

        It is what the playbook's parameters `gateway` or `gateway_url` name, else those of the
        playbook around it, else the default one. `credential` of this context returns what
        `GatewayEntry.credential` names. Raises NotFound for the name of an unknown entry.
        """

    def remember(self, key: str, value: Any) -> None:
        """Have what follows in this execution know a JSON value, which may hold `Secret`s.

        It reaches every later step, also of other playbooks of the execution, its `on_cancel`
        steps, and the process that takes the place of one that was ended. It is held in memory
        only: nobody is shown it, and it is over with the execution. Raises HandlerBroken for a
        value that is too large.
        """

    def remembered(self, key: str) -> Any:
        """Return what was remembered last under a key, None for nothing."""

    def killed(self, process: Process, stuck_at: str | None = None) -> None:
        """Say that the step had to kill a process of its own because it was stopped."""

    def in_flight(self, request: str) -> AbstractContextManager[None]:
        """Announce a request to an outside system before its first byte is sent.

        Leaving the block, also by an error, says that what became of it is known. A step that is
        stopped inside the block leaves it open: the record of the stop then names the request as
        one in flight, whose outcome is unknown. Waits 0.1 s at most until it is told.

        Args:
            request: one line for people, such as `POST http://host/restart`; without a secret.
        """

    async def use(self, resource: type[R]) -> R:
        """Return the execution's one object of this type, made on first use.

        Made by the factory that is registered for the type, else by calling the type without
        arguments. When the execution ends it is closed by its `aclose` or `close`, if it has one,
        within the grace. A method `long_lived()`, if it has one, returns the pids of processes that
        outlive a step which was stopped, as a browser does; with others the process is replaced.
        Cancellation: raises at once; a half-made object is discarded.
        """

    async def run_playbook(self, path: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Run a nested playbook and return its variables.

        Raises StepFailed when one of its steps fails and aborts it. Cancellation: its running
        step is cancelled first, and its grace is the caller's.
        """


class StepHandler(ABC):
    """One attempt of one step. Derive, set `type`, write `execute`.

    The class is the one place that declares a kind: `type` (as playbooks write it), `summary`
    (one line), `effect`, `leaves` (what a cancel in the middle can leave behind, one line),
    `Params` (a pydantic model; unknown parameters are refused unless it allows extra ones).
    A class without a `type` of its own is no kind.
    """

    type: ClassVar[str]
    summary: ClassVar[str] = ""
    effect: ClassVar[Effect] = Effect.WRITES
    leaves: ClassVar[str] = ""
    Params: ClassVar[builtins.type[BaseModel]] = NoParams

    def __init__(self, context: StepContext) -> None:
        self.context = context

    @abstractmethod
    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Do the step.

        Args:
            params: validated by `Params`, references resolved, defaults filled in.

        Returns: the step's outputs, JSON values by name; playbooks read them as
        `{{ step.id.name }}`.

        Raises: anything; the attempt has failed then. StepFailed for a plain failure.

        Cancellation: a cancel, a timeout or a skip raises CancelledError at the current await.
        Clean up within 250 ms and let it propagate; whatever still runs then is killed.
        """
