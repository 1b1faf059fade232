"""A run shows as one line per change, as JSON, or redrawn; each tells the same."""

import io
import json
import os
import pty
import time
from collections.abc import Sequence

import pytest
from rich.console import Console

from ignition_toolkit.cli.events import Event
from ignition_toolkit.cli.live import LiveScreen
from ignition_toolkit.cli.output import Output
from ignition_toolkit.cli.screens import JsonScreen, PlainScreen, Screen, screen_for
from ignition_toolkit.execution.views import WaitingFor
from tests.unit.cli.samples import (
    EXECUTION_ID,
    T0,
    after,
    execution,
    execution_event,
    log_event,
    marked,
    plain,
    progress_event,
    record,
    step_event,
)

STORY: Sequence[Event] = (
    execution_event(1, "pending"),
    execution_event(2, "running"),
    step_event(3, "wait", "running"),
    log_event(4, "hello"),
    log_event(5, "KEY=value", stream="stdout"),
    progress_event(6, 1, 10),
    progress_event(7, 2, 10),
    step_event(8, "wait", "completed", completed_at=after(2)),
    step_event(9, "ask", "running"),
    step_event(10, "ask", "failed", completed_at=after(3), error="no answer"),
    execution_event(11, "failed", completed_at=after(3), error="step ask failed"),
)


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times are shown where the reader is; here that is Greenwich."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def without_times(text: str) -> list[str]:
    """Return lines from behind their time of day."""
    return [line[9:] if line[2:3] == ":" else line for line in text.splitlines()]


def test_plain_lines_tell_each_change_once() -> None:
    text = PlainScreen(plain).events(STORY)
    assert without_times(text) == [
        "running    wait: The step wait",
        "info       wait: hello",
        "out        wait: KEY=value",
        "progress   wait: 1 of 10",
        "completed  wait: The step wait (2.0 s)",
        "running    ask: The step ask",
        "failed     ask: The step ask (3.0 s): no answer",
    ]


def test_what_was_told_is_not_told_again() -> None:
    screen = PlainScreen(plain)
    screen.events(STORY)
    assert screen.events([step_event(12, "wait", "completed", output={"a": 1})]) == ""


def test_a_retry_is_told_with_its_number() -> None:
    screen = PlainScreen(plain)
    screen.events([step_event(1, "ask", "running")])
    again = screen.events([step_event(2, "ask", "running", attempts=2)])
    assert without_times(again) == ["running    ask: The step ask, attempt 2"]


def test_waiting_pausing_and_cancelling_are_told() -> None:
    waiting = WaitingFor(kind="slot", name="4 of 4", since=T0)
    events = [
        execution_event(1, "pending", waiting_for=waiting),
        execution_event(2, "running"),
        execution_event(3, "paused"),
        execution_event(4, "running"),
        execution_event(5, "cancelling"),
        execution_event(6, "cancelled"),
    ]
    assert without_times(PlainScreen(plain).events(events)) == [
        "pending    waits for 4 of 4 since 12:00:00",
        "paused",
        "running",
        "cancelling",
    ]


def test_plain_lines_begin_with_what_runs_and_end_with_how_it_ended() -> None:
    screen = PlainScreen(plain)
    assert screen.begin(execution()) == (
        f"Wait and tell (examples/wait.yaml), execution {EXECUTION_ID}\n"
    )
    ended = execution("cancelled", completed_at=after(4), cancellation=record())
    first, second, *_ = screen.end(ended).splitlines()
    assert first == "cancelled after 4.0 s"
    assert second.startswith("cancel asked for by anna (cli) at ")


def test_a_log_line_cannot_steer_the_terminal() -> None:
    text = PlainScreen(marked).events([log_event(1, "a\x1b[2Jb\nc", level="error")])
    assert text == r"12:00:00 <red>error</>      wait: a\x1b[2Jb\nc" + "\n"


def test_json_is_an_object_a_line_and_the_execution_last() -> None:
    screen = JsonScreen()
    lines = (screen.begin(execution()) + screen.events(STORY)).splitlines()
    assert [json.loads(line) for line in lines] == [
        {"id": event.id, "kind": event.kind, "data": event.data} for event in STORY
    ]
    last = screen.end(execution("failed")).splitlines()
    assert len(last) == 1
    assert json.loads(last[0])["status"] == "failed"
    assert screen.note("kept off standard output") is None


class Terminal:
    """What a terminal of 60 columns shows after the codes that a live screen uses."""

    def __init__(self) -> None:
        self.lines = [""]
        self.row = 0
        self.cursor_hidden = False

    def feed(self, text: str) -> None:
        """Interpret text."""
        position = 0
        while position < len(text):
            position = self._one(text, position)

    def _one(self, text: str, at: int) -> int:
        if text[at] == "\x1b":
            end = next(i for i in range(at + 2, len(text)) if text[i].isalpha())
            self._code(text[at + 2 : end], text[end])
            return end + 1
        if text[at] == "\n":
            self.row += 1
            if self.row == len(self.lines):
                self.lines.append("")
        elif text[at] != "\r":
            self.lines[self.row] += text[at]
        return at + 1

    def _code(self, argument: str, letter: str) -> None:
        if letter == "K":
            self.lines[self.row] = ""
        elif letter == "A":
            self.row -= int(argument or 1)
        elif letter in "hl" and argument == "?25":
            self.cursor_hidden = letter == "l"

    def text(self) -> list[str]:
        """Return what can be read, blanks at the ends left out."""
        return [line.rstrip() for line in self.lines if line.strip()]


@pytest.fixture
def live() -> LiveScreen:
    """A live screen without colours."""
    return LiveScreen(plain, width=60)


def test_a_live_screen_shows_what_runs_below_what_is_over(live: LiveScreen) -> None:
    terminal = Terminal()
    terminal.feed(live.begin(execution()))
    terminal.feed(live.events(STORY[:7]))
    assert terminal.cursor_hidden
    *over, running, footer = terminal.text()
    assert without_times("\n".join(over)) == [
        f"Wait and tell (examples/wait.yaml), execution {EXECUTION_ID}",
        "info       wait: hello",
        "out        wait: KEY=value",
    ]
    assert "wait: The step wait" in running
    assert running.endswith("2 of 10")
    assert footer.startswith("running, step 1 of 2, ")
    assert footer.endswith("Ctrl-C cancels")


def test_a_live_screen_leaves_only_lines_that_stay(live: LiveScreen) -> None:
    terminal = Terminal()
    terminal.feed(live.begin(execution()) + live.events(STORY) + live.tick())
    terminal.feed(live.end(execution("failed", completed_at=after(3), error="step ask failed")))
    terminal.feed(live.leave())
    assert not terminal.cursor_hidden
    shown = without_times("\n".join(terminal.text()))
    assert shown[-3:] == [
        "completed  wait: The step wait (2.0 s)",
        "failed     ask: The step ask (3.0 s): no answer",
        "failed after 3.0 s: step ask failed",
    ]
    assert not any("Ctrl-C" in line for line in shown)


def test_a_live_screen_shows_lines_longer_than_the_terminal_whole(live: LiveScreen) -> None:
    live.begin(execution())
    text = live.events([log_event(1, "x" * 200)])
    assert "x" * 200 in text


def test_a_live_screen_cuts_what_is_redrawn_to_the_terminal(live: LiveScreen) -> None:
    terminal = Terminal()
    terminal.feed(live.begin(execution()))
    terminal.feed(live.events([step_event(1, "wait", "running", step_name="y" * 200)]))
    assert max(map(len, terminal.text()[1:])) <= 60


def test_a_live_screen_says_that_it_cancels(live: LiveScreen) -> None:
    terminal = Terminal()
    terminal.feed(live.begin(execution()))
    terminal.feed(live.note("SIGINT: cancelling") or "")
    terminal.feed(live.events([execution_event(1, "cancelling")]))
    assert any(line == "SIGINT: cancelling" for line in terminal.text())
    assert terminal.text()[-1].endswith("Ctrl-C again kills at once")


def test_leaving_a_screen_that_never_began_shows_nothing(live: LiveScreen) -> None:
    assert live.leave() == ""


def test_markup_in_a_log_line_is_text(live: LiveScreen) -> None:
    live.begin(execution())
    assert "[bold]x[/bold] :smile:" in live.events([log_event(1, "[bold]x[/bold] :smile:")])


def test_the_screen_follows_where_the_output_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    ours, theirs = pty.openpty()
    try:
        assert isinstance(screen_for(Output(theirs), as_json=False), LiveScreen)
        assert isinstance(screen_for(Output(theirs), as_json=True), JsonScreen)
        monkeypatch.setenv("CI", "1")
        assert isinstance(screen_for(Output(theirs), as_json=False), PlainScreen)
    finally:
        os.close(ours)
        os.close(theirs)


def test_no_colours_are_drawn_where_none_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    screen: Screen = LiveScreen(plain, width=60)
    text = screen.begin(execution()) + screen.events(STORY)
    console = Console(file=io.StringIO(), force_terminal=True)
    assert console.no_color
    assert "\x1b[3" not in text
    assert "\x1b[9" not in text
