"""Executions, steps and events as a worker gives them, for the command line's tests."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ignition_toolkit.cli.events import Event
from ignition_toolkit.cli.output import Output
from ignition_toolkit.execution.views import ExecutionView, StepView
from ignition_toolkit.playbook.models import (
    CancellationRecord,
    CancelOutcome,
    CancelSource,
    ExecutionStatus,
    Process,
    StepStatus,
    timestamp,
)

T0 = datetime(2026, 11, 5, 12, 0, 0, tzinfo=UTC)
EXECUTION_ID = "0192f000-0000-7000-8000-000000000001"


def after(seconds: float) -> datetime:
    """Return the moment so many seconds after T0."""
    return T0 + timedelta(seconds=seconds)


# Any: fields of a view, here and below.
def execution(status: str = "running", **changes: Any) -> ExecutionView:
    """Return an execution that began at T0."""
    fields: dict[str, Any] = {
        "execution_id": EXECUTION_ID,
        "playbook_name": "Wait and tell",
        "playbook_path": "examples/wait.yaml",
        "status": ExecutionStatus(status),
        "created_at": T0,
        "started_at": T0,
        "total_steps": 2,
    }
    return ExecutionView(**(fields | changes))


def step(step_id: str = "wait", status: str = "running", **changes: Any) -> StepView:
    """Return a step that began at T0."""
    fields: dict[str, Any] = {
        "step_id": step_id,
        "step_name": f"The step {step_id}",
        "type": "utility.sleep",
        "status": StepStatus(status),
        "started_at": T0,
        "attempts": 1,
    }
    return StepView(**(fields | changes))


def record(**changes: Any) -> CancellationRecord:
    """Return the record of a cancel that had to kill."""
    fields: dict[str, Any] = {
        "requested_at": after(3),
        "requested_by": "anna",
        "source": CancelSource.CLI,
        "step_id": "wait",
        "outcome": CancelOutcome.KILLED,
        "step_stopped_ms": 261.4,
        "tree_gone_ms": 270.0,
        "killed": (Process(pid=41, name="python"), Process(pid=42, name="sleep")),
        "stuck_at": "handler.py:12 in execute",
    }
    return CancellationRecord(**(fields | changes))


def execution_event(number: int, status: str, **changes: Any) -> Event:
    """Return the event of an execution's new status."""
    return Event(number, "execution", execution(status, **changes).model_dump(mode="json"))


def step_event(number: int, step_id: str, status: str, **changes: Any) -> Event:
    """Return the event of a step's new status."""
    data = step(step_id, status, **changes).model_dump(mode="json")
    return Event(number, "step", {"execution_id": EXECUTION_ID, **data})


def log_event(number: int, message: str, **changes: Any) -> Event:
    """Return the event of a line in the log of the step `wait`."""
    data = {
        "execution_id": EXECUTION_ID,
        "step_id": "wait",
        "level": "info",
        "message": message,
        "at": timestamp(T0),
    }
    return Event(number, "log", data | changes)


def progress_event(number: int, done: float, total: float | None = None) -> Event:
    """Return the event of progress in the step `wait`."""
    data = {"execution_id": EXECUTION_ID, "step_id": "wait", "done": done, "total": total}
    return Event(number, "progress", data)


def plain(text: str, _colour: str) -> str:
    """Style nothing."""
    return text


def marked(text: str, colour: str) -> str:
    """Style visibly."""
    return f"<{colour}>{text}</>"


@dataclass
class Pipe:
    """An Output into a pipe, and its other end."""

    output: Output
    read_end: int
    _open: set[int] = field(default_factory=set)

    def read_all(self) -> str:
        """Return what is in the pipe now."""
        os.set_blocking(self.read_end, False)
        parts = []
        try:
            while data := os.read(self.read_end, 65536):
                parts.append(data)
        except BlockingIOError:
            pass
        return b"".join(parts).decode()

    def close_reader(self) -> None:
        """Stop reading, as `head` does."""
        self._open.discard(self.read_end)
        os.close(self.read_end)


@contextmanager
def pipe() -> Iterator[Pipe]:
    """Give an Output whose text can be read, and whose reader can stop reading."""
    read_end, write_end = os.pipe()
    opened = {read_end, write_end}
    try:
        yield Pipe(Output(write_end), read_end, opened)
    finally:
        for descriptor in opened:
            os.close(descriptor)
