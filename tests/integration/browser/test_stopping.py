"""Every browser kind is cancelled while a page keeps it waiting, and never acts afterwards.

One contract for all: a new kind joins it by existing. The simulated gateway's journal and request
log are the truth.
"""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ignition_toolkit.browser.manager import BrowserManager
from ignition_toolkit.playbook.attempt import GRACE_S
from ignition_toolkit.playbook.models import ExecutionStatus
from tests.integration.browser.bench import KINDS, Bench
from tests.integration.browser.site import SOON_S
from tests.integration.browser.told import DOWNLOAD, Moment, Told
from tests.integration.runner.driver import step
from tests.polling import poll_until_async

pytestmark = pytest.mark.asyncio(loop_scope="module")

COMPLETED, CANCELLED, FAILED = (
    ExecutionStatus.COMPLETED,
    ExecutionStatus.CANCELLED,
    ExecutionStatus.FAILED,
)

#: What keeps a step waiting: an element that comes late, a page that is asked for and does not
#: come, a script that does not end.
WAYS = ("late", "hung", "loop")
#: Kinds that wait for nothing: only these ways hold them up.
ONLY: dict[str, tuple[str, ...]] = {
    "browser.evaluate": ("late", "loop"),
    "browser.keyboard": ("loop",),
    "browser.navigate": ("hung",),
    "browser.screenshot": ("loop",),
}
#: Of each kind one way in the gate, another one for the next kind; all in `make stress`.
CASES = [(kind, way) for kind in sorted(KINDS) for way in ONLY.get(kind, WAYS)]
IN_THE_GATE = {
    (kind, ways[number % len(ways)])
    for number, kind in enumerate(sorted(KINDS))
    if (ways := ONLY.get(kind, WAYS))
}
#: Seconds after which what keeps a step waiting is there: an element, a page, a project's page.
LATE_S = 0.7
ANSWER_S = 2.0
READY_S = 2.0
#: Seconds to listen after that for what should not happen.
LISTEN_S = 0.6

PROJECT = "demo"
CLIENT = f"/data/perspective/client/{PROJECT}"
START, SLOW = "/simulator/form", f"/simulator/slow?seconds={ANSWER_S:g}"
OVERLAY = "document.body.insertAdjacentHTML('beforeend', '<i class=cqfo-pending></i>')"
#: What a page tells first.
LOAD = "document load"
#: Where a step waits in each way, what is done there first, and what tells that it waits.
LATE = f"/simulator/late?seconds={LATE_S}"
PLACES = {
    "late": (LATE, OVERLAY, LOAD),
    "hung": (START, f"{OVERLAY}, location.href = '{SLOW}'", ""),
    "loop": ("/simulator/loop", "setTimeout(simulator.loop, 0, 1)", "loop beat"),
}
#: Kinds that open the page themselves that keeps them waiting: what they are given for it, and what
#: tells that they wait.
OPENING: dict[str, dict[str, tuple[dict[str, str], str]]] = {
    "browser.navigate": {"hung": ({}, "")},
    "perspective.open": {
        "late": ({"page": "slow"}, "pws socket-open"),
        "hung": ({}, ""),
        "loop": ({"page": "loop"}, "loop beat"),
    },
}

#: Values of parameters that a kind cannot do without.
GIVEN: dict[str, Any] = {
    "attribute": "id",
    "dock_id": "never",
    "file_path": "line.csv",
    "key": "a",
    "name": "picture",
    "page": "never",
    "project": PROJECT,
    "script": "new Promise(() => setTimeout(() => simulator.tell('promised', 'it'), 700))",
    "state": "visible",
    "text": "Go",
    "value": "two",
}
#: What kinds are given that they could do without: time to wait, and somebody to log in.
LONG = {"timeout": 60_000}
EXTRA: dict[str, dict[str, Any]] = {
    "browser.select": {"value": "two"},
    "perspective.discover_page": {"selector": "#never"},
    "perspective.login": {"username": "ann", "password": "hunter2-plant"},
    "perspective.verify_dock_opened": LONG,
    "perspective.verify_navigation": LONG,
    "perspective.verify_no_quality_overlays": LONG,
}
SELECTORS = {
    "browser.check": "#late-check",
    "browser.fill": "#late-text",
    "browser.press_sequentially": "#late-text",
    "browser.select": "#late-select",
}


@pytest.fixture
def bench(manager: BrowserManager, told: Told, tmp_path: Path) -> Iterator[Bench]:
    """Give what runs playbooks with the shared browser on the simulated gateway's pages."""
    yield Bench(manager, told.url, tmp_path, is_gateway=True)
    told.gateway.clear_faults()
    told.gateway.set_clock_factor(0.0)


def parameters_of(kind: str, way: str, bench: Bench) -> dict[str, Any]:
    """Return parameters with which a kind waits."""
    selector = SELECTORS.get(kind, "#late-button") if way == "late" else "#never"
    given = {**GIVEN, "selector": selector, "url": bench.url + SLOW}
    wanted = [name for name, it in KINDS[kind].Params.model_fields.items() if it.is_required()]
    assert given.keys() >= set(wanted), f"say in GIVEN what {kind} is to be given"
    opened, _ = OPENING.get(kind, {}).get(way, ({}, ""))
    return {name: given[name] for name in wanted} | EXTRA.get(kind, {}) | opened


async def begin(bench: Bench, told: Told, kind: str, way: str, since: Moment) -> None:
    """Open the page that a step is to wait on."""
    path, script, _ = PLACES[way]
    hold = [step("hold", "browser.evaluate", {"script": f"({script}, 0)"})]
    if kind in OPENING:
        path, hold = START, []
    result = await bench.run(bench.open(path), *hold)
    assert result.status is COMPLETED, result.error
    await poll_until_async(lambda: LOAD in told.acts(since), SOON_S)


async def await_sign(told: Told, kind: str, way: str, since: Moment) -> None:
    """Return once the gateway has seen what keeps the step waiting."""
    opened = OPENING.get(kind, {}).get(way)
    sign = PLACES[way][2] if opened is None else opened[1]
    pages = 1 if opened is None else 2
    path = CLIENT if kind == "perspective.open" else SLOW.partition("?")[0]

    def is_there() -> bool:
        acts = told.acts(since)
        return sign in acts and acts.count(LOAD) == pages if sign else bool(told.asked(path, since))

    await poll_until_async(is_there, SOON_S)


async def let_go(told: Told, since: Moment) -> None:
    """Let come what was waited for, and listen; only what happens after `since` is too late."""
    told.gateway.pass_time(ANSWER_S)
    await asyncio.sleep(LISTEN_S)
    late = await asyncio.to_thread(told.after, since)
    assert late == [], "a page acted after the cancel"


async def now(told: Told) -> Moment:
    """Return the moment after all that has reached the gateway was let in."""
    return await asyncio.to_thread(told.now)


def assert_gone(bench: Bench) -> None:
    """Fail unless the page is closed, or its browser killed."""
    assert bench.manager._page is None
    process = bench.manager._process
    assert process is None or process.browser.contexts == []


@pytest.mark.parametrize(
    ("kind", "way"),
    [
        pytest.param(*case, marks=() if case in IN_THE_GATE else pytest.mark.stress)
        for case in CASES
    ],
)
async def test_a_cancelled_step_never_acts_later(
    bench: Bench, told: Told, kind: str, way: str
) -> None:
    if (kind, way) == ("perspective.open", "hung"):
        told.gateway.add_fault("delay", seconds=ANSWER_S, path=CLIENT)
    (bench.artifacts / "line.csv").write_text("1")
    since, began = await now(told), time.monotonic()
    await begin(bench, told, kind, way, since)
    if kind not in OPENING:
        await await_sign(told, kind, way, since)
    running = asyncio.create_task(bench.run(step("it", kind, parameters_of(kind, way, bench))))
    await bench.await_waiting("it")
    if kind in OPENING:
        await await_sign(told, kind, way, since)
    asked = time.monotonic()
    result = await bench.cancel(running)
    over = time.monotonic()
    let_in = await now(told)
    assert result.status is CANCELLED
    # On a machine without a free processor the grace may pass before anything was done.
    assert result.ended or over - asked > GRACE_S
    assert_gone(bench)
    # Until the moment at which it would have acted.
    waits = READY_S if kind in OPENING else LATE_S
    await asyncio.sleep(max(0.0, began + waits - time.monotonic()))
    await let_go(told, let_in)


async def test_without_the_cancel_all_of_it_happens(bench: Bench, told: Told) -> None:
    """The positive control of the test above."""
    told.gateway.set_clock_factor(1.0)
    since = await now(told)
    tells = "setTimeout(() => simulator.tell('promised', 'it'), 50), 0"
    result = await bench.run(
        bench.open(LATE),
        step("click", "browser.click", {"selector": "#late-button"}),
        step("fill", "browser.fill", {"selector": "#late-text", "value": "x"}),
        step("check", "browser.check", {"selector": "#late-check"}),
        step("select", "browser.select", {"selector": "#late-select", "value": "two"}),
        step("key", "browser.keyboard", {"key": "a"}),
        step("script", "browser.evaluate", {"script": tells}),
        step("wait", "browser.evaluate", {"script": "new Promise(r => setTimeout(r, 200))"}),
        step("slow", "browser.navigate", {"url": bench.url + SLOW}),
        step("project", "perspective.open", {"project": PROJECT, "page": "slow"}),
    )
    assert result.status is COMPLETED, result.error
    expected = {
        "late-button click",
        "late-text input",
        "late-check change",
        "late-select change",
        "late-check keydown",
        "it promised",
        "pws socket-open",
    }
    await poll_until_async(lambda: expected <= set(told.acts(since)), SOON_S)
    loads = [one.page for one in told.gateway.acts("load", after=since.act)]
    assert loads == ["/simulator/late", "/simulator/slow", f"{CLIENT}/slow"]


async def test_timers_workers_and_downloads_of_a_page_act_no_more_after_a_cancel(
    bench: Bench, told: Told
) -> None:
    told.gateway.add_fault("drip", path=DOWNLOAD, bytes_per_second=5.0)
    since = await now(told)
    get = step("get", "browser.download", {"selector": "#file"})
    running = asyncio.create_task(bench.run(bench.open("/simulator/acting"), get))
    ticks = {"timer tick", "worker tick"}
    await poll_until_async(lambda: ticks <= set(told.acts(since)), SOON_S)
    file = await asyncio.to_thread(told.await_download, since)
    assert (await bench.cancel(running)).status is CANCELLED
    let_in = await now(told)
    (begun,) = told.asked(DOWNLOAD, since)
    assert begun.ended_at is None, "it was under way: the positive control"
    await let_go(told, let_in)
    (left,) = told.asked(DOWNLOAD, since)
    assert left.dropped_at is not None, "the file came on after the cancel"
    assert file.number == left.number
    assert list(bench.artifacts.iterdir()) == []


async def test_after_a_stop_a_step_that_needs_the_page_says_that_it_is_gone(bench: Bench) -> None:
    running = asyncio.create_task(
        bench.run(bench.open(START), step("wait", "browser.wait", {"selector": "#never"}))
    )
    await bench.await_waiting("wait")
    await bench.cancel(running)
    result = await bench.run(step("click", "browser.click", {"selector": "#submit-button"}))
    assert result.status is FAILED
    assert "it was closed when step 'wait' was stopped; expected a step" in bench.error("click")
    again = await bench.run(
        bench.open(START), step("click", "browser.click", {"selector": "#submit-button"})
    )
    assert again.status is COMPLETED
    assert "a new browser context: it was closed when step 'wait' was stopped" in bench.host.log


async def test_strict_cancel_kills_the_browser_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ITK_STRICT_CANCEL", "1")
    running = asyncio.create_task(
        bench.run(bench.open(START), step("wait", "browser.wait", {"selector": "#never"}))
    )
    await bench.await_waiting("wait")
    killed = bench.manager._process
    assert killed is not None
    assert (await bench.cancel(running)).status is CANCELLED
    assert bench.manager._process is None
    await poll_until_async(lambda: not killed.alive, 30)


def open_files() -> int:
    """Count the descriptors of this process but its sockets.

    Those are the simulated gateway's, which runs in here; a browser is spoken to by pipes.
    """
    kinds = []
    for number in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            kinds.append(os.readlink(f"/proc/self/fd/{number}"))
    return sum(not kind.startswith("socket:") for kind in kinds)


async def test_after_ten_cancels_in_a_row_a_run_passes_and_no_more_is_open(bench: Bench) -> None:
    opened: list[int] = []
    for _ in range(10):
        running = asyncio.create_task(
            bench.run(bench.open(START), step("wait", "browser.wait", {"selector": "#never"}))
        )
        await bench.await_waiting("wait")
        assert (await bench.cancel(running)).status is CANCELLED
        if len(opened) < 5:
            opened.append(open_files())
    result = await bench.run(
        bench.open(START), step("click", "browser.click", {"selector": "#submit-button"})
    )
    assert result.status is COMPLETED, result.error
    # A browser that had to be killed is another one, with as many pipes; one that has just started
    # has some more for a moment.
    await poll_until_async(lambda: open_files() <= max(opened), 30)
    assert len(bench.manager.long_lived_tasks()) == 1
