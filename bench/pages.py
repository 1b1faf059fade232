"""From a click on Cancel to *cancelled* on the page, with tabs beside it."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from bench.figures import load, summary, table
from tests.e2e.person import CHROMIUM, DEADLINE_MS, expect_status
from tests.e2e.server import Server, serving

PLAYBOOK = "tests/test_cancellation.yaml"

#: Puts the milliseconds of the page's clock at the click, and at the word, into `window`.
WATCH = """
document.addEventListener("click", () => { window.clickedAt = performance.now(); }, true);
const said = document.querySelector("#status");
new MutationObserver(() => {
  if (said.innerText === "cancelled") window.saidAt ??= performance.now();
}).observe(said, { childList: true, subtree: true, characterData: true });
"""


def all_of_it(folder: Path, times: int) -> str:
    """Take every figure of this module; return the table."""
    with sync_playwright() as playwright, serving(folder / "pages") as server:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--disable-gpu"])
        rows = [clicks(browser, server, tabs, times) for tabs in (1, 10)]
        browser.close()
    for row in rows:
        print(*row, sep="  ", flush=True)
    return f"Load {load():.1f}.\n\n" + table(["what", "median / p99 / maximum", "target"], rows)


def clicks(browser: Browser, server: Server, tabs: int, times: int) -> list[object]:
    """Cancel executions by clicks, with so many tabs open."""
    context = browser.new_context(base_url=server.url)
    for _ in range(tabs - 1):
        context.new_page().goto("/")
    page = context.new_page()
    seen = [click(page, server) for _ in range(times)]
    context.close()
    note = (
        f"click → *cancelled* on the page, {tabs} tab{'s' if tabs > 1 else ''}, {times} times, ms"
    )
    return [note, summary(seen), "500 at most"]


def click(page: Page, server: Server) -> float:
    """Return the milliseconds from one click to the word."""
    execution_id = server.client.start(PLAYBOOK)
    server.client.wait(execution_id, {"running"})
    page.goto(f"/executions/{execution_id}")
    page.evaluate(WATCH)
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect_status(page, "cancelled")
    expect(page.locator("#record tr").first).to_be_visible(timeout=DEADLINE_MS)
    return float(page.evaluate("window.saidAt - window.clickedAt"))
