"""Pictures of a real page from a real runner: while somebody watches, and never of a secret."""

import base64
import itertools
import time

from ignition_toolkit.playbook.models import ExecutionStatus
from ignition_toolkit.protocol import FrameTaken, Watch
from tests.integration.browser.site import SOON_S, Site
from tests.integration.browser.test_in_runner import IN_BROWSER, navigate
from tests.integration.runner.driver import RunnerUnderTest, step
from tests.polling import poll_until

MODULES = {**IN_BROWSER, "browser.fill": "ignition_toolkit.steps.browser"}
#: Seconds in which a page that repaints ten times a second sends pictures, if any.
LISTEN_S = 1.5


def frames(runner: RunnerUnderTest) -> list[FrameTaken]:
    """Return the pictures so far."""
    return runner.bodies(FrameTaken)


def await_more(runner: RunnerUnderTest) -> None:
    """Return once another picture has come."""
    before = len(frames(runner))
    poll_until(lambda: len(frames(runner)) > before, SOON_S)


def test_pictures_come_only_while_somebody_watches_and_end_with_a_cancel(
    runner: RunnerUnderTest, site: Site
) -> None:
    runner.start(
        navigate(site, "/busy"),
        step("click", "browser.click", {"selector": "#never"}),
        modules=MODULES,
    )
    runner.await_step("click", "running")
    time.sleep(LISTEN_S)
    assert not frames(runner), "nobody watches yet"

    runner.send(Watch(watched=True))
    await_more(runner)
    await_more(runner)
    assert base64.b64decode(frames(runner)[0].data).startswith(b"\xff\xd8\xff")
    times = [e.t for e in runner.envelopes if isinstance(e.body, FrameTaken)]
    assert all(later - earlier > 0.2 for earlier, later in itertools.pairwise(times))

    runner.send(Watch(watched=False))
    time.sleep(LISTEN_S)
    seen = len(frames(runner))
    time.sleep(LISTEN_S)
    assert len(frames(runner)) == seen, "nobody watches any more"

    runner.send(Watch(watched=True))
    await_more(runner)
    at = runner.cancel()
    done = runner.await_done()
    assert done.status is ExecutionStatus.CANCELLED
    runner.assert_over(done, at)
    after = [e.body.kind for e in runner.envelopes if e.t > at + 0.1]
    assert "frame" not in after


def test_no_picture_of_a_page_with_a_secret_leaves_the_runner(
    runner: RunnerUnderTest, site: Site
) -> None:
    secret = {"$secret": "hunter2222"}
    runner.start(
        navigate(site, "/login"),
        step("fill", "browser.fill", {"selector": "#password", "value": "{{ parameter.word }}"}),
        step("stand", "utility.sleep", {"seconds": LISTEN_S}),
        step("go", "browser.click", {"selector": "#go"}),
        step("click", "browser.click", {"selector": "#never"}),
        modules=MODULES,
        parameters={"word": secret},
        watched=True,
    )
    began = runner.await_step("fill", "completed")
    left = runner.await_step("go", "running")
    from_t, until_t = runner.time_of(began), runner.time_of(left)
    runner.await_step("click", "running")
    await_more(runner)
    times = [e.t for e in runner.envelopes if isinstance(e.body, FrameTaken)]
    assert not [t for t in times if from_t <= t <= until_t]
    assert [t for t in times if t > until_t], "the page after it may be seen"
    runner.cancel()
    runner.await_done()
