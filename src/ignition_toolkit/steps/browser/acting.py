"""What a hand does to a page: it clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from ignition_toolkit.playbook.step_handler import Effect
from ignition_toolkit.steps.browser.base import BrowserStep, Strict

if TYPE_CHECKING:
    from playwright.async_api import Page


class Click(BrowserStep):
    """Clicks an element."""

    type = "browser.click"
    summary = "Click an element, once it is there and can be clicked"
    effect = Effect.WRITES
    leaves = "a click that was made before the cancel, with what the page did about it"

    class Params(Strict):
        """Which element."""

        selector: str = Field(description="CSS, text= or XPath, as Playwright reads it.")
        timeout: float = Field(30_000, ge=0, description="Milliseconds; 0: as the step's timeout.")
        force: bool = Field(False, description="Click also what is covered or moves.")

    async def act(self, page: Page, params: dict[str, Any]) -> dict[str, Any]:
        """Click the first element of the selector; outputs nothing."""
        await page.locator(params["selector"]).first.click(
            timeout=self.timeout_ms(params["timeout"]), force=params["force"]
        )
        return {}
