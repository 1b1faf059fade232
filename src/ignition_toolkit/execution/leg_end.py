"""How one runner's part in an execution ends, and what of it was stopped before."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from enum import Enum

from ignition_toolkit.errors import ProtocolError
from ignition_toolkit.execution.janitor_answers import Ended
from ignition_toolkit.playbook.events import ProcessKilled, Settled
from ignition_toolkit.playbook.models import CancelSource
from ignition_toolkit.protocol import Done


class Cause(Enum):
    """Why a leg is over."""

    #: The runner said so.
    DONE = "done"
    #: A step was stopped, and the runner is not fit to go on.
    UNFIT = "unfit"
    #: The runner ended by itself, or its event stream did.
    LOST = "lost"
    #: It was ended because of a cancel.
    ENDED = "ended"


@dataclass(frozen=True)
class Stop:
    """A step that is being stopped by a timeout or a skip."""

    source: CancelSource
    step_id: str
    attempt: int
    #: Monotonic second of the stop.
    t: float
    requested_by: str | None = None

    def is_for(self, settled: Settled) -> bool:
        """Whether a runner's answer is the one to this stop."""
        return settled.step_id == self.step_id and settled.source is self.source


@dataclass(frozen=True)
class StopState:
    """What is known of the stop that is under way, or that ended the leg."""

    stop: Stop | None = None
    settled: Settled | None = None
    #: Monotonic second at which the runner had settled it.
    settled_t: float | None = None
    stuck_at: str | None = None
    #: What the step had to kill itself.
    own_kills: tuple[ProcessKilled, ...] = ()
    #: Requests that were announced and not answered.
    in_flight: tuple[str, ...] = ()

    @property
    def is_polite(self) -> bool:
        """Whether the step's task ended by itself within the grace."""
        return self.settled is not None and self.settled.ended


@dataclass(frozen=True, kw_only=True)
class LegEnd(StopState):
    """How a leg ended: `cause`, what the janitor did, and what the runner had said."""

    cause: Cause
    ended: Ended
    done: Done | None = None
    #: Monotonic second at which the runner said so.
    done_t: float | None = None
    #: Why nothing was heard any more, of a runner that lived when it was ended.
    error: ProtocolError | None = None
    exit_code: int | None = None
    #: Why the next worker will not know what was handed over.
    hand_over_problem: str | None = None

    @property
    def runner_was_killed(self) -> bool:
        """Whether the janitor ended it, and it had not said before that it was done."""
        # It is killed too when it is about to leave, and may leave while it is being killed.
        is_done = self.done is not None and self.done.ended
        is_killed = self.ended.runner is not None and self.exit_code in (None, -signal.SIGKILL)
        return is_killed and not is_done
