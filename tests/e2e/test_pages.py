"""A person at the pages: finds a playbook, runs it, watches it, and stops it."""

import functools
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Browser, Locator, Page, Request, Route, expect

from ignition_toolkit.execution.views import StepView
from ignition_toolkit.playbook.models import StepStatus, timestamp
from ignition_toolkit.web import formats
from tests.e2e.page_library import HOSTILE
from tests.e2e.person import (
    DEADLINE_MS,
    Person,
    Persons,
    cancel_button,
    expect_status,
    grave_findings,
    record,
    running,
    status,
)
from tests.e2e.saved_page import Part, saved
from tests.e2e.server import Server, launch, standing_still
from tests.e2e.slow_gateway import slow_gateway
from tests.integration.browser.site import running_site
from tests.polling import poll_until

End = Callable[[Server], object]


def test_a_person_finds_a_playbook_fills_its_form_watches_cancels_and_sees_the_record(
    person: Person,
) -> None:
    page = person.page("/")
    fill_the_form_wrongly_and_then_rightly(person, page)
    assert "/executions/" in page.url
    expect(page.locator("#log")).to_contain_text("loud: False", ignore_case=True)
    person.shot(page, "execution-running")
    cancel_button(page)
    expect_status(page, "cancelled")
    expect(page.locator("#record")).to_contain_text("cooperative", timeout=DEADLINE_MS)
    shown = record(page)
    assert shown["Outcome"].startswith("cooperative")
    assert "on a web page" in shown["Asked for"]
    assert shown["Running step"] == "wait"
    assert float(shown["Step stopped after"].removesuffix(" ms")) < 500
    assert float(shown["Everything gone after"].removesuffix(" ms")) < 500
    assert shown["Left behind"] == "nothing"
    # The buttons come with the final status, the record before it.
    expect(page.locator("#steps")).to_contain_text("Run from here", timeout=DEADLINE_MS)
    steps = page.locator("#steps").inner_text()
    assert "cancelled" in steps
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_hidden()
    page.reload()
    assert status(page) == "cancelled"
    assert record(page) == shown
    assert page.locator("#steps").inner_text() == steps
    assert "hunter22" not in page.content()
    # The next time the form has these values, without the secret.
    page.goto("/playbooks/typed.yaml")
    expect(page.get_by_label("tags")).to_have_value('["x", "y"]')
    expect(page.get_by_role("switch", name="loud")).not_to_be_checked()
    expect(page.get_by_label("login")).to_have_value("nobody")
    page.get_by_role("link", name="Use the defaults").click()
    expect(page.get_by_label("tags")).to_have_value('["a"]')


def fill_the_form_wrongly_and_then_rightly(person: Person, page: Page) -> None:
    page.get_by_role("link", name="Start a playbook").click()
    page.get_by_label("Search").fill("somebody PERSPECTIVE nothing")
    expect(page.locator("#nothing")).to_be_visible()
    page.get_by_label("Search").fill("as long as somebody")
    expect(page.locator(".playbook:visible")).to_have_count(1)
    page.get_by_role("link", name="Run Takes parameters").click()
    # What is wrong is told beside its field while it is typed, and the command follows.
    page.get_by_label("seconds").fill("soon")
    page.get_by_label("tags").fill("{a: 1}")
    expect(page.locator(".field").nth(0)).to_contain_text("expected a number")
    expect(page.locator(".field").nth(1)).to_contain_text("expected a list, found a mapping")
    for wrong in (page.get_by_label("seconds"), page.get_by_label("tags")):
        expect(wrong).to_have_attribute("aria-invalid", "true")
        expect(wrong).to_have_css("border-width", "2px")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_label("seconds")).to_be_focused()
    expect(page.get_by_label("seconds")).to_have_value("soon")
    expect(page.locator(".field").nth(1)).to_contain_text("expected a list")
    person.shot(page, "form-wrong")
    page.get_by_label("seconds").fill("600")
    page.get_by_label("tags").fill("[x, y]")
    # What was below a message moves up when it goes.
    expect(page.locator(".field .error:visible")).to_have_count(0)
    page.get_by_role("switch", name="loud").uncheck()
    page.get_by_label("login").fill('{"username": "anna", "password": "hunter22"}')
    wanted = "itk run typed.yaml -p seconds=600 -p 'tags=[x, y]' -p loud=false"
    expect(page.locator("#command")).to_have_text(f"{wanted} -p login=@env:LOGIN")
    page.get_by_role("button", name="Run", exact=True).click()
    expect_status(page, "running")


@pytest.mark.stress
def test_a_step_that_had_to_be_killed_says_so_and_where_it_was_stuck(
    person: Person, server: Server
) -> None:
    execution_id = running(server, "stuck.yaml")
    page = person.open(execution_id)
    expect(page.locator("#log")).to_contain_text("spinning", timeout=DEADLINE_MS)
    cancel_button(page)
    expect_status(page, "cancelled")
    expect(page.locator("#record")).to_contain_text("killed", timeout=DEADLINE_MS)
    shown = record(page)
    assert shown["Outcome"].startswith("killed")
    assert re.search(r"process \d+", shown["Killed"])
    # Whether the place is right is tested in test_cancel; a step that gets no processor between the
    # question and the kill has none.
    told = server.client.execution(execution_id)["cancellation"]
    assert shown["Was stuck at"] == (told["stuck_at"] or "nowhere")


def test_the_click_is_answered_at_once_and_a_silent_server_is_told_of_after_a_second(
    person: Person, server: Server
) -> None:
    page = person.open(running(server, "steps.yaml"))
    page.route("**/cancel", lambda route: route.abort(), times=1)
    cancel_button(page)
    expect(page.locator("#notice")).to_contain_text("did not answer")
    held = holding(page, "**/cancel")
    cancel_button(page)
    # Without waiting: it is the click itself that changes the button.
    assert page.locator("form[data-action=cancel] button").inner_text() == "Cancelling"
    assert page.locator("form[data-action=cancel] button").is_disabled()
    assert page.locator("#notice").is_hidden()
    expect(page.locator("#notice")).to_contain_text("has not answered for 1 s")
    held[0].continue_()
    expect_status(page, "cancelled")
    expect(page.locator("#notice")).to_be_hidden()


def test_pause_skip_and_resume_are_buttons_that_appear_when_they_make_sense(
    person: Person, server: Server
) -> None:
    page = person.open(running(server, "steps.yaml"))
    expect(page.get_by_role("button", name="Resume")).to_be_hidden()
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Skip step").click()
    expect_status(page, "paused")
    expect(page.locator("#steps .step").first).to_contain_text("skipped")
    expect(page.get_by_role("button", name="Pause")).to_be_hidden()
    page.get_by_role("button", name="Resume").click()
    expect_status(page, "running")
    about = page.locator("#about")
    expect(about).to_contain_text(re.compile("start.*pause.*skip.*resume", re.DOTALL))
    other = server.client.start("steps.yaml")
    expect(about.get_by_role("link", name="next run")).to_have_attribute(
        "href", f"/executions/{other}", timeout=DEADLINE_MS
    )
    expect(page.locator("#steps .step").nth(1)).to_contain_text("running", timeout=DEADLINE_MS)
    expect(page.locator("#progress")).to_have_text("step 2 of 3")
    page.reload()
    expect(page.locator("#progress")).to_have_text("step 2 of 3")
    cancel_button(page)
    expect_status(page, "cancelled")


def tab_to(wanted: Locator, key: str = "Tab", *, at_most: int = 40) -> None:
    """Press a key until something has the focus; fail where a person would not see it there."""
    for _ in range(at_most):
        wanted.page.keyboard.press(key)
        if wanted.evaluate("wanted => wanted === document.activeElement"):
            break
    expect(wanted).to_be_focused()
    expect(wanted).to_be_in_viewport()
    assert wanted.evaluate("wanted => getComputedStyle(wanted).outlineStyle") == "solid"


def test_the_keyboard_alone_finds_a_playbook_runs_watches_and_cancels_it(person: Person) -> None:
    page = person.page("/playbooks")
    keyboard, button = page.keyboard, page.get_by_role("button", name="Cancel", exact=True)
    tab_to(page.get_by_label("Search"))
    keyboard.type("as long as somebody")
    tab_to(page.get_by_role("link", name="Run Takes parameters"))
    keyboard.press("Enter")
    tab_to(page.get_by_label("seconds"))
    keyboard.press("Control+a")
    keyboard.type("600")
    tab_to(page.get_by_role("switch", name="loud"))
    keyboard.press("Space")
    tab_to(page.get_by_label("login"))
    keyboard.press("Control+a")
    keyboard.type("{username: anna, password: hunter22}")
    tab_to(page.get_by_role("button", name="Run", exact=True))
    keyboard.press("Enter")
    expect_status(page, "running")
    tab_to(page.locator("#log"))
    tab_to(button, "Shift+Tab")
    keyboard.press("Enter")
    expect_status(page, "cancelled")
    # Whoever pressed it goes on from where it was.
    tab_to(page.get_by_role("button", name="Run again", exact=True), at_most=3)


def test_the_pages_script_writes_how_long_something_took_as_the_server_does(
    person: Person,
) -> None:
    begin = datetime(2026, 11, 23, 21, 41, 22, 123_999, tzinfo=UTC)
    # Where one word becomes the next: halves, parts of a millisecond, ends of a unit.
    seconds = [0.0, 0.0949, 0.095, 0.0955, 9.949, 9.95, 59.499, 59.5, 3599.5, 3600.0, 90_061.0]
    seconds += [tenth / 20 for tenth in range(2, 200)] + [half / 2 for half in range(20, 200)]
    micros = timedelta(microseconds=1)
    ends = [begin + timedelta(seconds=at) + late * micros for at in seconds for late in (-1, 0, 1)]
    spans = [{"started_at": timestamp(begin), "completed_at": timestamp(end)} for end in ends]
    written = person.page("/").evaluate(
        """async (spans) => {
          const { showSpan } = await import("/static/words.js");
          const element = document.createElement("span");
          return spans.map((item) => { showSpan(element, item); return element.textContent; });
        }""",
        spans,
    )
    view = StepView(
        step_id="a", step_name="a", parent_step_id=None, type="t", status=StepStatus.COMPLETED
    ).model_copy(update={"started_at": begin})
    told = [formats.elapsed(view.model_copy(update={"completed_at": end}), end) for end in ends]
    differ = [(at, *two) for at, *two in zip(ends, written, told, strict=True) if len({*two}) > 1]
    assert not differ


def test_the_list_is_live_keeps_what_runs_on_top_and_shows_what_is_asked_for(
    person: Person, server: Server
) -> None:
    # What earlier tests have cancelled would be counted while it is looked at.
    poll_until(lambda: nothing_runs(server), DEADLINE_MS / 1000)
    page = person.page("/")
    execution_id = server.client.start("steps.yaml")
    row = page.locator(f"tr[data-id='{execution_id}']")
    expect(row.locator(".badge")).to_have_text("running", timeout=DEADLINE_MS)
    expect(page.locator("tbody.running tr").first).to_have_attribute("data-id", execution_id)
    first = row.locator(".span").inner_text()
    expect(row.locator(".span")).not_to_have_text(first)
    server.client.http.post(f"/api/executions/{execution_id}/skip")
    expect(row.locator(".cell-progress")).to_have_text("step 2 of 3", timeout=DEADLINE_MS)
    server.client.cancel(execution_id)
    expect(row.locator(".badge")).to_have_text("cancelled", timeout=DEADLINE_MS)
    expect(page.locator("tbody.over tr").first).to_have_attribute("data-id", execution_id)
    shown, counted = row.inner_text(), page.locator("#range").inner_text()
    assert counted.startswith(f"1 to {page.locator('tbody.over tr').count()} of ")
    page.reload()
    assert row.inner_text().split() == shown.split()
    # A page that is watched grows; one that is loaded has fifty rows at most.
    assert page.locator("#range").inner_text().split(" of ")[1] == counted.split(" of ")[1]
    page.get_by_label("Status").select_option("completed")
    expect(row).to_have_count(0)
    expect(page).to_have_url(re.compile("status=completed"))
    page.get_by_label("Status").select_option("cancelled")
    page.get_by_label("Playbook").select_option("steps.yaml")
    page.get_by_label("Started").select_option("in the last hour")
    expect(page).to_have_url(re.compile("within=1h"))
    expect(row).to_have_count(1)
    # What does not fit the filter does not come into the list, what does is live.
    other = running(server, "steps.yaml")
    server.client.cancel(other)
    expect(page.locator(f"tr[data-id='{other}'] .badge")).to_have_text("cancelled")
    assert set(page.locator("tbody .path").all_inner_texts()) == {"steps.yaml"}
    person.shot(page, "list-filtered")
    # On a later page what ends stays where it is, and all below it is one further back.
    last = running(server, "steps.yaml")
    page.goto("/?offset=1")
    before = numbers(page)
    server.client.cancel(last)
    row = page.locator(f"tbody.running tr[data-id='{last}']")
    expect(row.locator(".badge")).to_have_text("cancelled", timeout=DEADLINE_MS)
    assert numbers(page) == [number + 1 for number in before]


def test_an_answer_from_before_the_end_does_not_change_a_row_of_the_list_that_is_over(
    person: Person, server: Server
) -> None:
    ended, other = (running(server, "steps.yaml") for _ in range(2))
    page = person.page("/")
    held = holding(page, "**/api/executions?limit=50")
    with page.expect_request("**/api/executions?limit=50"):
        server.client.http.post(f"/api/executions/{ended}/skip")
    old = {one: {**server.client.execution(one), "current_step_index": 1} for one in (ended, other)}
    server.client.cancel(ended)
    done = page.locator(f"tr[data-id='{ended}'] .steps-done")
    expect(done).to_have_text("3 steps", timeout=DEADLINE_MS)
    held[0].fulfill(json={"items": list(old.values())})
    # Both are told in the same answer.
    expect(page.locator(f"tr[data-id='{other}'] .steps-done")).to_have_text("step 2 of 3")
    expect(done).to_have_text("3 steps")
    server.client.cancel(other)


def holding(page: Page, pattern: str) -> list[Route]:
    """Hold a page's requests to addresses like this; return the list that they come into."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(pattern, hold)
    return held


def nothing_runs(server: Server) -> bool:
    found = server.client.http.get("/api/health").json()
    return bool(found["running"] == found["pending"] == 0)


def numbers(page: Page) -> list[int]:
    """Return the first, the last and how many of the executions that a list says that it shows."""
    return [int(number) for number in re.findall(r"\d+", page.locator("#range").inner_text())]


def test_steps_that_were_fetched_before_the_next_began_do_not_take_it_back(
    person: Person, server: Server
) -> None:
    page = person.open(running(server, "steps.yaml"))
    first, second = (page.locator("#steps .step").nth(index) for index in (0, 1))
    page.get_by_role("button", name="Pause").click()
    held = holding(page, "**/details")
    with page.expect_request("**/details"):
        page.get_by_role("button", name="Skip step").click()
    expect_status(page, "paused")
    old = held[0].fetch()
    page.get_by_role("button", name="Resume").click()
    expect(second.locator(".badge")).to_have_text("running", timeout=DEADLINE_MS)
    held[0].fulfill(response=old)
    expect(first).to_contain_text("How it was stopped", timeout=DEADLINE_MS)
    assert second.locator(".badge").inner_text() == "running"
    cancel_button(page)


def test_run_again_also_from_a_step_links_the_runs_and_exports_them(
    person: Person, server: Server
) -> None:
    old = server.client.start("fails.yaml")
    server.client.wait(old)
    page = person.open(old)
    with page.expect_download() as download:
        page.get_by_role("link", name="JUnit XML").click()
    suites = ElementTree.fromstring(download.value.path().read_text("utf-8"))
    assert [case.find("failure") is not None for case in suites.iter("testcase")][:2] == [
        False,
        True,
    ]
    with page.expect_download() as download:
        page.get_by_role("link", name="JSON").click()
    assert json.loads(download.value.path().read_text("utf-8"))["execution_id"] == old
    page.get_by_role("button", name="Run from here: Three").click()
    page.wait_for_url(lambda url: "/executions/" in url and old not in url, timeout=DEADLINE_MS)
    expect_status(page, "completed")
    expect(page.locator("#steps .step").nth(1)).to_contain_text("skipped")
    expect(page.get_by_role("link", name=old)).to_be_visible()
    page.get_by_role("link", name="previous run").click()
    page.wait_for_url(f"**/{old}")
    page.get_by_role("link", name="next run").click()
    expect_status(page, "completed")
    page.get_by_label("Text").select_option("newest")
    page.get_by_role("button", name="Run again", exact=True).click()
    expect_status(page, "failed")


def test_cancel_all_is_one_question_away_on_every_page_while_something_runs(
    person: Person, server: Server
) -> None:
    page = person.page("/playbooks")
    expect(page.locator("#busy")).to_be_hidden()
    ids = [running(server, "steps.yaml") for _ in range(2)]
    expect(page.locator("#busy-count")).to_have_text("2 running")
    page.get_by_role("link", name="Cancel all").click()
    expect(page.get_by_role("dialog")).to_contain_text("2 executions are running")
    page.get_by_role("button", name="Keep them running").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("link", name="Cancel all").click()
    person.shot(page, "cancel-all")
    page.get_by_role("dialog").get_by_role("button", name="Cancel all").click()
    for execution_id in ids:
        assert server.client.wait(execution_id)["status"] == "cancelled"
    expect(page.locator("#busy")).to_be_hidden()
    assert page.url.endswith("/playbooks")


# A browser has six connections for one server.
@pytest.mark.parametrize("count", [7, pytest.param(10, marks=pytest.mark.stress)])
def test_with_many_pages_open_every_one_lives_and_a_cancel_is_not_kept_waiting(
    person: Person, server: Server, count: int
) -> None:
    execution_id = running(server, "steps.yaml")
    pages = [person.open(execution_id) for _ in range(count)]
    for page in pages:
        expect_status(page, "running")
    begin = time.monotonic()
    cancel_button(pages[-1])
    expect_status(pages[-1], "cancelled")
    assert time.monotonic() - begin < 5.0
    assert pages[-1].locator("#notice").is_hidden()
    stopped = server.client.execution(execution_id)["cancellation"]["step_stopped_ms"]
    assert stopped < 500
    for page in pages:
        expect_status(page, "cancelled")
        expect(page.locator("#record")).to_contain_text("cooperative")


@pytest.mark.stress
def test_without_a_shared_worker_a_page_asks_by_itself(persons: Persons, server: Server) -> None:
    person = persons()
    person.context.add_init_script("delete window.SharedWorker")
    page = person.open(running(server, "steps.yaml"))
    page.get_by_role("button", name="Skip step").click()
    expect(page.locator("#steps .step").nth(1)).to_contain_text("running", timeout=DEADLINE_MS)
    cancel_button(page)
    expect_status(page, "cancelled")
    expect(page.locator("#record")).to_contain_text("cooperative")


# Its forms and refusals are tested without a browser too, in tests/unit/api/test_page_stored.py.
@pytest.mark.stress
def test_a_credential_and_a_gateway_are_stored_chosen_for_a_run_and_removed(person: Person) -> None:
    page = person.page("/credentials")
    page.get_by_label("Name", exact=False).first.fill("plant-login")
    page.get_by_label("User name").fill("anna")
    secret = page.get_by_label("Password or token")
    secret.fill("abc")
    page.get_by_role("button", name="Store").click()
    expect(page.locator("#wrong-secret")).to_contain_text("at least 4 characters")
    expect(secret).to_be_focused()
    expect(secret).to_have_value("")
    secret.fill("hunter22-hunter22")
    page.get_by_role("button", name="Store").click()
    expect(page.locator(".stored")).to_contain_text(["password of anna"])
    page.get_by_role("link", name="Gateways").click()
    page.get_by_label("Name", exact=False).first.fill("plant")
    page.get_by_label("Addresses").fill("plant")
    page.get_by_label("Credential").select_option("plant-login")
    page.get_by_role("button", name="Register").click()
    expect(page.locator("#wrong-urls")).to_contain_text("expected an address")
    person.shot(page, "gateway-wrong")
    page.get_by_label("Addresses").fill("http://plant:8088\nhttps://plant:8043")
    page.get_by_role("button", name="Register").click()
    expect(page.locator(".stored")).to_contain_text(["https://plant:8043"])
    page.goto("/playbooks/typed.yaml?fresh=1")
    expect(page.locator("datalist option[value=plant-login]")).to_have_count(1)
    page.get_by_label("seconds").fill("600")
    page.get_by_label("login").fill("plant-login")
    page.get_by_role("button", name="Run", exact=True).click()
    expect_status(page, "running")
    page.goto("/credentials")
    remove(page, "plant-login")
    expect(page.get_by_role("alert")).to_contain_text("is used by the gateway plant")
    page.goto("/gateways")
    remove(page, "plant")
    page.goto("/credentials")
    remove(page, "plant-login")
    expect(page.get_by_text("plant-login")).to_have_count(0)


def remove(page: Page, name: str) -> None:
    """Remove something that is stored, by two clicks."""
    page.get_by_label(f"Remove {name}", exact=True).click()
    page.get_by_role("button", name=f"Really remove {name}").click()


def log_texts(page: Page) -> list[str]:
    return page.locator("#log .text").all_text_contents()


def newest_number(page: Page) -> int:
    """Return the number in the last line of a log that counts."""
    return int((page.locator("#log .text").last.text_content() or "").removeprefix("line "))


def stored_texts(server: Server, execution_id: str) -> list[str]:
    lines = server.client.http.get(f"/executions/{execution_id}/log.txt").text.splitlines()
    return [line.split(maxsplit=3)[-1] for line in lines]


@pytest.mark.stress
def test_a_page_says_when_its_server_stands_still_although_its_stream_is_open(
    person: Person, server: Server
) -> None:
    page = person.open(running(server, "steps.yaml"))
    with standing_still(server):
        expect(page.locator("#connection")).to_contain_text("does not answer", timeout=60_000)
    expect(page.locator("#connection")).to_be_hidden(timeout=60_000)
    cancel_button(page)
    expect_status(page, "cancelled")


def assert_complete(shown: list[str], stored: list[str]) -> None:
    """Fail where a log that counts lacks or repeats a line, in the store or on a page."""
    counted = [text for text in stored if text.startswith("line ")]
    assert counted == [f"line {n}" for n in range(len(counted))]
    assert shown == stored[-1000:]


def follows_no_more(page: Page) -> bool:
    """Turn the wheel over the log, as a person does until it moves; return whether it heeds."""
    page.locator("#log").hover()
    page.mouse.wheel(0, -5000)
    return not page.get_by_label("Follow").is_checked()


def test_a_log_keeps_the_newest_lines_and_is_filtered_searched_linked_and_downloaded(
    person: Person, server: Server
) -> None:
    execution_id = server.client.start("talks.yaml")
    page = person.open(execution_id)
    lines = page.locator("#log li")
    expect(page.locator("#log")).to_contain_text("Mind the GAP", timeout=DEADLINE_MS)
    expect(lines).to_have_count(1000)
    stored = stored_texts(server, execution_id)
    assert_complete(log_texts(page), stored)
    assert page.locator("#log-note").is_visible()
    # What the page let go of is still to be had.
    page.get_by_role("link", name="Show older lines").click()
    expect(lines).to_have_count(len(stored) - 1000)
    assert log_texts(page) == stored[:-1000]
    page.reload()
    assert_complete(log_texts(page), stored)
    page.get_by_label("Level").select_option("warning")
    expect(page.locator("#log li[data-level=info]")).to_have_count(0)
    expect(lines.last).to_contain_text("Mind the GAP")
    page.get_by_label("Level").select_option("debug")
    page.get_by_label("Search").fill("LINE 77")
    expect(lines).to_have_count(11)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download these lines").click()
    saved = download.value.path().read_text("utf-8").splitlines()
    assert [line.rpartition("line ")[2] for line in saved] == ["77", *map(str, range(770, 780))]
    # A link to a line shows those around it, whatever is searched for.
    page.locator("#log li .line-link").first.click()
    expect(page.locator("#log li.wanted .text")).to_have_text("line 77")
    expect(page.locator("#log li.wanted")).to_be_in_viewport()
    expect(page.get_by_label("Follow")).not_to_be_checked()
    person.shot(page, "log-line")
    newest = page.get_by_role("link", name="Show the newest lines")
    newest.click()
    expect(newest).to_have_count(0)
    expect(lines.last).to_contain_text("Mind the GAP")
    # Whoever scrolls up is left there until he follows again.
    log, gap = page.locator("#log"), "log => log.scrollHeight - log.scrollTop - log.clientHeight"
    page.get_by_label("Follow").check()
    assert log.evaluate(gap) < 40
    poll_until(lambda: follows_no_more(page), DEADLINE_MS / 1000)


def test_hostile_texts_stay_texts(person: Person, server: Server) -> None:
    execution_id = running(server, "hostile.yaml", step=2)
    page = person.open(execution_id)
    assert page.locator("#artifacts").is_hidden()
    assert page.locator("#view").is_hidden(), "there is no browser to be seen"
    left = server.data_dir / "artifacts" / execution_id
    left.mkdir(parents=True, exist_ok=True)
    (left / "page.html").write_text(f"<title>x</title>{HOSTILE}")
    # What a step has left is listed when it has ended.
    page.get_by_role("button", name="Skip step").click()
    expect(page.get_by_role("link", name="page.html")).to_be_visible()
    expect(page.locator("#log .text").first).to_have_text(HOSTILE)
    page.locator("#steps summary").first.click()
    page.get_by_label("Search").fill("<script>")
    expect(page.locator("#log li")).to_have_count(3)
    with page.expect_download() as download:
        page.get_by_role("link", name="page.html").click()
    assert download.value.path().read_text().endswith(HOSTILE)
    address = f"/executions/{execution_id}/artifacts/page.html"
    headers = server.client.http.get(address).headers
    assert headers["content-disposition"].startswith("attachment")
    assert headers["content-security-policy"].startswith("sandbox")
    assert headers["x-content-type-options"] == "nosniff"
    for path in ("/", "/playbooks", "/playbooks/hostile.yaml", "/cancel-all"):
        page.goto(path)
        expect(page.locator("main")).to_contain_text("<script>alert(1)</script>")
    # Made by the script this time, not by the server.
    page.goto("/")
    server.client.start("hostile.yaml")
    expect(page.get_by_role("link", name=HOSTILE)).to_have_count(2)
    assert page.locator("main img").count() == 0


@dataclass(frozen=True)
class Look:
    """How a person looks at pages. In the dark only the colours differ, so only they are judged."""

    scheme: Literal["light", "dark"]
    width: int

    @property
    def rules(self) -> tuple[str, ...]:
        return () if self.scheme == "light" else ("color-contrast",)


WIDE, NARROW = Look("light", 1280), Look("dark", 390)
ALL_PAGES = {
    "list": "/",
    "execution-cancelled": "/executions/{cancelled}",
    "execution-failed": "/executions/{failed}",
    "execution-running": "/executions/{running}",
    "playbooks": "/playbooks",
    "playbook": "/playbooks/typed.yaml",
    "playbook-broken": "/playbooks/broken.yaml",
    "gateways": "/gateways",
    "credentials": "/credentials",
    "health": "/health",
    "cancel-all": "/cancel-all",
    "nothing": "/nothing",
}


#: What the pages of credentials and gateways list.
STORED: list[tuple[str, dict[str, object]]] = [
    ("credentials", {"name": "line-3", "username": "operator", "secret": "hunter22-hunter22"}),
    ("credentials", {"name": "itk", "type": "api_token", "secret": "itk:hunter22"}),
    (
        "gateways",
        {
            "name": "line-3",
            "urls": ["http://line-3.plant.example:8088", "https://line-3.plant.example:8043"],
            "credential": "itk",
            "tls": "insecure",
            "tags": ["line 3", "packaging"],
        },
    ),
    ("gateways", {"name": "test-bench", "urls": ["http://10.0.0.5:8088"]}),
]


@pytest.fixture(scope="module")
def ids(server: Server) -> dict[str, str]:
    """Give an execution of each sort that looks different."""
    for path, item in STORED:
        answer = server.client.http.post(f"/api/{path}", json={**item, "replace": True})
        assert answer.status_code == 201, answer.text
    failed = server.client.start("fails.yaml")
    cancelled = running(server, "steps.yaml")
    server.client.cancel(cancelled)
    for each in (failed, cancelled):
        server.client.wait(each)
    return {"failed": failed, "cancelled": cancelled}


@pytest.mark.parametrize(
    ("look", "pages"),
    [
        (WIDE, ("execution-cancelled", "playbook", "gateways", "health")),
        (NARROW, ("list", "execution-running", "credentials")),
        *(
            pytest.param(Look(scheme, width), tuple(ALL_PAGES), marks=pytest.mark.stress)
            for scheme in ("light", "dark")
            for width in (390, 1280)
        ),
    ],
)
def test_everybody_can_read_every_page_in_light_dark_and_on_a_telephone(
    person: Person, server: Server, ids: dict[str, str], look: Look, pages: tuple[str, ...]
) -> None:
    runs = running(server, "talks.yaml", step=2, lines=30)
    page = person.page()
    page.emulate_media(color_scheme=look.scheme)
    page.set_viewport_size({"width": look.width, "height": 700})
    for name in pages:
        page.goto(ALL_PAGES[name].format(running=runs, **ids))
        assert grave_findings(page, *look.rules) == [], name
        assert page.evaluate("document.documentElement.scrollWidth") <= look.width, name
        person.shot(page, f"{name}-{look.scheme}-{look.width}")
        if name == "execution-running":
            page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
            assert page.evaluate("window.scrollY") > 0
            cancel = page.get_by_role("button", name="Cancel", exact=True)
            expect(cancel).to_be_in_viewport(ratio=1)


def test_a_page_saved_by_the_browser_names_no_host_but_its_servers(
    persons: Persons, server: Server, ids: dict[str, str]
) -> None:
    person = persons()
    asked: list[Request] = []

    def ask(request: Request) -> None:
        asked.append(request)

    person.context.on("request", ask)
    page = person.page()
    parts: list[Part] = []
    runs = running(server, "talks.yaml", step=2, lines=1)
    for name, path in ALL_PAGES.items():
        page.goto(path.format(running=runs, **ids))
        of_page = saved(page)
        assert {"text/html", "text/css"} <= {part.kind for part in of_page}, name
        parts += of_page
    # What a page loads is in the saved one too, but for its scripts.
    files = {one.url for one in asked if one.resource_type not in ("document", "fetch")}
    worker = page.locator("main").get_attribute("data-worker") or ""
    for address in {*files, server.url + worker}:
        answer = server.client.http.get(address)
        parts.append(Part(address, answer.headers["content-type"].split(";")[0], answer.text))
    assert {"text/javascript", "image/svg+xml"} <= {part.kind for part in parts}
    own = urlsplit(server.url).netloc
    assert {urlsplit(one.url).netloc for one in asked} == {own}
    named = {(part.address, host) for part in parts for host in part.hosts()}
    assert {(address, host) for address, host in named if host != own} == set()
    # It was looked at where people named other hosts.
    assert any("http://line-3.plant.example:8088" in part.text for part in parts)


def test_without_scripts_the_pages_work_by_reloading(persons: Persons) -> None:
    page = persons(java_script_enabled=False).page("/playbooks/steps.yaml")
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url("**/executions/*")
    execution_id = page.url.rpartition("/")[2]
    # What is not over comes again by itself every few seconds.
    page.get_by_role("link", name="Cancel all").click()
    page.get_by_role("main").get_by_role("button", name="Cancel all").click()
    row = page.locator(f"tbody.over tr[data-id='{execution_id}']")
    expect(row.locator(".badge")).to_have_text("cancelled", timeout=DEADLINE_MS)


@pytest.mark.stress
def test_where_a_token_is_asked_for_a_person_logs_in_by_keyboard_and_out(
    browser: Browser, page_library: Path, shots: Path, tmp_path: Path
) -> None:
    secret = "seven-words-that-nobody-would-guess-at-night"
    data = tmp_path / "data"
    server = launch(data, playbooks=(page_library,), ITK_REQUIRE_TOKEN="1", ITK_TOKEN=secret)
    person = Person(browser, server, shots)
    try:
        page = person.page("/playbooks/typed.yaml?fresh=1")
        keyboard, token = page.keyboard, page.get_by_label("Access token")
        for look in (WIDE, NARROW):
            page.emulate_media(color_scheme=look.scheme)
            page.set_viewport_size({"width": look.width, "height": 700})
            assert grave_findings(page) == []
            person.shot(page, f"login-{look.scheme}-{look.width}")
        expect(token).to_be_focused()
        keyboard.type("not-it-at-all-but-long-enough-to-be-one")
        keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_be_visible()
        expect(token).to_be_focused()
        person.shot(page, "login-wrong")
        keyboard.type(secret)
        keyboard.press("Enter")
        expect(page).to_have_url(f"{server.url}/playbooks/typed.yaml?fresh=1")
        person.shot(page, "login-done")
        page.get_by_role("button", name="Log out").click()
        expect(token).to_be_visible()
        assert person.complaints == []
    finally:
        person.context.close()
        server.clean_up()


#: Seconds for which a server stands still, and is away.
AWAY_S = 3.0


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (Server.stop, "cancelled"),
        pytest.param(Server.kill, "interrupted", marks=pytest.mark.stress),
    ],
)
def test_a_log_is_watched_while_its_server_stands_still_goes_and_comes_back(
    browser: Browser, page_library: Path, tmp_path: Path, end: End, told: str
) -> None:
    servers = [launch(tmp_path / "data", playbooks=(page_library,))]
    person = Person(browser, servers[0], tmp_path)
    try:
        execution_id = running(servers[0], "counts.yaml")
        page, listed = person.open(execution_id), person.page("/")
        expect(page.locator("#log")).to_contain_text("line 9", timeout=DEADLINE_MS)
        with standing_still(servers[0]):
            before = newest_number(page)
            time.sleep(AWAY_S)
        poll_until(lambda: newest_number(page) > before + 100)
        end(servers[0])
        expect(page.locator("#connection")).to_contain_text("does not answer", timeout=DEADLINE_MS)
        time.sleep(AWAY_S)
        servers.append(launch(tmp_path / "data", playbooks=(page_library,), port=servers[0].port))
        expect_status(page, told)
        expect(page.locator("#connection")).to_be_hidden()
        stored = stored_texts(servers[1], execution_id)
        # The status and the lines come each in their own turn.
        poll_until(lambda: len(log_texts(page)) >= min(len(stored), 1000))
        assert_complete(log_texts(page), stored)
        # The pages were never loaded anew, and live on.
        other = running(servers[1], "talks.yaml", step=2, lines=1)
        row = listed.locator(f"tr[data-id='{other}'] .badge")
        expect(row).to_have_text("running", timeout=DEADLINE_MS)
        # What was asked for while nobody answered is asked for again.
        assert [one for one in person.complaints if "Failed to fetch" not in one] == []
    finally:
        person.context.close()
        for server in servers:
            server.clean_up()


SENDS = """
name: Sends a large file
parameters: [{name: gateway_url, type: string}, {name: file, type: string}]
steps:
  - {id: send, name: Send, type: gateway.upload_module, parameters: {file: "{{ parameter.file }}"}}
"""
#: Bytes of the file, and those that are let through at once.
LARGE, PORTION = 2**31, 2**20


def test_the_bytes_of_a_large_upload_are_seen_to_move_and_a_cancel_ends_them(
    person: Person, server: Server, tmp_path: Path
) -> None:
    file = tmp_path / "line.modl"
    with file.open("wb") as out:
        out.truncate(LARGE)
    with slow_gateway() as gateway:
        execution_id = server.client.start_text(SENDS, gateway_url=gateway.address, file=str(file))
        page = person.open(execution_id)
        shown = page.locator("#steps .progress").first

        def sends_on(least: int) -> bool:
            gateway.take(PORTION)
            return sent(shown.inner_text()) > least

        for _ in range(3):
            before = sent(shown.inner_text())
            poll_until(functools.partial(sends_on, before), DEADLINE_MS / 1000)
        assert shown.inner_text().endswith(f" of {LARGE} uploading line.modl")
        cancel_button(page)
        expect_status(page, "cancelled")
        expect(page.locator("#record")).to_contain_text("POST", timeout=DEADLINE_MS)
        gateway.read_on()
        poll_until(gateway.hung_up.is_set, DEADLINE_MS / 1000)


def sent(text: str) -> int:
    """Return the bytes that a step's progress tells, 0 for none yet."""
    return int(text.split(" ", maxsplit=1)[0] or 0)


#: The least width seen of each picture, frame by frame, until there were so many: a picture that is
#: shown before it has come has none.
EACH_PICTURE = """count => new Promise((resolve, reject) => {
    const widths = {}
    setTimeout(() => reject(new Error(`too few pictures: ${JSON.stringify(widths)}`)), 30000)
    const look = () => {
        const { src, naturalWidth } = document.getElementById('view-picture')
        widths[src] = Math.min(widths[src] ?? Infinity, naturalWidth)
        if (Object.keys(widths).length > count) resolve(widths)
        else requestAnimationFrame(look)
    }
    look()
})"""


def test_a_person_sees_what_a_browser_shows_and_the_last_picture_after_the_cancel(
    person: Person,
) -> None:
    with running_site() as site:
        url = f"{{url: '{site.url}/busy'}}"
        open_ = f"{{id: open, name: Open, type: browser.navigate, parameters: {url}}}"
        wait = "{id: wait, name: Wait, type: browser.click, parameters: {selector: '#never'}}"
        text = f"name: Live\nsteps:\n- {open_}\n- {wait}\n"
        execution_id = person.server.client.start_text(text)
        page = person.open(execution_id)
        picture, state = page.locator("#view-picture"), page.locator("#view-state")
        expect(picture).to_be_visible(timeout=DEADLINE_MS)
        expect(state).to_have_text(re.compile("^Picture of "), timeout=DEADLINE_MS)
        pictures = page.evaluate(EACH_PICTURE, 3)
        assert min(pictures.values()) > 100, pictures
        person.shot(page, "execution-live-view")
        assert grave_findings(page) == []
        cancel_button(page)
        expect_status(page, "cancelled")
        expect(state).to_have_text(re.compile("^Last picture, at "), timeout=DEADLINE_MS)
    page.reload()
    expect(state).to_have_text(re.compile("^Last picture, at "), timeout=DEADLINE_MS)
    expect(page.locator("#artifacts")).to_contain_text("last_live_picture.jpg")
    assert picture.evaluate("image => image.naturalWidth") > 100
