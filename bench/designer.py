"""Cancel Designer steps over HTTP, again and again, on a desktop without a screen."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bench.cancel import GoneWatch
from bench.figures import load, summary, table
from tests.e2e.observer import Identity
from tests.e2e.server import Server, serving
from tests.integration.designer.desktop import OwnWindow, Screen, window_manager, x_server
from tests.integration.designer.scene import LONG, PASSWORD, forked, sleeping
from tests.leaks import start_time
from tests.polling import poll_until

HEADER = [
    "stuck step",
    "step stopped (record)",
    "last key (seen)",
    "tree gone (record)",
    "Designer gone (seen)",
    "killed",
]
SOON_S = 60.0
#: Seconds after a cancel in which a key might still come.
LISTEN_S = 2.0


@dataclass
class Stuck:
    """A Designer step that is stuck, in milliseconds since the request."""

    name: str
    #: The step after the launch.
    then: str
    #: How many keys its window has got when it is stuck.
    keys: int = 0
    stopped: list[float] = field(default_factory=list)
    last_key: list[float] = field(default_factory=list)
    gone: list[float] = field(default_factory=list)
    gone_seen: list[float] = field(default_factory=list)
    killed: int = 0

    def text(self, launcher: Path) -> str:
        """Return the playbook."""
        launch = f"{{launcher_file: '{launcher}', window: Field}}"
        first = f"- {{id: launch, name: It, type: designer.launch, parameters: {launch}}}\n"
        return f"name: {self.name}\nsteps:\n{first}{self.then}"

    def row(self) -> list[object]:
        """Return the line of the table."""
        figures = (self.stopped, self.last_key, self.gone, self.gone_seen)
        return [self.name, *map(summary, figures), self.killed]


def ways() -> list[Stuck]:
    """Return the ways that are measured."""
    person = f"{{username: {LONG}, password: {PASSWORD}, window: Field}}"
    wait = "- {id: it, name: It, type: designer.wait_for_window, parameters: {title: nowhere}}\n"
    login = f"- {{id: it, name: It, type: designer.login, parameters: {person}}}\n"
    return [Stuck("window that never comes", wait), Stuck("typing 200 characters", login, 40)]


@dataclass
class Desk:
    """What the measurements share."""

    server: Server
    screen: Screen
    folder: Path

    def designer(self, launcher: Path) -> tuple[OwnWindow, set[Identity]]:
        """Wait until a Designer was started, and open its window, which outlives it."""
        pid = poll_until(lambda: forked(launcher), SOON_S)
        assert pid is not None
        start = start_time(pid)
        assert start is not None
        return OwnWindow(self.screen, "Field", pid=pid), {Identity(pid, start)}

    def is_running(self, execution_id: str, step_id: str) -> bool:
        """Whether a step runs."""
        found = self.server.client.execution(execution_id)["step_results"]
        return any(one["step_id"] == step_id and one["status"] == "running" for one in found)


def cancel_one(desk: Desk, stuck: Stuck, launcher: Path) -> None:
    """Run a stuck step, cancel it, and take the figures."""
    client = desk.server.client
    execution_id = client.start_text(stuck.text(launcher))
    window, processes = desk.designer(launcher)
    poll_until(lambda: desk.is_running(execution_id, "it"), SOON_S)
    poll_until(lambda: len(window.seen()) >= 2 * stuck.keys, SOON_S)
    watch = GoneWatch(processes)
    asked = client.cancel(execution_id)
    record = client.wait(execution_id, {"cancelled"})["cancellation"]
    gone_at = watch.result()
    last = last_key(window, asked)
    assert desk.screen.keys_down() == []
    window.destroy()
    stuck.stopped.append(record["step_stopped_ms"])
    stuck.last_key.append(1000 * (last - asked))
    stuck.gone.append(record["tree_gone_ms"])
    stuck.gone_seen.append(1000 * (gone_at - asked))
    stuck.killed += record["outcome"] == "killed"


def last_key(window: OwnWindow, asked: float) -> float:
    """Return when the last key came, the request's own second where that was before it."""
    time.sleep(max(0.0, asked + LISTEN_S - time.monotonic()))
    return max([asked, *(key.t for key in window.seen()[-1:])])


@contextlib.contextmanager
def desk(folder: Path) -> Iterator[Desk]:
    """Give a server on a desktop of its own."""
    with contextlib.ExitStack() as stack:
        name = stack.enter_context(x_server()).name
        stack.enter_context(window_manager(name))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("DISPLAY", name)
        patch.delenv("WAYLAND_DISPLAY", raising=False)
        server = stack.enter_context(serving(folder / "designer"))
        yield Desk(server, stack.enter_context(contextlib.closing(Screen(name))), folder)


def all_of_it(folder: Path, times: int) -> str:
    """Cancel every way so many times, one after the other; return the table."""
    rows = []
    with desk(folder) as shared:
        before = load()
        for stuck in ways():
            for turn in range(times):
                own = folder / f"{stuck.keys}-{turn}"
                own.mkdir()
                cancel_one(shared, stuck, sleeping(own))
            rows.append(stuck.row())
            print(*rows[-1], sep="  ", flush=True)
    note = f"{times} times each, one after the other; load before {before:.1f}, after {load():.1f}."
    return f"{note}\n\n{table(HEADER, rows)}"
