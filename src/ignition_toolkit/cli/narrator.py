"""Events as lines, one per change: what a log of a run should hold, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from ignition_toolkit.cli.events import Event
from ignition_toolkit.cli.records import Style, status_word, waiting_text
from ignition_toolkit.cli.text import duration, local_time, number, printable
from ignition_toolkit.execution.views import ExecutionSummary, LogEvent, ProgressEvent, StepEvent
from ignition_toolkit.playbook.models import ExecutionStatus, StepStatus, utc_now

#: Seconds between two progress lines of one step.
PROGRESS_EVERY_S = 10.0

WORD_WIDTH = 10

LEVEL_COLOURS = {"debug": "dim", "info": "blue", "warning": "yellow", "error": "red"}


class Narrator:
    """Tells one execution, and remembers what has been told.

    Args:
        style: colours a word.
        tells_running: whether a step that begins gets a line; a live screen shows it itself.
    """

    def __init__(self, style: Style, *, tells_running: bool = True) -> None:
        self._style = style
        self._tells_running = tells_running
        self._steps: dict[str, tuple[StepStatus, int]] = {}
        self._status: tuple[ExecutionStatus, str] | None = None
        self._progress_at: dict[str, datetime] = {}

    def lines(self, event: Event) -> Iterator[str]:
        """Yield the lines for one event, none when nothing has changed that a person follows."""
        if event.kind == "execution":
            yield from self._execution(ExecutionSummary.model_validate(event.data))
        elif event.kind == "step":
            yield from self._step(StepEvent.model_validate(event.data))
        elif event.kind == "log":
            yield self.log(LogEvent.model_validate(event.data))
        elif event.kind == "progress" and self._tells_running:
            yield from self._progress(ProgressEvent.model_validate(event.data))

    def log(self, event: LogEvent) -> str:
        """Return the line for a log entry or a line that a step printed."""
        word = {"stdout": "out", "stderr": "err"}.get(event.stream or "", event.level)
        coloured = self._style(word, "dim" if event.stream else LEVEL_COLOURS[event.level])
        step = f"{printable(event.step_id)}: " if event.step_id else ""
        padding = " " * (WORD_WIDTH - len(word))
        return f"{local_time(event.at)} {coloured}{padding} {step}{printable(event.message)}"

    def _execution(self, view: ExecutionSummary) -> Iterator[str]:
        now = (view.status, waiting_text(view))
        if now == self._status:
            return
        was, self._status = self._status, now
        waits = now[1]
        if waits or _is_news(view.status, was):
            yield self._line(utc_now(), view.status, f"waits for {waits}" if waits else "")

    def _step(self, step: StepEvent) -> Iterator[str]:
        now = (step.status, step.attempts)
        if now == self._steps.get(step.step_id) or step.status is StepStatus.PENDING:
            return
        again = step.step_id in self._steps
        self._steps[step.step_id] = now
        text = f"{printable(step.step_id)}: {printable(step.step_name)}"
        if step.status is not StepStatus.RUNNING:
            yield self._line(step.completed_at, step.status, text + _how(step))
        elif self._tells_running or again:
            attempt = f", attempt {step.attempts}" if again and step.attempts > 1 else ""
            yield self._line(utc_now() if again else step.started_at, step.status, text + attempt)

    def _progress(self, event: ProgressEvent) -> Iterator[str]:
        now = utc_now()
        last = self._progress_at.get(event.step_id)
        if last and (now - last).total_seconds() < PROGRESS_EVERY_S:
            return
        self._progress_at[event.step_id] = now
        yield self._line(now, "progress", f"{printable(event.step_id)}: {progress_text(event)}")

    def _line(self, at: datetime | None, word: str, text: str) -> str:
        coloured = (
            status_word(word, self._style, WORD_WIDTH)
            if word != "progress"
            else word.ljust(WORD_WIDTH)
        )
        return f"{local_time(at or utc_now())} {coloured} {text}".rstrip()


def progress_text(event: ProgressEvent) -> str:
    """Return how far a step is: `3 of 10`, and what it says of it."""
    total = f" of {number(event.total)}" if event.total is not None else ""
    return f"{number(event.done)}{total} {printable(event.message)}".rstrip()


def _is_news(status: ExecutionStatus, was: tuple[ExecutionStatus, str] | None) -> bool:
    """Whether a status says more than the lines before and after it: not begun, not ended."""
    if status is ExecutionStatus.RUNNING:
        return was is not None and was[0] is ExecutionStatus.PAUSED
    return not status.final and status is not ExecutionStatus.PENDING


def _how(step: StepEvent) -> str:
    took = ""
    if step.started_at and step.completed_at:
        took = f" ({duration((step.completed_at - step.started_at).total_seconds())})"
    return f"{took}: {printable(step.error)}" if step.error else took
