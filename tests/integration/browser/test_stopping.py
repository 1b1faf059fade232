"""Every browser kind is cancelled while a page keeps it waiting, and never acts afterwards.

One contract for all: a new kind joins it by existing. The site's log tells what pages did.
"""

import asyncio
import os
import time
from typing import Any

import pytest

from ignition_toolkit.playbook.attempt import GRACE_S
from ignition_toolkit.playbook.models import ExecutionStatus
from tests.integration.browser.bench import KINDS, Bench
from tests.integration.browser.site import PROJECTS
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
#: What the page of each way says when it is there; said late, it would be taken for an act.
FIRST_WORDS = {"late": "late waits", "hung": "home", "loop": "loops"}
#: Milliseconds after which the late element is there.
LATE_MS = 700

#: Values of parameters that a kind cannot do without.
GIVEN: dict[str, Any] = {
    "attribute": "id",
    "dock_id": "never",
    "file_path": "line.csv",
    "key": "a",
    "name": "picture",
    "page": "never",
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
#: Kinds that open the page themselves that keeps them waiting, and which one.
OPENING = {
    "browser.navigate": {"hung": "slow"},
    "perspective.open": {"late": "late", "hung": "slow", "loop": "loops"},
}
SELECTORS = {
    "browser.check": "#tick",
    "browser.fill": "#field",
    "browser.press_sequentially": "#field",
    "browser.select": "#line",
}


def parameters_of(kind: str, way: str, bench: Bench) -> dict[str, Any]:
    """Return parameters with which a kind waits."""
    selector = SELECTORS.get(kind, "#late") if way == "late" else "#never"
    given = {
        **GIVEN,
        "selector": selector,
        "url": f"{bench.site.url}/slow",
        "script": f"new Promise(() => setTimeout(() => say('promised'), {LATE_MS}))",
        "project": OPENING.get(kind, {}).get(way),
    }
    wanted = [name for name, it in KINDS[kind].Params.model_fields.items() if it.is_required()]
    assert given.keys() >= set(wanted), f"say in GIVEN what {kind} is to be given"
    return {name: given[name] for name in wanted} | EXTRA.get(kind, {})


async def keep_waiting(bench: Bench, kind: str, way: str, began: float) -> None:
    """Open a page that keeps the step waiting, and return when it does."""
    path = {"late": f"/late?after={LATE_MS}", "hung": "/", "loop": "/loop"}[way]
    start = {"hung": "location.href = '/slow'", "loop": "setTimeout(loop)"}.get(way)
    more = [] if start is None else [step("hold", "browser.evaluate", {"script": f"{start}, 0"})]
    if kind in OPENING:
        path, more = "/", []
    result = await bench.run(bench.open(path), *more)
    assert result.status is COMPLETED, result.error
    if kind in OPENING:
        await poll_until_async(lambda: "home" in bench.site.said(began), 30)
        return
    if way == "hung":
        await poll_until_async(lambda: bool(bench.site.after(began, "/slow")), 30)
    await poll_until_async(lambda: FIRST_WORDS[way] in bench.site.said(began), 30)


async def await_opening(bench: Bench, way: str, began: float) -> None:
    """Return when the page that a kind opens itself keeps it waiting."""
    if way == "hung":
        asked = {"/slow", f"{PROJECTS}/slow"}
        await poll_until_async(lambda: asked & {s.path for s in bench.site.after(began)}, 30)
    else:
        await poll_until_async(lambda: FIRST_WORDS[way] in bench.site.said(began), 30)


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
async def test_a_cancelled_step_never_acts_later(bench: Bench, kind: str, way: str) -> None:
    began = time.monotonic()
    (bench.artifacts / "line.csv").write_text("1")
    await keep_waiting(bench, kind, way, began)
    running = asyncio.create_task(bench.run(step("it", kind, parameters_of(kind, way, bench))))
    await bench.await_waiting("it")
    if kind in OPENING:
        await await_opening(bench, way, began)
    asked = time.monotonic()
    result = await bench.cancel(running)
    over = time.monotonic()
    let_in = await bench.all_let_in()
    assert result.status is CANCELLED
    # On a machine without a free processor the grace may pass before anything was done.
    assert result.ended or over - asked > GRACE_S
    assert_gone(bench)
    bench.site.answer.set()
    # Until well after the moment at which it would have acted.
    await asyncio.sleep(max(0.0, began + LATE_MS / 1000 + 0.8 - time.monotonic()))
    assert bench.site.said(let_in) == [], "a page acted after the cancel"


async def test_without_the_cancel_all_of_it_happens(bench: Bench) -> None:
    """The positive control of the test above."""
    began = time.monotonic()
    bench.site.answer.set()
    result = await bench.run(
        bench.open(f"/late?after={LATE_MS}"),
        step("click", "browser.click", {"selector": "#late"}),
        step("fill", "browser.fill", {"selector": "#field", "value": "x"}),
        step("check", "browser.check", {"selector": "#tick"}),
        step("select", "browser.select", {"selector": "#line", "value": "two"}),
        step("script", "browser.evaluate", {"script": "setTimeout(() => say('promised'), 50), 0"}),
        step("wait", "browser.evaluate", {"script": "new Promise(r => setTimeout(r, 200))"}),
        step("slow", "browser.navigate", {"url": f"{bench.site.url}/slow"}),
    )
    assert result.status is COMPLETED, result.error
    expected = {
        "late click",
        "field input",
        "tick change",
        "line change",
        "promised",
        "slow script ran",
    }
    await poll_until_async(lambda: expected <= set(bench.site.said(began)), 30)


async def test_a_page_that_acts_by_itself_acts_no_more_after_a_cancel(bench: Bench) -> None:
    began = time.monotonic()
    running = asyncio.create_task(
        bench.run(
            bench.open("/scripts"),
            step("wait", "browser.wait", {"selector": "#never"}),
        )
    )
    await poll_until_async(lambda: bench.site.said(began).count("tick") > 3, 30)
    await bench.await_waiting("wait")
    assert (await bench.cancel(running)).status is CANCELLED
    let_in = await bench.all_let_in()
    await asyncio.sleep(0.5)
    assert bench.site.said(let_in) == []


async def test_after_a_stop_a_step_that_needs_the_page_says_that_it_is_gone(bench: Bench) -> None:
    running = asyncio.create_task(
        bench.run(bench.open("/"), step("wait", "browser.wait", {"selector": "#never"}))
    )
    await bench.await_waiting("wait")
    await bench.cancel(running)
    result = await bench.run(step("click", "browser.click", {"selector": "#start"}))
    assert result.status is FAILED
    assert "it was closed when step 'wait' was stopped; expected a step" in bench.error("click")
    again = await bench.run(bench.open("/"), step("click", "browser.click", {"selector": "#start"}))
    assert again.status is COMPLETED
    assert "a new browser context: it was closed when step 'wait' was stopped" in bench.host.log


async def test_strict_cancel_kills_the_browser_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ITK_STRICT_CANCEL", "1")
    running = asyncio.create_task(
        bench.run(bench.open("/"), step("wait", "browser.wait", {"selector": "#never"}))
    )
    await bench.await_waiting("wait")
    killed = bench.manager._process
    assert killed is not None
    assert (await bench.cancel(running)).status is CANCELLED
    assert bench.manager._process is None
    await poll_until_async(lambda: not killed.alive, 30)


def open_files() -> int:
    """Count the descriptors of this process."""
    return len(os.listdir("/proc/self/fd"))


async def test_after_ten_cancels_in_a_row_a_run_passes_and_no_more_is_open(bench: Bench) -> None:
    opened: list[int] = []
    for _ in range(10):
        running = asyncio.create_task(
            bench.run(bench.open("/"), step("wait", "browser.wait", {"selector": "#never"}))
        )
        await bench.await_waiting("wait")
        assert (await bench.cancel(running)).status is CANCELLED
        if len(opened) < 5:
            opened.append(open_files())
    result = await bench.run(
        bench.open("/"), step("click", "browser.click", {"selector": "#start"})
    )
    assert result.status is COMPLETED, result.error
    # A browser that had to be killed is another one, with as many pipes; one that has just started
    # has some more for a moment.
    await poll_until_async(lambda: open_files() <= max(opened), 30)
    assert len(bench.manager.long_lived_tasks()) == 1


@pytest.mark.stress
@pytest.mark.parametrize("moment_ms", range(0, 120, 4))
async def test_a_click_that_is_cancelled_at_any_moment_is_over_when_it_says_so(
    bench: Bench, moment_ms: int
) -> None:
    result = await bench.run(bench.open("/"))
    assert result.status is COMPLETED
    running = asyncio.create_task(
        bench.run(step("click", "browser.click", {"selector": "#start"}, retry_count=1))
    )
    await asyncio.sleep(moment_ms / 1000)
    if bench.engine is not None and not running.done():
        await bench.cancel(running)
    await running
    let_in = await bench.all_let_in()
    await asyncio.sleep(0.3)
    assert bench.site.said(let_in) == []
