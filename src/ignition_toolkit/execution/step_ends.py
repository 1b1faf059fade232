"""What is said of steps whose runner was stopped, replaced or lost: texts and records."""

from __future__ import annotations

import signal
import time
from datetime import timedelta

from ignition_toolkit.execution.leg_end import LegEnd
from ignition_toolkit.execution.verdict import figures
from ignition_toolkit.playbook.models import CancellationRecord, utc_now


def timeout_text(end: LegEnd, timeout_s: float | None) -> str:
    """Return the error of an attempt that took too long and cost its runner."""
    if end.settled is not None and end.settled.error:
        return end.settled.error
    where = f"; it was stuck at {end.stuck_at}" if end.stuck_at else ""
    return f"{_overrun(timeout_s)} and had to be killed{where}"


def late_text(timeout_s: float | None) -> str:
    """Return the error of an attempt whose time was over before a fresh runner took it up."""
    return f"{_overrun(timeout_s)}: its runner had to be replaced meanwhile"


def _overrun(timeout_s: float | None) -> str:
    limit = f" of {timeout_s:g} s" if timeout_s is not None else ""
    return f"the step took longer than its timeout{limit}"


def replaced_text(end: LegEnd) -> str:
    """Return the log line that says why the run goes on in a fresh runner."""
    text = "the step's runner was not proved clean and was replaced"
    if end.settled is None or not end.settled.ended:
        return f"{text}: the step had not ended within the grace"
    return f"{text}: {', '.join(end.settled.unclean) or 'it was being ended already'}"


def needless_text(step_id: str) -> str:
    """Return what is said when a runner was ended for a step that had ended in time."""
    return (
        f"the runner was ended because step {step_id!r} seemed to overrun; it had ended in time, "
        "but the machine was too busy to notice"
    )


def loss_text(end: LegEnd) -> str:
    """Return why a runner that nobody had stopped is gone."""
    if end.error is not None:
        return end.error.message
    code = end.exit_code
    if code is None:
        return "the runner ended by itself"
    if code < 0:
        return f"the runner was ended by signal {_signal_name(-code)}"
    return f"the runner ended by itself with exit code {code}"


def in_flight_text(end: LegEnd) -> str:
    """Return what is said of the requests that a lost runner has left open; empty for none."""
    if not end.in_flight:
        return ""
    return f"; in flight, outcome unknown: {', '.join(end.in_flight)}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def step_record(end: LegEnd) -> CancellationRecord:
    """Return the record of a timeout or a skip, for the step's result."""
    stop = end.stop
    assert stop is not None
    record = CancellationRecord(
        requested_at=utc_now() - timedelta(seconds=time.monotonic() - stop.t),
        requested_by=stop.requested_by,
        source=stop.source,
        step_id=stop.step_id,
    )
    return figures(record, end, t=stop.t, stopped_t=end.settled_t if end.is_polite else None)
