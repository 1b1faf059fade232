"""Pictures of pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from ignition_toolkit.playbook.step_handler import Effect
from ignition_toolkit.steps.browser.base import BrowserStep, Strict

if TYPE_CHECKING:
    from playwright.async_api import Page

#: Milliseconds that a picture takes at most.
PICTURE_MS = 30_000.0


class Screenshot(BrowserStep):
    """Takes a picture."""

    type = "browser.screenshot"
    summary = "Keep a picture of the page with the execution"
    effect = Effect.READS

    class Params(Strict):
        """What of the page, and what the file is called."""

        name: str = Field(description="The file's name; `.png` is added.")
        full_page: bool = Field(False, description="The whole page, not only what is seen of it.")
        timeout: float = Field(PICTURE_MS, ge=0, description="Milliseconds.")

    async def act(self, page: Page, params: dict[str, Any]) -> dict[str, Any]:
        """Take a picture; output `path` is the file in the execution's folder."""
        path = self.artifact(params["name"], ".png")
        timeout = self.timeout_ms(params["timeout"])
        await page.screenshot(path=path, full_page=params["full_page"], timeout=timeout)
        return {"path": str(path)}
