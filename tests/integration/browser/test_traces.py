"""Traces: kept when they are wanted, never of a stop, and with no secret in them."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import pytest_asyncio

from ignition_toolkit.browser import trace as trace_module
from ignition_toolkit.browser.manager import BrowserManager
from ignition_toolkit.browser.trace import TraceWish
from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.playbook.models import ExecutionStatus, OnFailure, Step, TraceWhen
from tests.integration.browser.bench import Bench
from tests.integration.browser.site import Site
from tests.integration.runner.driver import step

pytestmark = pytest.mark.asyncio(loop_scope="module")

Traced = Callable[[TraceWhen], Bench]

GO_ON = OnFailure.CONTINUE
WORD = "hunter2222"
PASSWORD = "{{ credential.line.password }}"


@pytest_asyncio.fixture(loop_scope="module")
async def traced(manager: BrowserManager, site: Site, tmp_path: Path) -> AsyncIterator[Traced]:
    """Give a function that makes a bench of its own browser. Its files are in `kept`."""
    made: list[BrowserManager] = []
    folder = tmp_path / "kept"
    folder.mkdir()

    def make(when: TraceWhen) -> Bench:
        wish = TraceWish(when, lambda: [Secret(WORD)], lambda: False, lambda: folder)
        made.append(BrowserManager(None, wish))
        site.answer.clear()
        return Bench(made[-1], site.url, folder)

    yield make
    for one in made:
        await one.aclose()


def files(bench: Bench) -> list[str]:
    """Return the names of the traces that were kept, and of what is not whole."""
    return sorted(one.name for one in bench.artifacts.iterdir() if one.suffix != ".png")


def failing(step_id: str = "fail") -> Step:
    """Return a step whose element never comes."""
    return step(step_id, "browser.click", {"selector": "#never", "timeout": 300}, on_failure=GO_ON)


def read(bench: Bench, name: str) -> tuple[str, list[dict[str, Any]]]:
    """Return all of a trace in one text, and the calls in it."""
    with ZipFile(bench.artifacts / name) as source:
        assert source.testzip() is None
        members = {one: source.read(one).decode("utf-8", "replace") for one in source.namelist()}
    events = [json.loads(line) for line in members["trace.trace"].splitlines()]
    return "".join(members.values()), [one for one in events if one["type"] == "before"]


async def test_the_trace_of_a_failure_shows_what_came_before_it_and_what_failed(
    traced: Traced,
) -> None:
    bench = traced(TraceWhen.ON_FAILURE)
    result = await bench.run(
        bench.open("/"),
        step("name", "browser.fill", {"selector": "#name", "value": "Berta"}),
        failing(),
        step("click", "browser.click", {"selector": "#start"}),
        failing("again"),
    )
    assert result.status is ExecutionStatus.COMPLETED
    assert files(bench) == ["trace_again_1.zip", "trace_fail_1.zip"]
    _, calls = read(bench, "trace_fail_1.zip")
    methods = [call["method"] for call in calls]
    assert methods.index("goto") < methods.index("fill") < methods.index("click")
    assert calls[methods.index("fill")]["params"]["value"] == "Berta"
    assert "a trace of it: trace_fail_1.zip" in bench.host.log


async def test_without_a_failure_there_is_none_unless_it_is_always_wanted(traced: Traced) -> None:
    for when in (TraceWhen.ON_FAILURE, TraceWhen.NEVER):
        bench = traced(when)
        assert (await bench.run(bench.open("/"))).status is ExecutionStatus.COMPLETED
        await bench.manager.aclose()
        assert files(bench) == [], when
    bench = traced(TraceWhen.ALWAYS)
    await bench.run(bench.open("/"))
    await bench.manager.aclose()
    assert files(bench) == ["trace.zip"]
    assert [call["method"] for call in read(bench, "trace.zip")[1]].count("goto") == 1


async def test_never_is_never(traced: Traced) -> None:
    bench = traced(TraceWhen.NEVER)
    await bench.run(bench.open("/"), failing())
    assert files(bench) == []


@pytest.mark.parametrize("when", [TraceWhen.ON_FAILURE, TraceWhen.ALWAYS])
async def test_a_stop_keeps_none(traced: Traced, when: TraceWhen) -> None:
    bench = traced(when)
    waiting = step("wait", "browser.click", {"selector": "#never"})
    running = asyncio.create_task(bench.run(bench.open("/"), waiting))
    await bench.await_waiting("wait")
    assert (await bench.cancel(running)).status is ExecutionStatus.CANCELLED
    await bench.manager.aclose()
    assert files(bench) == []


async def test_what_was_recorded_of_a_stopped_step_goes_when_the_next_page_comes(
    traced: Traced,
) -> None:
    bench = traced(TraceWhen.ON_FAILURE)
    for _ in range(3):
        waiting = step("wait", "browser.click", {"selector": "#never"})
        running = asyncio.create_task(bench.run(bench.open("/"), waiting))
        await bench.await_waiting("wait")
        assert (await bench.cancel(running)).status is ExecutionStatus.CANCELLED
    await bench.run(bench.open("/"))
    process = bench.manager._process
    assert process is not None
    assert [it.suffix for it in process.traces.glob("*.trace")] == [".trace"]


async def test_what_was_given_as_a_secret_is_in_none(traced: Traced) -> None:
    """Not while its field is on the page, and not where the page shows it again after that."""
    bench = traced(TraceWhen.ON_FAILURE)
    cookie = "document.cookie = 'session=opens-the-door'; 0"
    echo = f"document.body.append('{WORD} '); fetch('/echo?{WORD}'); 0"
    await bench.run(
        bench.open("/login"),
        step("cookie", "browser.evaluate", {"script": cookie}),
        step("fill", "browser.fill", {"selector": "#password", "value": PASSWORD}),
        failing("hidden"),
        step("go", "browser.click", {"selector": "#go"}),
        step("there", "browser.wait", {"selector": "#count"}),
        step("echo", "browser.evaluate", {"script": echo}),
        failing("shown"),
        credentials={"line": {"password": Secret(WORD)}},
    )
    assert files(bench) == ["trace_shown_1.zip"]
    assert "no trace of it is kept: a secret was put" in bench.host.log
    text, calls = read(bench, "trace_shown_1.zip")
    assert {"evaluateExpression", "click"} <= {call["method"] for call in calls}
    assert "***" in text, "it was in what was recorded: the positive control"
    assert WORD not in text
    assert "opens-the-door" not in text


async def test_recording_begins_anew_when_it_is_too_much(
    traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_module, "MAX_BYTES", 2000)
    monkeypatch.setattr(trace_module, "LOOK_AGAIN_S", 0.0)
    bench = traced(TraceWhen.ON_FAILURE)
    names = [f"name{number}" for number in range(5)]
    fills = [
        step(name, "browser.fill", {"selector": "#name", "value": f"was {name}"}) for name in names
    ]
    await bench.run(bench.open("/"), *fills, failing())
    assert "the trace begins anew here" in bench.host.log
    text, calls = read(bench, "trace_fail_1.zip")
    assert "#never >> nth=0" in [call["params"].get("selector") for call in calls]
    assert "was name0" not in text


async def test_a_page_that_hangs_has_no_trace_and_the_log_says_why(
    traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_module, "SOON_S", 0.3)
    bench = traced(TraceWhen.ON_FAILURE)
    await bench.run(
        bench.open("/login"),
        step("fill", "browser.fill", {"selector": "#password", "value": PASSWORD}),
        step("hang", "browser.evaluate", {"script": "setTimeout(() => { for (;;); }), 0"}),
        failing(),
        credentials={"line": {"password": Secret(WORD)}},
    )
    assert "no trace of it is kept: the browser did not answer in time" in bench.host.log
    assert files(bench) == []


async def test_a_trace_that_cannot_be_kept_is_told_and_fails_nothing_else(
    traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(trace_module, "copy_trace", refuse)
    bench = traced(TraceWhen.ON_FAILURE)
    result = await bench.run(bench.open("/"), failing())
    assert result.status is ExecutionStatus.COMPLETED
    assert "no trace of it could be kept: No space left" in bench.host.log
    assert "not done within" in bench.error("fail"), "its own error is what is told"
    assert files(bench) == []
