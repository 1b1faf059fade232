"""A person at the pages: a browser context that remembers what a page did that it should not."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.e2e.server import Server

CHROMIUM = "/usr/bin/chromium"

#: Milliseconds; generous, as the machine may be busy.
DEADLINE_MS = 20_000

AXE = Path(__file__).parents[1] / "vendor" / "axe-core" / "axe.min.js"

#: What axe-core calls these is nothing that a person can live with.
GRAVE = ("serious", "critical")


class Person:
    """Opens pages of one server, in a context of one browser.

    Args:
        browser: shared by the persons of a module.
        server: whose pages.
        shots: folder for what a person saw.
        options: of the browser context.
    """

    def __init__(self, browser: Browser, server: Server, shots: Path, **options: object) -> None:
        self.server = server
        self.shots = shots
        self.context = browser.new_context(base_url=server.url, **options)  # type: ignore[arg-type]
        self.context.set_default_timeout(DEADLINE_MS)
        self.complaints: list[str] = []

    def page(self, path: str | None = None) -> Page:
        """Return a new tab, with a page of the server where one is named."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        page.on("console", lambda message: self._heard(message.text))
        page.on("request", lambda request: self._asked(request.url))
        if path is not None:
            page.goto(path)
        return page

    def open(self, execution_id: str) -> Page:
        """Return a new tab with an execution's page."""
        return self.page(f"/executions/{execution_id}")

    def shot(self, page: Page, name: str) -> None:
        """Keep what the page looks like, for a person who looks at the test run."""
        # Written here: the library would leave a thread behind.
        (self.shots / f"{name}.png").write_bytes(page.screenshot(full_page=True))

    def _heard(self, text: str) -> None:
        if "Content Security Policy" in text or "htmx:" in text:
            self.complaints.append(text)

    def _asked(self, url: str) -> None:
        if not url.startswith(self.server.url):
            self.complaints.append(f"a request elsewhere: {url}")


Persons = Callable[..., Person]


def running(server: Server, playbook: str, step: int = 0, **parameters: object) -> str:
    """Start a playbook; return the execution's id when its step of that index runs."""
    execution_id = server.client.start(playbook, **parameters)
    deadline = time.monotonic() + 30
    while server.client.execution(execution_id)["step_results"][step]["status"] == "pending":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return execution_id


def status(page: Page) -> str:
    """Return the status that an execution's page shows."""
    return page.locator("#status").inner_text()


def expect_status(page: Page, wanted: str) -> None:
    """Wait for a status on an execution's page."""
    expect(page.locator("#status")).to_have_text(wanted, timeout=DEADLINE_MS)


def cancel_button(page: Page) -> None:
    """Click Cancel."""
    page.get_by_role("button", name="Cancel", exact=True).click()


def record(page: Page) -> dict[str, str]:
    """Return the cancellation record as the page shows it."""
    expect(page.locator("#record tr").first).to_be_visible(timeout=DEADLINE_MS)
    rows = page.locator("#record tr").all()
    return {row.locator("th").inner_text(): row.locator("td").inner_text() for row in rows}


def grave_findings(page: Page, *rules: str) -> list[str]:
    """Return what axe-core finds wrong with a page, by all its rules or by some."""
    if not page.evaluate("typeof window.axe === 'object'"):
        page.evaluate(AXE.read_text("utf-8"))
    options = {"runOnly": list(rules)} if rules else {}
    found = page.evaluate("(options) => axe.run(document, options)", options)
    return [
        f"{finding['id']}: {[node['html'][:200] for node in finding['nodes']]}"
        for finding in found["violations"]
        if finding["impact"] in GRAVE
    ]
