"""Browser steps in a real runner with a real browser: what they do, and how they are stopped."""

import time
from pathlib import Path

from ignition_toolkit.playbook.models import ExecutionStatus, OnFailure, Step
from tests.integration.browser.site import Site
from tests.integration.runner.driver import MODULES, RunnerUnderTest, step

IN_BROWSER = {
    **MODULES,
    **{
        f"browser.{kind}": "ignition_toolkit.steps.browser"
        for kind in ("navigate", "click", "screenshot")
    },
}
COMPLETED, CANCELLED = ExecutionStatus.COMPLETED, ExecutionStatus.CANCELLED


def navigate(site: Site, path: str) -> Step:
    """Return a step that opens a page of the site."""
    return step("open", "browser.navigate", {"url": site.url + path})


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
    assert site.said(began) == ["home", "clicked"]
    picture = Path(runner.output("picture")["path"])
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_cancelled_click_never_clicks(runner: RunnerUnderTest, site: Site) -> None:
    began = time.monotonic()
    runner.start(
        navigate(site, "/late?after=1500"),
        step("click", "browser.click", {"selector": "#late"}),
        modules=IN_BROWSER,
    )
    site.await_said("late waits", began)
    runner.await_step("click", "running")
    at = runner.cancel()
    done = runner.await_done()
    assert done.status is CANCELLED
    runner.assert_over(done, at)
    time.sleep(max(0, at + 2.0 - time.monotonic()))
    assert "late click" not in site.said(began)


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
    assert runner.error("wait").startswith("Locator.click: Timeout")
    assert runner.await_done().status is COMPLETED
