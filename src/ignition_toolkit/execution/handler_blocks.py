"""What an execution's log says of a step that has blocked its runner's event loop."""

from __future__ import annotations

from ignition_toolkit.execution.leg import GRACE_S
from ignition_toolkit.protocol import Blocked

_GIL = "a place that cannot be told: the interpreter was held too"
_ADVICE = "await there, or do the work in a child process"


def blocked_text(blocked: Blocked) -> str:
    """Return the line for the step's author: how long, where, what it does to a cancel, what to do.

    Args:
        blocked: what the runner said.
    """
    place = blocked.place or _GIL
    if blocked.times == 1:
        what = f"for {blocked.seconds:.2f} s at {place}"
    else:
        longest = f"the longest was {blocked.seconds:.2f} s at {place}"
        what = f"{blocked.times} times, for {blocked.total_s:.2f} s in all; {longest}"
    return f"the step blocked the event loop {what}: {_effect(blocked.seconds)}; {_ADVICE}"


def _effect(seconds: float) -> str:
    if seconds < GRACE_S:
        return "it hears of a cancel only afterwards"
    return f"it hears of no cancel meanwhile and is killed after {GRACE_S:g} s, without its cleanup"
