"""Browser steps in a real runner with a real browser: what they do, and how they are stopped."""

import os
import signal
import time
from pathlib import Path

import pytest

from ignition_toolkit.playbook.models import ExecutionStatus, OnFailure, Step
from ignition_toolkit.protocol import Skip
from tests.integration.browser.site import SOON_S, Site
from tests.integration.browser.told import Told
from tests.integration.runner.driver import MODULES, RunnerUnderTest, new_fork_server, step
from tests.integration.runner.driver import runner as a_runner
from tests.leaks import command
from tests.polling import poll_until

IN_BROWSER = {
    **MODULES,
    **{
        f"browser.{kind}": "ignition_toolkit.steps.browser"
        for kind in ("navigate", "click", "evaluate", "screenshot")
    },
}
COMPLETED, CANCELLED = ExecutionStatus.COMPLETED, ExecutionStatus.CANCELLED


def navigate(host: Site | Told, path: str) -> Step:
    """Return a step that opens a page."""
    return step("open", "browser.navigate", {"url": host.url + path})


def test_steps_share_one_page_and_leave_a_picture(runner: RunnerUnderTest, site: Site) -> None:
    began = time.monotonic()
    done = runner.run(
        navigate(site, "/"),
        step("click", "browser.click", {"selector": "#start"}),
        step("picture", "browser.screenshot", {"name": "home"}),
        modules=IN_BROWSER,
    )
    assert done.status is COMPLETED, done.error
    assert runner.output("open")["title"] == "Home"
    poll_until(lambda: set(site.said(began)) == {"home", "clicked"}, SOON_S)
    picture = Path(runner.output("picture")["path"])
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_cancelled_click_never_clicks(runner: RunnerUnderTest, told: Told) -> None:
    since = told.now()
    runner.start(
        navigate(told, "/simulator/late?seconds=2"),
        step("click", "browser.click", {"selector": "#late-button"}),
        modules=IN_BROWSER,
    )
    told.await_act("document load", since)
    runner.await_step("click", "running")
    at = runner.cancel()
    done = runner.await_done()
    assert done.status is CANCELLED
    runner.assert_over(done, at)
    time.sleep(max(0, at + 2.5 - time.monotonic()))
    assert told.acts(since) == ["document load"]


def test_a_browser_outlives_the_timeout_of_a_step_that_does_not_use_it(
    runner: RunnerUnderTest, site: Site
) -> None:
    go_on = OnFailure.CONTINUE
    runner.start(
        navigate(site, "/"),
        step("sleep", "utility.sleep", {"seconds": 600}, timeout=0.2, on_failure=go_on),
        step("click", "browser.click", {"selector": "#start"}),
        step("wait", "browser.click", {"selector": "#never"}, timeout=2.0, on_failure=go_on),
        modules=IN_BROWSER,
    )
    settled = runner.await_settled()
    assert settled.unclean == (), "a browser that waits is no dirt"
    runner.proceed()
    assert runner.error("wait").startswith("Locator.click: not done within")
    assert runner.await_done().status is COMPLETED


@pytest.mark.parametrize("by", ["timeout", "skip"])
def test_after_a_step_that_was_stopped_the_next_gets_a_new_context_and_the_log_says_so(
    runner: RunnerUnderTest, told: Told, by: str
) -> None:
    since = told.now()
    wait = {"script": "new Promise(() => 0)"}
    timeout = 2.0 if by == "timeout" else 300.0
    runner.start(
        navigate(told, "/simulator/acting"),
        step("wait", "browser.evaluate", wait, timeout=timeout, on_failure=OnFailure.CONTINUE),
        step("again", "browser.navigate", {"url": told.url + "/simulator/form"}),
        step("click", "browser.click", {"selector": "#submit-button"}),
        modules=IN_BROWSER,
    )
    told.await_act("worker tick", since)
    runner.await_step("wait", "running")
    if by == "skip":
        runner.send(Skip(step_id="wait"))
    settled = runner.await_settled()
    assert settled.source.value == by
    let_in = told.now()
    # A context that was closed too late is gone with its browser, and may leave the runner unclean:
    # it is replaced then, as tests of the worker show.
    if settled.unclean == ():
        runner.proceed()
        assert runner.await_done().status is COMPLETED
        said = "a new browser context: it was closed when step 'wait' was stopped"
        assert said in runner.log
        told.await_act("submit-button click", let_in)
    assert not {"timer tick", "worker tick"} & set(told.acts(let_in))


def test_a_browser_that_was_killed_fails_its_step_and_the_next_one_starts_another(
    runner: RunnerUnderTest, site: Site
) -> None:
    go_on = OnFailure.CONTINUE
    runner.start(
        navigate(site, "/"),
        step("wait", "browser.click", {"selector": "#never"}, on_failure=go_on),
        step("again", "browser.navigate", {"url": site.url}),
        modules=IN_BROWSER,
    )
    runner.await_step("wait", "running")
    (driver,) = (one for one in runner.look() if "run-driver" in command(one.pid))
    os.kill(driver.pid, signal.SIGKILL)
    assert runner.error("wait")
    assert runner.await_done().status is COMPLETED
    assert any("a new browser context: the browser had ended" in line for line in runner.log)


def test_a_machine_without_a_browser_fails_before_the_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    forks = new_fork_server(tmp_path / "forks")
    forks.start()
    try:
        with a_runner(tmp_path / "runner", forks) as runner:
            runner.start(
                step("log", "utility.log", {"message": "ran"}),
                step("open", "browser.navigate", {"url": "http://localhost/"}),
                modules=IN_BROWSER,
            )
            done = runner.await_done()
    finally:
        forks.end()
    assert done.status is ExecutionStatus.FAILED
    assert "run `playwright install chromium`" in (done.error or "")
    assert "ran" not in runner.log
