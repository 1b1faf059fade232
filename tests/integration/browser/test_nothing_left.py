"""Browser steps of a real server: over in time, nothing left of them, and the next run passes.

One server for all. The last test kills it. The simulated gateway's pages tell what acted.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.observer import below
from tests.e2e.server import Server, command, serving
from tests.integration.browser.site import SOON_S
from tests.integration.browser.told import DOWNLOAD, Told
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
    """A step on a page that is stuck, and what the gateway sees when it is."""

    name: str
    page: str
    #: An act of the page, or a path that is asked for.
    sign: str
    then: tuple[dict[str, Any], ...] = ()  # Any: YAML values

    def start(self, server: Server, told: Told) -> str:
        """Start it; return the execution's id once the gateway has seen that it is stuck."""
        since = told.now()
        execution_id = server.client.start_text(
            playbook(
                step("open", "browser.navigate", url=told.url + self.page),
                *self.then,
                parameters=[{"name": "gateway_url", "type": "string", "default": told.url}],
            )
        )
        if self.sign.startswith("/"):
            told.await_asked(self.sign, since)
        else:
            told.await_act(self.sign, since)
        return execution_id


NEVER = "/simulator/never"
FORM = "/simulator/form"
HUNG = Way("goto hung", NEVER, NEVER)
LOOP = Way(
    "endless loop",
    "/simulator/loop",
    "loop beat",
    (step("it", "browser.evaluate", script="simulator.loop(1)"),),
)
ACTING = Way(
    "click waiting",
    "/simulator/acting",
    "worker tick",
    (step("it", "browser.click", selector="#never"),),
)
HALF_WAY = Way(
    "download half way",
    "/simulator/acting",
    DOWNLOAD,
    (step("it", "browser.download", selector="#file"),),
)
OPEN_HUNG = Way(
    "Perspective page that is never ready",
    FORM,
    "pws socket-open",
    (step("it", "perspective.open", project="demo", page="stuck"),),
)
OPEN_LOOP = Way(
    "Perspective page that loops",
    FORM,
    "loop beat",
    (step("it", "perspective.open", project="demo", page="loop"),),
)
WAYS = (HUNG, LOOP, ACTING, HALF_WAY, OPEN_HUNG, OPEN_LOOP)
GATED = (LOOP, HALF_WAY, OPEN_HUNG)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give a running server."""
    with serving(tmp_path_factory.mktemp("server") / "data", playbooks=()) as running:
        yield running


@pytest.fixture(autouse=True)
def drips(told: Told) -> Iterator[None]:
    """Have files come a byte a second."""
    number = told.gateway.add_fault("drip", path=DOWNLOAD)
    yield
    told.gateway.remove_fault(number)


def cancelled(server: Server, execution_id: str) -> tuple[float, dict[str, Any]]:
    """Cancel, wait for the end; return the second of the cancel, and the cancellation's record."""
    asked = server.client.cancel(execution_id)
    record: dict[str, Any] = server.client.wait(execution_id, {"cancelled"})["cancellation"]
    assert record["leftovers"] == [], record
    return asked, record


def assert_nothing_left(trail: Trail) -> None:
    """Fail unless all that is known of an execution is gone; the folder may take a moment."""
    poll_until(lambda: not trail.left(), SOON_S)


def assert_silent(told: Told, since: float) -> None:
    """Fail if a page acts, or asks for anything, after this second; listens for a while."""
    time.sleep(max(0.0, since - time.monotonic()))
    let_in = told.now()
    time.sleep(LISTEN_S)
    assert told.after(let_in) == [], "a page acted when it was over"


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(way, id=way.name, marks=() if way in GATED else pytest.mark.stress)
        for way in WAYS
    ],
)
def test_nothing_is_left_of_a_cancelled_step_by_lineage_marker_or_session(
    server: Server, told: Told, way: Way
) -> None:
    execution_id = way.start(server, told)
    trail = take_trail(server)
    found = trail.found_by()
    # Without each of the three ways of looking something would be overlooked.
    assert 0 < found["marker"] < found["lineage"], found
    assert found["session"] > 0, found
    assert trail.tmpdir.is_dir()
    asked, _record = cancelled(server, execution_id)
    assert_silent(told, asked + PROMISE_S)
    assert_nothing_left(trail)


@pytest.mark.stress
@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", [HUNG, LOOP], ids=lambda way: way.name)
def test_twenty_cancels_are_each_over_in_time(
    server: Server, told: Told, way: Way, record_property: Record
) -> None:
    stopped, gone = [], []
    for _ in range(20):
        execution_id = way.start(server, told)
        trail = take_trail(server)
        asked, record = cancelled(server, execution_id)
        stopped.append(record["step_stopped_ms"])
        gone.append(record["tree_gone_ms"])
        assert_silent(told, asked + PROMISE_S)
        assert_nothing_left(trail)
    record_property("step_stopped_max_ms", max(stopped))
    record_property("tree_gone_max_ms", max(gone))
    assert max(stopped) <= 1000 * PROMISE_S, stopped


CLICKED = "late-button click"


def start_click(server: Server, told: Told) -> str:
    """Start a click on a button that is there, and a step after it that waits for ever."""
    since = told.now()
    text = playbook(
        step("open", "browser.navigate", url=told.url + "/simulator/late?seconds=0"),
        step("click", "browser.click", selector="#late-button", retry_count=1),
        step("wait", "browser.wait", selector="#never"),
    )
    execution_id = server.client.start_text(text)
    told.await_act("late-button shown", since)
    return execution_id


@pytest.mark.parametrize(
    "trials",
    [6, pytest.param(120, marks=[pytest.mark.stress, pytest.mark.timeout(900)])],
)
def test_a_click_that_is_cancelled_at_a_random_moment_is_never_told_after_the_status(
    server: Server, told: Told, trials: int, record_property: Record
) -> None:
    during = clicked = 0
    # On a busy machine it takes longer than on an idle one.
    takes_s = seconds_of_a_click(server, told)
    for trial in range(trials):
        since = told.now()
        execution_id = start_click(server, told)
        time.sleep((trial + random.random()) * takes_s / trials)
        _asked, record = cancelled(server, execution_id)
        assert_silent(told, time.monotonic())
        during += record["step_id"] == "click"
        clicked += CLICKED in told.acts(since)
    figures = {"trials": trials, "cancelled during the click": during, "had clicked": clicked}
    record_property("random_clicks", json.dumps(figures))
    print(figures)
    assert during > 0, figures


def test_a_click_that_nobody_cancels_in_time_is_told(server: Server, told: Told) -> None:
    """The positive control of the test above."""
    assert seconds_of_a_click(server, told) > 0


def seconds_of_a_click(server: Server, told: Told) -> float:
    """Have a click made that nobody cancels; return how long after its button was there."""
    since = told.now()
    execution_id = start_click(server, told)
    there = time.monotonic()
    told.await_act(CLICKED, since)
    took = time.monotonic() - there
    cancelled(server, execution_id)
    assert told.acts(since).count(CLICKED) == 1
    return took


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
    server: Server, told: Told, record_property: Record, since: str, moment_ms: int
) -> None:
    assert browsers(server) == []
    since_then = told.now()
    # It is never answered: however late the moment comes, the step is still under way.
    execution_id = server.client.start_text(
        playbook(step("open", "browser.navigate", url=told.url + NEVER))
    )
    server.client.wait(execution_id, {"running"})
    if since == "driver":
        poll_until(lambda: drivers(server), SOON_S)
    time.sleep(moment_ms / 1000)
    record_property("had_started", bool(told.asked(NEVER, since_then)))
    asked, _record = cancelled(server, execution_id)
    assert_silent(told, asked + PROMISE_S)
    poll_until(lambda: not browsers(server), SOON_S)


def browsers(server: Server) -> list[str]:
    """Return the commands of the server's browsers and their drivers."""
    words = ("chrom", "run-driver")
    found = [command(one.pid) for one in below([server.pid])]
    return [text for text in found if any(word in text for word in words)]


@pytest.mark.parametrize("by", ["timeout", "skip"])
def test_after_a_step_that_was_stopped_the_next_browser_step_has_a_page_of_its_own(
    server: Server, told: Told, by: str
) -> None:
    since = told.now()
    held = step(
        "held",
        "browser.evaluate",
        script="new Promise(() => simulator.tell('begins', 'wait'))",
        timeout=2.0 if by == "timeout" else 300.0,
        on_failure="continue",
    )
    text = playbook(
        step("open", "browser.navigate", url=told.url + "/simulator/acting"),
        held,
        step("again", "browser.navigate", url=told.url + FORM),
        step("click", "browser.click", selector="#submit-button"),
    )
    execution_id = server.client.start_text(text)
    told.await_act("wait begins", since)
    told.await_act("worker tick", since)
    if by == "skip":
        server.client.http.post(f"/api/executions/{execution_id}/skip").raise_for_status()
    final = server.client.wait(execution_id)
    assert final["status"] == "completed", final
    statuses = [found["status"] for found in final["step_results"]]
    ended = "failed" if by == "timeout" else "skipped"
    assert statuses == ["completed", ended, "completed", "completed"]
    told.await_act("submit-button click", since)
    acts = told.gateway.acts(after=since.act)
    here = next(one.number for one in acts if (one.act, one.page) == ("load", FORM))
    assert "tick" not in [one.act for one in acts if one.number > here]
    assert "tick" in [one.act for one in acts], "it acted before: the positive control"


def test_a_runner_that_is_killed_while_its_browser_works_leaves_nothing(
    server: Server, told: Told
) -> None:
    execution_id = ACTING.start(server, told)
    trail = take_trail(server)
    os.kill(trail.runner.pid, signal.SIGKILL)
    final = server.client.wait(execution_id)
    assert final["status"] == "failed", final
    # Its end is found by the janitor, after it: nothing acts once the status is told.
    assert_silent(told, time.monotonic())
    assert_nothing_left(trail)


@pytest.mark.stress
@pytest.mark.timeout(300)
def test_after_ten_cancels_a_run_passes_and_processes_and_handles_are_as_before(
    server: Server, told: Told
) -> None:
    assert run_through(server, told) == "completed"
    before = settled(server)
    for _ in range(10):
        cancelled(server, ACTING.start(server, told))
    assert run_through(server, told) == "completed"
    poll_until(lambda: all(now <= was for now, was in pairs(settled(server), before)), SOON_S)


def run_through(server: Server, told: Told) -> str:
    """Run a browser step that nobody stops; return how it ended."""
    text = playbook(
        step("open", "browser.navigate", url=told.url + FORM),
        step("click", "browser.click", selector="#submit-button"),
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
    server: Server, told: Told
) -> None:
    since = told.now()
    ACTING.start(server, told)
    trail = take_trail(server)
    server.look()
    server.kill()
    poll_until(lambda: not server.left() and not alive(trail), ORPHANS_S)
    assert_silent(told, time.monotonic())
    assert "worker tick" in told.acts(since), "it had acted: the positive control"


def alive(trail: Trail) -> list[str]:
    """Return what is left but the folder, which the next server of the data folder removes."""
    return [line for line in trail.left() if line != str(trail.tmpdir)]
