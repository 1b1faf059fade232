"""Pages under a flood: long logs, lines that are dropped, very many steps."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.e2e.person import DEADLINE_MS, Person, Persons, cancel_button, expect_status, running
from tests.e2e.server import Server, standing_still
from tests.polling import poll_until

pytestmark = pytest.mark.stress


#: Puts the longest time into `window.longest` in which a page did nothing else, in milliseconds.
WATCH = """
window.longest = 0;
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) window.longest = Math.max(window.longest, task.duration);
}).observe({ type: "longtask", buffered: true });
"""


def test_a_log_of_100000_lines_does_not_freeze_the_page(persons: Persons, server: Server) -> None:
    person = persons()
    person.context.add_init_script(WATCH)
    execution_id = server.client.start("talks.yaml", lines=100_000)
    page = person.open(execution_id)
    expect(page.locator("#steps .step").nth(2)).to_contain_text("running", timeout=5 * DEADLINE_MS)
    # A runner that is not read fast enough drops lines; the page has all that were stored.
    stored = server.client.http.get(f"/executions/{execution_id}/log.txt").text.splitlines()
    last = stored[-1].rpartition(" warn ")[2].rpartition(" talk ")[2]
    expect(page.locator("#log .text").last).to_have_text(last, timeout=DEADLINE_MS)
    assert page.evaluate("window.longest") < 500
    page.get_by_label("Search").fill(last)
    expect(page.locator("#log li")).not_to_have_count(1000)
    expect(page.locator("#log .text").last).to_have_text(last)
    page.reload()
    expect(page.locator("#log li")).to_have_count(1000)
    cancel_button(page)
    expect_status(page, "cancelled")


def test_a_page_with_1000_steps_paints_within_a_second_and_scrolls(
    person: Person, server: Server, page_library: Path
) -> None:
    step = "  - {{id: s{0}, name: Step {0}, type: utility.log, parameters: {{message: x}}}}\n"
    steps = "".join(map(step.format, range(1000)))
    (page_library / "long.yaml").write_text(f"name: Long\nsteps:\n{steps}")
    execution_id = server.client.start("long.yaml")
    server.client.wait(execution_id)
    page = person.open(execution_id)
    paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    assert page.evaluate(paint) < 1000
    page.locator("#step-s999").scroll_into_view_if_needed()
    expect(page.locator("#step-s999")).to_be_in_viewport()


def lost(server: Server, execution_id: str) -> int:
    """Return how many lines of a log are missing, as its own notes say."""
    text = server.client.http.get(f"/executions/{execution_id}/log.txt").text
    return sum(map(int, re.findall(r"(\d+) log lines were dropped", text)))


def test_lines_that_a_runner_had_to_drop_are_counted_on_the_page(
    person: Person, server: Server, tmp_path: Path
) -> None:
    execution_id = server.client.start("floods.yaml", folder=str(tmp_path))
    page = person.open(execution_id)
    expect(page.locator("#log")).to_contain_text("ready", timeout=DEADLINE_MS)
    assert page.locator("#log-lost").is_hidden()
    with standing_still(server):
        (tmp_path / "begin").touch()
        poll_until((tmp_path / "done").exists)
    expect(page.locator("#steps .step").nth(1)).to_contain_text("running", timeout=DEADLINE_MS)
    count = lost(server, execution_id)
    assert count > 0
    expect(page.locator("#log-lost")).to_be_visible()
    expect(page.locator("#log-lost-count")).to_have_text(f"{count:,}")
    person.shot(page, "log-lost")
    page.reload()
    expect(page.locator("#log-lost-count")).to_have_text(f"{count:,}")


def test_a_filter_whose_answer_was_overtaken_by_a_flood_is_asked_for_again(
    person: Person, server: Server
) -> None:
    execution_id = running(server, "late.yaml")
    page = person.open(execution_id)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/log?*", hold, times=1)
    page.get_by_label("Level").select_option("warning")
    # Only while the library is asked something does it hear of the request.
    poll_until(lambda: page.evaluate("true") and held)
    answer = held[0].fetch()
    server.client.http.post(f"/api/executions/{execution_id}/skip")
    expect(page.locator("#steps .step").nth(3)).to_contain_text("running", timeout=DEADLINE_MS)
    # The page has heard of more lines since than it remembers, and the answer has none of them.
    held[0].fulfill(response=answer)
    # Notes of dropped lines are warnings too.
    expect(page.locator("#log .text").first).to_have_text("Mind the GAP", timeout=DEADLINE_MS)
