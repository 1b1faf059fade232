"""How a run shows on standard output: JSON lines, plain lines, or a terminal that is redrawn.

A screen turns what happens into text and writes nothing itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Protocol

from ignition_toolkit.cli.events import Event
from ignition_toolkit.cli.narrator import Narrator
from ignition_toolkit.cli.output import Output, styler
from ignition_toolkit.cli.records import Style, cancellation_lines, playbook_title, summary_line
from ignition_toolkit.execution.views import ExecutionView


class Screen(Protocol):
    """Gives the text for each thing that happens; an empty text shows nothing."""

    @property
    def tick_s(self) -> float | None:
        """Seconds between two calls of `tick`; None when time alone changes nothing."""
        ...

    def begin(self, view: ExecutionView) -> str:
        """The execution was accepted."""
        ...

    def events(self, events: Sequence[Event]) -> str:
        """Things happened, in order."""
        ...

    def tick(self) -> str:
        """Time has passed."""
        ...

    def note(self, text: str) -> str | None:
        """Something to know that is no result; None when it belongs on standard error."""
        ...

    def end(self, view: ExecutionView) -> str:
        """The execution is over."""
        ...

    def leave(self) -> str:
        """Nobody follows it any longer, over or not; called last, also after `end`."""
        ...


class JsonScreen:
    """One JSON object a line for each event, and the execution as the last line."""

    tick_s = None

    def begin(self, _view: ExecutionView) -> str:
        """Show nothing: the first event says the same."""
        return ""

    def events(self, events: Sequence[Event]) -> str:
        """Return `{"id", "kind", "data"}` for each."""
        return lines_of(
            json.dumps({"id": event.id, "kind": event.kind, "data": event.data}) for event in events
        )

    def tick(self) -> str:
        """Show nothing."""
        return ""

    def note(self, _text: str) -> str | None:
        """Keep standard output for JSON."""
        return None

    def end(self, view: ExecutionView) -> str:
        """Return the execution as `GET /api/executions/{id}` would."""
        return json.dumps(view.model_dump(mode="json")) + "\n"

    def leave(self) -> str:
        """Nothing to take away."""
        return ""


class PlainScreen:
    """One line per change."""

    tick_s = None

    def __init__(self, style: Style) -> None:
        self._style = style
        self._narrator = Narrator(style)

    def begin(self, view: ExecutionView) -> str:
        """Say what runs, and under which id."""
        return opening(view, self._style)

    def events(self, events: Sequence[Event]) -> str:
        """Return their lines."""
        return lines_of(line for event in events for line in self._narrator.lines(event))

    def tick(self) -> str:
        """Show nothing."""
        return ""

    def note(self, _text: str) -> str | None:
        """Keep standard output for what happens to the execution."""
        return None

    def end(self, view: ExecutionView) -> str:
        """Say how it ended, with the cancellation record."""
        return closing(view, self._style)

    def leave(self) -> str:
        """Nothing to take away."""
        return ""


def screen_for(output: Output, *, as_json: bool) -> Screen:
    """Return the screen that fits where the output goes."""
    if as_json:
        return JsonScreen()
    if not output.live:
        return PlainScreen(styler(output))
    # Imported here: Rich takes 0.1 s, and only a terminal needs it.
    from ignition_toolkit.cli.live import LiveScreen

    return LiveScreen(styler(output))


def opening(view: ExecutionView, style: Style) -> str:
    """Return the line that says what runs."""
    return f"{style(playbook_title(view), 'bold')}, execution {view.execution_id}\n"


def closing(view: ExecutionView, style: Style) -> str:
    """Return the lines that say how an execution ended."""
    lines = [summary_line(view, style)]
    if view.cancellation:
        lines += cancellation_lines(view.cancellation)
    return lines_of(lines)


def lines_of(lines: Iterable[str]) -> str:
    """Return lines as one text, each with its end."""
    return "".join(f"{line}\n" for line in lines)
