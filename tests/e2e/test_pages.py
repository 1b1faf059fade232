"""A person at the pages: clicks Cancel, sees what happened, and sees the same after a reload."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from tests.e2e.server import Server, launch, serving

CHROMIUM = "/usr/bin/chromium"

#: Milliseconds; generous, as the machine may be busy.
DEADLINE_MS = 20_000

HOSTILE = "<img src=x onerror=alert(1)></textarea><script>alert(1)</script>"

PLAYBOOKS = {
    "steps.yaml": """\
name: Several steps
steps:
  - {id: first, name: First, type: utility.sleep, parameters: {seconds: 600}}
  - {id: second, name: Second, type: utility.sleep, parameters: {seconds: 600}}
  - {id: third, name: Third, type: utility.sleep, parameters: {seconds: 600}}
""",
    "stuck.yaml": """\
name: Spins
steps:
  - id: spin
    name: Spin
    type: utility.python
    parameters:
      script: |
        import signal
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("spinning", flush=True)
        while True:
            pass
""",
    "hostile.yaml": f"""\
name: "{HOSTILE}"
parameters: [{{name: text, type: string, default: "{HOSTILE}"}}]
steps:
  - {{id: say, name: "{HOSTILE}", type: utility.log, parameters: {{message: "{HOSTILE}"}}}}
  - {{id: wait, name: Wait, type: utility.sleep, parameters: {{seconds: 600}}}}
""",
    "talks.yaml": """\
name: Talks a lot
steps:
  - id: talk
    name: Talk
    type: utility.python
    parameters: {script: "for n in range(3000): print('line', n)"}
  - {id: wait, name: Wait, type: utility.sleep, parameters: {seconds: 600}}
""",
    "typed.yaml": """\
name: Takes parameters
parameters:
  - {name: seconds, type: float, description: how long}
  - {name: tags, type: list, default: [a]}
steps:
  - {id: wait, name: Wait, type: utility.sleep, parameters: {seconds: "{{ parameter.seconds }}"}}
""",
}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    for name, text in PLAYBOOKS.items():
        (folder / name).write_text(text, "utf-8")
    return folder


@pytest.fixture(scope="module")
def server(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("pages") / "data"
    with serving(data, max_running=40, playbooks=(library,)) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. A machine without it fails these tests, it does not skip them."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


class Person:
    """Opens pages, and remembers what a page did that it should not have done."""

    def __init__(self, browser: Browser, server: Server, **options: object) -> None:
        self.server = server
        self.context = browser.new_context(base_url=server.url, **options)  # type: ignore[arg-type]
        self.context.set_default_timeout(DEADLINE_MS)
        self.complaints: list[str] = []

    def page(self) -> Page:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        page.on("console", lambda message: self._heard(message.text))
        return page

    def _heard(self, text: str) -> None:
        if "Content Security Policy" in text:
            self.complaints.append(text)

    def open(self, execution_id: str) -> Page:
        page = self.page()
        page.goto(f"/executions/{execution_id}")
        return page


Persons = Callable[..., Person]


@pytest.fixture
def persons(browser: Browser, server: Server) -> Iterator[Persons]:
    """Give a function that makes a person; no page may have complained in the end."""
    made: list[Person] = []

    def new(**options: object) -> Person:
        made.append(Person(browser, server, **options))
        return made[-1]

    yield new
    for person in made:
        person.context.close()
    server.client.http.post("/api/executions/cancel")
    assert [complaint for person in made for complaint in person.complaints] == []


@pytest.fixture
def person(persons: Persons) -> Person:
    return persons()


def running(server: Server, playbook: str) -> str:
    """Start a playbook; return the execution's id when its first step runs."""
    execution_id = server.client.start(playbook)
    deadline = time.monotonic() + 30
    while server.client.execution(execution_id)["step_results"][0]["status"] == "pending":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return execution_id


def status(page: Page) -> str:
    return page.locator("#status").inner_text()


def expect_status(page: Page, wanted: str) -> None:
    expect(page.locator("#status")).to_have_text(wanted, timeout=DEADLINE_MS)


def record(page: Page) -> dict[str, str]:
    """Return the cancellation record as the page shows it."""
    expect(page.locator("#record tr").first).to_be_visible(timeout=DEADLINE_MS)
    rows = page.locator("#record tr").all()
    return {row.locator("th").inner_text(): row.locator("td").inner_text() for row in rows}


def test_a_person_starts_the_test_playbook_cancels_it_and_sees_the_record(person: Person) -> None:
    page = person.page()
    page.goto("/")
    page.get_by_role("link", name="Start a playbook").click()
    page.get_by_role("link", name="Start Test Cancellation").click()
    page.get_by_role("button", name="Start").click()
    expect_status(page, "running")
    assert "/executions/" in page.url
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect_status(page, "cancelled")
    expect(page.locator("#record")).to_contain_text("cooperative", timeout=DEADLINE_MS)
    shown = record(page)
    assert shown["Outcome"].startswith("cooperative")
    assert "on this page" in shown["Asked for"]
    assert shown["Running step"] == "step1"
    assert float(shown["Step stopped after"].removesuffix(" ms")) < 500
    assert float(shown["Everything gone after"].removesuffix(" ms")) < 500
    assert shown["Left behind"] == "nothing"
    steps = page.locator("#steps").inner_text()
    assert "cancelled" in steps
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_hidden()
    page.reload()
    assert status(page) == "cancelled"
    assert record(page) == shown
    assert page.locator("#steps").inner_text() == steps


def test_a_step_that_had_to_be_killed_says_so_and_where_it_was_stuck(
    person: Person, server: Server
) -> None:
    page = person.open(running(server, "stuck.yaml"))
    expect(page.locator("#log")).to_contain_text("spinning", timeout=DEADLINE_MS)
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect_status(page, "cancelled")
    expect(page.locator("#record")).to_contain_text("killed", timeout=DEADLINE_MS)
    shown = record(page)
    assert shown["Outcome"].startswith("killed")
    assert re.search(r"process \d+", shown["Killed"])
    assert ":" in shown["Was stuck at"]


def test_the_click_is_answered_at_once_and_a_silent_server_is_told_of_after_a_second(
    person: Person, server: Server
) -> None:
    page = person.open(running(server, "steps.yaml"))
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/cancel", hold)
    page.get_by_role("button", name="Cancel", exact=True).click()
    # Without waiting: it is the click itself that changes the button.
    assert page.locator("form[data-action=cancel] button").inner_text() == "Cancelling"
    assert page.locator("form[data-action=cancel] button").is_disabled()
    assert page.locator("#notice").is_hidden()
    expect(page.locator("#notice")).to_contain_text("has not answered for 1 s")
    held[0].continue_()
    expect_status(page, "cancelled")
    expect(page.locator("#notice")).to_be_hidden()


def test_a_request_that_does_not_get_through_can_be_repeated(
    person: Person, server: Server
) -> None:
    page = person.open(running(server, "steps.yaml"))
    page.route("**/cancel", lambda route: route.abort(), times=1)
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.locator("#notice")).to_contain_text("did not answer")
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect_status(page, "cancelled")


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
    expect(page.locator("#steps .step").nth(1)).to_contain_text("running")
    expect(page.locator("#progress")).to_have_text("step 2 of 3")
    page.reload()
    expect(page.locator("#progress")).to_have_text("step 2 of 3")


def test_the_list_is_live(person: Person, server: Server) -> None:
    page = person.page()
    page.goto("/")
    execution_id = server.client.start("steps.yaml")
    row = page.locator(f"tr[data-id='{execution_id}']")
    expect(row.locator(".badge")).to_have_text("running", timeout=DEADLINE_MS)
    expect(page.locator("#executions tbody tr").first).to_have_attribute("data-id", execution_id)
    first = row.locator(".span").inner_text()
    expect(row.locator(".span")).not_to_have_text(first)
    server.client.http.post(f"/api/executions/{execution_id}/skip")
    expect(row.locator(".cell-progress")).to_have_text("step 2 of 3", timeout=DEADLINE_MS)
    server.client.cancel(execution_id)
    expect(row.locator(".badge")).to_have_text("cancelled", timeout=DEADLINE_MS)
    shown = row.inner_text()
    page.reload()
    assert row.inner_text().split() == shown.split()


def test_run_again_leads_to_the_new_execution_which_links_the_old_one(
    person: Person, server: Server
) -> None:
    old = server.client.start("steps.yaml")
    server.client.wait(old, {"running"})
    server.client.cancel(old)
    server.client.wait(old)
    page = person.open(old)
    page.get_by_role("button", name="Run again").click()
    page.wait_for_url(lambda url: "/executions/" in url and old not in url, timeout=DEADLINE_MS)
    expect_status(page, "running")
    expect(page.get_by_role("link", name=old)).to_be_visible()
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect_status(page, "cancelled")


def test_with_ten_pages_open_every_one_lives_and_a_cancel_is_not_kept_waiting(
    person: Person, server: Server
) -> None:
    execution_id = running(server, "steps.yaml")
    pages = [person.open(execution_id) for _ in range(10)]
    for page in pages:
        expect_status(page, "running")
    begin = time.monotonic()
    pages[-1].get_by_role("button", name="Cancel", exact=True).click()
    expect_status(pages[-1], "cancelled")
    assert time.monotonic() - begin < 5.0
    assert pages[-1].locator("#notice").is_hidden()
    for page in pages:
        expect_status(page, "cancelled")
        expect(page.locator("#record")).to_contain_text("cooperative")


def test_a_flood_of_lines_leaves_the_newest_thousand(person: Person, server: Server) -> None:
    page = person.open(server.client.start("talks.yaml"))
    expect(page.locator("#log")).to_contain_text("line 2999", timeout=DEADLINE_MS)
    assert page.locator("#log li").count() == 1000
    assert page.locator("#log li .text").first.inner_text() == "line 2000"
    assert page.locator("#log-note").is_visible()
    page.reload()
    assert page.locator("#log li").count() == 1000
    texts = page.locator("#log li .text").all_inner_texts()
    assert texts == [f"line {n}" for n in range(2000, 3000)]


def test_hostile_texts_stay_texts(person: Person, server: Server) -> None:
    execution_id = running(server, "hostile.yaml")
    page = person.open(execution_id)
    expect(page.locator("#log .text")).to_have_text(HOSTILE)
    for path in ("/", "/playbooks", "/playbooks/hostile.yaml"):
        page.goto(path)
        expect(page.locator("main")).to_contain_text("<script>alert(1)</script>")
    # Made by the script this time, not by the server.
    page.goto("/")
    server.client.start("hostile.yaml")
    expect(page.get_by_role("link", name=HOSTILE)).to_have_count(2)
    assert page.locator("main img").count() == 0


def test_wrong_parameters_are_named_beside_their_fields(person: Person) -> None:
    page = person.page()
    page.goto("/playbooks/typed.yaml")
    page.get_by_label("seconds").fill("soon")
    page.get_by_label("tags").fill("{a: 1}")
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".field").nth(0)).to_contain_text("expected a number")
    expect(page.locator(".field").nth(1)).to_contain_text("expected a list")
    expect(page.get_by_label("seconds")).to_have_value("soon")
    page.get_by_label("seconds").fill("600")
    page.get_by_label("tags").fill("[x, y]")
    page.get_by_role("button", name="Start").click()
    expect_status(page, "running")
    expect(page.locator("main")).to_contain_text('["x", "y"]')


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_telephone_nothing_is_cut_off_and_cancel_stays_in_view(
    persons: Persons, server: Server, scheme: str
) -> None:
    person = persons(viewport={"width": 390, "height": 700}, color_scheme=scheme)
    execution_id = server.client.start("talks.yaml")
    paths = ["/", "/playbooks", "/playbooks/typed.yaml", f"/executions/{execution_id}"]
    page = person.page()
    for path in paths:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    expect(page.locator("#log")).to_contain_text("line 2999", timeout=DEADLINE_MS)
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    assert page.evaluate("window.scrollY") > 0
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_in_viewport(ratio=1)


def test_the_keyboard_is_enough(person: Person, server: Server) -> None:
    page = person.open(running(server, "steps.yaml"))
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Cancel":
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect_status(page, "cancelled")


def test_without_scripts_the_pages_work_by_reloading(persons: Persons) -> None:
    page = persons(java_script_enabled=False).page()
    page.goto("/playbooks/steps.yaml")
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/executions/*")
    # A page without a script comes again by itself every three seconds.
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect_status(page, "cancelled")
    assert record(page)["Outcome"].startswith("cooperative")


def test_a_page_sees_its_server_go_and_come_back(
    browser: Browser, library: Path, tmp_path: Path
) -> None:
    first = launch(tmp_path / "data", playbooks=(library,))
    person = Person(browser, first)
    second: Server | None = None
    try:
        page = person.open(running(first, "steps.yaml"))
        expect_status(page, "running")
        first.kill()
        expect(page.locator("#connection")).to_contain_text("does not answer", timeout=DEADLINE_MS)
        second = launch(tmp_path / "data", playbooks=(library,), port=first.port)
        expect_status(page, "interrupted")
        expect(page.locator("#connection")).to_be_hidden()
        assert person.complaints == []
    finally:
        person.context.close()
        for server in (first, second):
            if server is not None:
                server.clean_up()
