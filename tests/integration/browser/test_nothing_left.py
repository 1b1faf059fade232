"""Browser steps of a real server: over in time, nothing left of them, and the next run passes.

One server for all. The last test kills it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.observer import below
from tests.e2e.server import Server, command, serving
from tests.integration.browser.site import SOON_S, Site
from tests.integration.browser.trail import Trail, drivers, take_trail
from tests.integration.execution.rig import playbook, step
from tests.polling import poll_until

Record = Callable[[str, object], None]

#: Seconds after a cancel in which nothing may act any more, as promised.
PROMISE_S = 0.5
#: Seconds for a dead server's processes to be gone; generous, as the machine may be busy.
ORPHANS_S = 30.0
#: Seconds to listen for a page that acts too late.
LISTEN_S = 0.6


@dataclass(frozen=True)
class Way:
    """A browser step that is stuck, and what the site sees when it is."""

    name: str
    page: str
    sign: str
    then: tuple[dict[str, Any], ...] = ()  # Any: YAML values

    def start(self, server: Server, site: Site) -> str:
        """Start it; return the execution's id once the site's log shows that it is stuck."""
        site.answer.clear()
        began = time.monotonic()
        execution_id = server.client.start_text(
            playbook(step("open", "browser.navigate", url=site.url + self.page), *self.then)
        )
        site.await_asked(self.sign, began)
        return execution_id


HUNG = Way("goto hung", "/slow", "/slow")
LOOP = Way(
    "endless loop", "/loop", "/said/loops", (step("it", "browser.evaluate", script="loop()"),)
)
ACTING = Way(
    "click waiting", "/scripts", "/said/tick", (step("it", "browser.click", selector="#never"),)
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give a running server."""
    with serving(tmp_path_factory.mktemp("server") / "data", playbooks=()) as running:
        yield running


def cancelled(server: Server, execution_id: str) -> tuple[float, dict[str, Any]]:
    """Cancel, wait for the end; return the second of the cancel, and the cancellation's record."""
    asked = server.client.cancel(execution_id)
    record: dict[str, Any] = server.client.wait(execution_id, {"cancelled"})["cancellation"]
    assert record["leftovers"] == [], record
    return asked, record


def assert_nothing_left(trail: Trail) -> None:
    """Fail unless all that is known of an execution is gone; the folder may take a moment."""
    poll_until(lambda: not trail.left(), SOON_S)


def assert_silent(site: Site, since: float) -> None:
    """Fail if a page acts, or asks for anything, after this second; listens for a while."""
    site.answer.set()
    let_in = max(site.now(), since)
    time.sleep(let_in + LISTEN_S - time.monotonic())
    late = [seen.path for seen in site.after(let_in) if not seen.path.startswith("/mark/")]
    assert late == [], "a page acted when it was over"


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(HUNG, id=HUNG.name),
        pytest.param(LOOP, id=LOOP.name),
        pytest.param(ACTING, id=ACTING.name, marks=pytest.mark.stress),
    ],
)
def test_nothing_is_left_of_a_cancelled_step_by_lineage_marker_or_session(
    server: Server, site: Site, way: Way
) -> None:
    execution_id = way.start(server, site)
    trail = take_trail(server)
    found = trail.found_by()
    # Without each of the three ways of looking something would be overlooked.
    assert 0 < found["marker"] < found["lineage"], found
    assert found["session"] > 0, found
    assert trail.tmpdir.is_dir()
    asked, _record = cancelled(server, execution_id)
    assert_silent(site, asked + PROMISE_S)
    assert_nothing_left(trail)


@pytest.mark.stress
@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", [HUNG, LOOP], ids=lambda way: way.name)
def test_twenty_cancels_are_each_over_in_time(
    server: Server, site: Site, way: Way, record_property: Record
) -> None:
    stopped, gone = [], []
    for _ in range(20):
        execution_id = way.start(server, site)
        trail = take_trail(server)
        asked, record = cancelled(server, execution_id)
        stopped.append(record["step_stopped_ms"])
        gone.append(record["tree_gone_ms"])
        assert_silent(site, asked + PROMISE_S)
        assert_nothing_left(trail)
    record_property("step_stopped_max_ms", max(stopped))
    record_property("tree_gone_max_ms", max(gone))
    assert max(stopped) <= 1000 * PROMISE_S, stopped


#: From what on, and how many milliseconds after it, an execution is cancelled whose browser starts.
MOMENTS = [("running", ms) for ms in range(0, 200, 10)] + [
    ("driver", ms) for ms in range(0, 600, 10)
]
IN_THE_GATE = {("running", 20), ("driver", 0), ("driver", 150)}


@pytest.mark.parametrize(
    ("since", "moment_ms"),
    [pytest.param(*it, marks=() if it in IN_THE_GATE else pytest.mark.stress) for it in MOMENTS],
)
def test_a_cancel_at_any_moment_of_the_browsers_start_leaves_nothing(
    server: Server, site: Site, record_property: Record, since: str, moment_ms: int
) -> None:
    assert browsers(server) == []
    began = time.monotonic()
    # It is not answered: however late the moment comes, the step is still under way.
    site.answer.clear()
    execution_id = server.client.start_text(
        playbook(step("open", "browser.navigate", url=site.url + "/slow"))
    )
    server.client.wait(execution_id, {"running"})
    if since == "driver":
        poll_until(lambda: drivers(server), SOON_S)
    time.sleep(moment_ms / 1000)
    record_property("had_started", bool(site.after(began, "/slow")))
    asked, _record = cancelled(server, execution_id)
    assert_silent(site, asked + PROMISE_S)
    poll_until(lambda: not browsers(server), SOON_S)


def browsers(server: Server) -> list[str]:
    """Return the commands of the server's browsers and their drivers."""
    words = ("chrom", "run-driver")
    found = [command(one.pid) for one in below([server.pid])]
    return [text for text in found if any(word in text for word in words)]


def test_a_runner_that_is_killed_while_its_browser_works_leaves_nothing(
    server: Server, site: Site
) -> None:
    execution_id = ACTING.start(server, site)
    trail = take_trail(server)
    os.kill(trail.runner.pid, signal.SIGKILL)
    final = server.client.wait(execution_id)
    assert final["status"] == "failed", final
    # Its end is found by the janitor, after it: nothing acts once the status is told.
    assert_silent(site, time.monotonic())
    assert_nothing_left(trail)


@pytest.mark.stress
@pytest.mark.timeout(300)
def test_after_ten_cancels_a_run_passes_and_processes_and_handles_are_as_before(
    server: Server, site: Site
) -> None:
    assert run_through(server, site) == "completed"
    before = settled(server)
    for _ in range(10):
        cancelled(server, ACTING.start(server, site))
    assert run_through(server, site) == "completed"
    poll_until(lambda: all(now <= was for now, was in pairs(settled(server), before)), SOON_S)


def run_through(server: Server, site: Site) -> str:
    """Run a browser step that nobody stops; return how it ended."""
    text = playbook(
        step("open", "browser.navigate", url=site.url),
        step("click", "browser.click", selector="#start"),
    )
    status: str = server.client.wait(server.client.start_text(text))["status"]
    return status


def settled(server: Server) -> dict[str, int]:
    """Count the server's processes and handles, once its warm runners are all there."""
    poll_until(lambda: not browsers(server), SOON_S)
    handles = len(os.listdir(f"/proc/{server.pid}/fd"))
    return {"processes": len(below([server.pid])), "handles": handles}


def pairs(now: dict[str, int], before: dict[str, int]) -> Iterator[tuple[int, int]]:
    """Yield each count with the one of before."""
    return ((now[name], before[name]) for name in before)


def test_a_server_that_is_killed_while_a_browser_works_leaves_nothing(
    server: Server, site: Site
) -> None:
    ACTING.start(server, site)
    trail = take_trail(server)
    server.look()
    killed = server.kill()
    poll_until(lambda: not server.left() and not alive(trail), ORPHANS_S)
    assert_silent(site, time.monotonic())
    assert site.said(killed - 30.0).count("tick") > 1, "it had acted: the positive control"


def alive(trail: Trail) -> list[str]:
    """Return what is left but the folder, which the next server of the data folder removes."""
    return [line for line in trail.left() if line != str(trail.tmpdir)]
