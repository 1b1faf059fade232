"""A run on a terminal: what is over scrolls up, what runs is redrawn below it."""

from __future__ import annotations

import io
import itertools
import time
from collections.abc import Iterator, Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from ignition_toolkit.cli.events import Event
from ignition_toolkit.cli.narrator import Narrator, progress_text
from ignition_toolkit.cli.records import Style, waiting_text
from ignition_toolkit.cli.screens import closing, opening
from ignition_toolkit.cli.text import duration, printable
from ignition_toolkit.execution.views import (
    ExecutionSummary,
    ExecutionView,
    ProgressEvent,
    StepEvent,
)
from ignition_toolkit.playbook.models import ExecutionStatus, StepStatus, utc_now


class LiveScreen:
    """Rich draws into a buffer here; the caller writes what it drew, when the terminal takes it.

    Args:
        style: colours a word.
        width: columns; None for the terminal's, also after it changes.
    """

    tick_s = 0.2

    def __init__(self, style: Style, width: int | None = None) -> None:
        self._style = style
        self._narrator = Narrator(style, tells_running=False)
        self._buffer = io.StringIO()
        # Colours are in the texts already: Rich leaves lines that are printed as they are.
        self._console = Console(file=self._buffer, force_terminal=True, width=width)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._spinner = itertools.cycle("|/-\\")
        self._view: ExecutionSummary | None = None
        self._running: dict[str, StepEvent] = {}
        self._progress: dict[str, str] = {}
        #: Steps of the top level that have begun; on_cancel steps are not counted in a total.
        self._begun: set[str] = set()
        self._started = time.monotonic()

    def begin(self, view: ExecutionView) -> str:
        """Say what runs, and begin to draw below it."""
        self._view = view
        self._live.start()
        return opening(view, self._style) + self._draw()

    def events(self, events: Sequence[Event]) -> str:
        """Let what is over scroll up, and redraw the rest."""
        lines: list[str] = []
        for event in events:
            self._learn(event)
            lines += self._narrator.lines(event)
        if lines:
            # Printed at once: each print draws everything that runs anew.
            self._print("\n".join(lines))
        return self._draw()

    def tick(self) -> str:
        """Redraw."""
        return self._draw()

    def note(self, text: str) -> str | None:
        """Let it scroll up: a line on standard error would land in what is drawn."""
        self._print(text)
        return self._draw()

    def end(self, view: ExecutionView) -> str:
        """Take away what was drawn, and say how it ended."""
        return self.leave() + closing(view, self._style)

    def leave(self) -> str:
        """Take away what was drawn, and show the cursor again."""
        self._live.stop()
        return self._taken()

    def _learn(self, event: Event) -> None:
        if event.kind == "execution":
            self._view = ExecutionSummary.model_validate(event.data)
        elif event.kind == "progress":
            progress = ProgressEvent.model_validate(event.data)
            self._progress[progress.step_id] = progress_text(progress)
        elif event.kind == "step":
            step = StepEvent.model_validate(event.data)
            self._running.pop(step.step_id, None)
            if "/" not in step.step_id and step.status is not StepStatus.PENDING:
                self._begun.add(step.step_id)
            if step.status is StepStatus.RUNNING:
                self._running[step.step_id] = step

    def _print(self, lines: str) -> None:
        self._console.print(Text.from_ansi(lines), soft_wrap=True)

    def _draw(self) -> str:
        if self._live.is_started:
            self._live.update(Group(*self._drawn()), refresh=True)
        return self._taken()

    def _taken(self) -> str:
        text = self._buffer.getvalue()
        self._buffer.seek(0)
        self._buffer.truncate()
        return text

    def _drawn(self) -> Iterator[Text]:
        turn = next(self._spinner)
        for step in self._running.values():
            took = (
                duration((utc_now() - step.started_at).total_seconds()) if step.started_at else ""
            )
            progress = self._progress.get(step.step_id, "")
            title = f"{printable(step.step_id)}: {printable(step.step_name)}"
            yield _line(f"{turn} {title}  {took}  {progress}".rstrip(), "cyan")
        yield _line(self._footer(), "bright_black")

    def _footer(self) -> str:
        took = duration(time.monotonic() - self._started)
        view = self._view
        if view is None:
            return took
        if view.waiting_for:
            return f"waits for {waiting_text(view)}, {took}; Ctrl-C cancels"
        if view.status.final:
            return f"{view.status}, {took}"
        if view.status is ExecutionStatus.CANCELLING:
            return f"cancelling, {took}; Ctrl-C again kills at once"
        at = min(len(self._begun), view.total_steps)
        return f"{view.status}, step {at} of {view.total_steps}, {took}; Ctrl-C cancels"


def _line(text: str, style: str) -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")
