"""Going to pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from ignition_toolkit.playbook.step_handler import Effect
from ignition_toolkit.steps.browser.base import BrowserStep, Strict

if TYPE_CHECKING:
    from playwright.async_api import Page


class Navigate(BrowserStep):
    """Opens an address."""

    type = "browser.navigate"
    summary = "Open an address in the browser and wait until its page has loaded"
    effect = Effect.WRITES
    leaves = "a request that was sent before the cancel, with what it does on the server"
    opens_page = True

    class Params(Strict):
        """Where to, and until when."""

        url: str = Field(description="The address.")
        wait_until: Literal["load", "domcontentloaded", "networkidle"] = Field(
            "load", description="What the page must have reached; see Playwright's load states."
        )
        timeout: float = Field(30_000, ge=0, description="Milliseconds; 0: as the step's timeout.")
        wait_for: str | None = Field(
            None, description="Older spelling: a selector to wait for after the navigation."
        )

    async def act(self, page: Page, params: dict[str, Any]) -> dict[str, Any]:
        """Navigate; outputs `url`, `title` and `status`, null for a page without a request."""
        answer = await page.goto(
            params["url"],
            wait_until=params["wait_until"],
            timeout=self.timeout_ms(params["timeout"]),
        )
        if params["wait_for"]:
            timeout = self.timeout_ms(params["timeout"])
            await page.wait_for_selector(params["wait_for"], timeout=timeout)
        status = answer.status if answer is not None else None
        return {"url": page.url, "title": await page.title(), "status": status}
