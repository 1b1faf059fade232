"""What the contract is asked to try, what one try has shown, and what came of all of them.

These cross a pipe between the process that asks and the one that tries, as JSON lines.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from ignition_toolkit.playbook.gateways import GatewayEntry, Gateways
from ignition_toolkit.playbook.models import ExecutionStatus, Frozen, Playbook, Step, StepStatus

#: Seconds that all tries of one kind may take, where nobody says otherwise.
BUDGET_S = 20.0
#: Moments at which one kind is cancelled, at most, where nobody says otherwise.
MOMENTS = 24


class Way(StrEnum):
    """How a step is stopped."""

    CANCEL = "cancel"
    SKIP = "skip"
    TIMEOUT = "timeout"


class Surroundings(Frozen):
    """What steps find around them: gateways, credentials, playbooks. Nothing of a real plant."""

    gateways: Gateways = Field(default_factory=Gateways)
    # Any: values of a credential, secrets as {"$secret": ...}.
    credentials: dict[str, dict[str, Any]] = Field(default_factory=dict)
    #: Playbooks that `playbook.run` finds, by path.
    playbooks: dict[str, Playbook] = Field(default_factory=dict)


class Job(Frozen):
    """One kind to be tried."""

    kind: str
    #: Module of each kind that the tries need, this one included.
    modules: dict[str, str]
    # Any: parameters as a playbook gives them, secrets as {"$secret": ...}.
    parameters: dict[str, Any]
    #: Texts that may not be told by the step.
    secrets: tuple[str, ...] = ()
    #: Steps that run before it; they are stopped at no moment.
    before: tuple[Step, ...] = ()
    around: Surroundings = Field(default_factory=Surroundings)
    moments: int = Field(default=MOMENTS, ge=1)
    budget_s: float = Field(default=BUDGET_S, gt=0)


class Trial(Frozen):
    """What one try has shown."""

    way: Way
    #: Turn of the event loop, from 1, at which the stop was asked for; 0 for a timeout.
    moment: int
    #: Whether it was asked for before the run was over.
    was_asked: bool = False
    #: Whether the loop stood idle at that moment: the step waited for something.
    was_idle: bool = False
    #: Whether `execute` was under way when its task was cancelled.
    was_told: bool = False
    #: How `execute` came to its end; null when it did not begin, or did not end.
    execute_end: Literal["cancelled", "returned", "raised"] | None = None
    #: What it raised.
    execute_error: str = ""
    status: ExecutionStatus | None = None
    step_status: StepStatus | None = None
    step_error: str = ""
    #: How often the step was said to be over.
    final_events: int = 0
    #: Whether a step behind it has begun.
    went_on: bool = False
    #: Whether all that was stopped had ended within the grace.
    ended: bool = True
    #: Seconds from the stop to the end of the run.
    took_s: float = 0.0
    #: Blocks of the event loop, a line each.
    blocked: tuple[str, ...] = ()
    #: Tasks, timers, threads, jobs and children that were left, a line each.
    left: tuple[str, ...] = ()
    #: Temporary files that were left.
    files: tuple[str, ...] = ()
    #: What was told of the step after it was said to be over, a line each.
    afterwards: tuple[str, ...] = ()
    #: Where one of the secrets was found.
    leaks: tuple[str, ...] = ()
    #: Why there is nothing of the above: the process ended, or was ended.
    lost: str = ""
    #: Modules that were imported.
    imported: tuple[str, ...] = ()


class Breach(Frozen):
    """One thing that the contract forbids, and at which moment it was seen."""

    way: Way
    moment: int
    text: str

    def __str__(self) -> str:
        when = "after its timeout" if self.way is Way.TIMEOUT else f"at turn {self.moment}"
        return f"{self.way.value} {when}: {self.text}"


class Report(Frozen):
    """What came of all tries of one kind."""

    kind: str
    breaches: tuple[Breach, ...] = ()
    #: Seconds from the stop to the end of the run, of each try in which the step was under way.
    took_s: tuple[float, ...] = ()
    #: Number of tries.
    tries: int = 0
    #: Whether it was cancelled at each turn until it completed, or waited.
    is_whole: bool = False
    #: Why it could not be tried: what it needs is not there, or it cannot be loaded; else empty.
    unready: str = ""

    @property
    def is_kept(self) -> bool:
        """Whether the kind keeps the contract, as far as was seen."""
        return not self.breaches and not self.unready

    def __str__(self) -> str:
        if self.is_kept:
            return f"{self.kind} keeps the contract ({self.tries} tries)"
        if self.unready:
            return f"{self.kind} could not be tried: {self.unready}"
        lines = "".join(f"\n  {breach}" for breach in self.breaches)
        return f"{self.kind} breaks the contract:{lines}"


def at_gateway(url: str, token: str = "") -> Surroundings:
    """Return surroundings in which a simulated gateway is the default one.

    Args:
        url: its address.
        token: an API key of it; empty for none.
    """
    credential = "simulated" if token else None
    entry = GatewayEntry(urls=(url,), credential=credential)
    fields = {"api_token": {"$secret": token}}
    return Surroundings(
        gateways=Gateways(default=entry), credentials={"simulated": fields} if token else {}
    )
