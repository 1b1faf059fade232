"""Going to pages, and waiting for what is on them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from ignition_toolkit.browser.foreign import shown_address
from ignition_toolkit.playbook.step_handler import Effect
from ignition_toolkit.steps.browser.base import BrowserStep, Strict
from ignition_toolkit.steps.browser.fields import ELEMENT_MS, Selector, Timeout

if TYPE_CHECKING:
    from playwright.async_api import Page, Response

#: Seconds that a page which came too late has to stop loading.
STOP_LOADING_S = 0.5


class Navigate(BrowserStep):
    """Opens an address."""

    type = "browser.navigate"
    summary = "Open an address in the browser and wait until its page has loaded"
    effect = Effect.WRITES
    leaves = "a request that was sent before the cancel, with what it does on the server"
    opens_page = True

    class Params(Strict):
        """Where to, and until when."""

        url: str = Field(min_length=1, description="the address")
        wait_until: Literal["load", "domcontentloaded", "networkidle"] = Field(
            "load", description="what the page must have reached"
        )
        timeout: Timeout = ELEMENT_MS
        wait_for: str | None = Field(
            None, description="older spelling: a selector to wait for after the navigation"
        )

    async def act(self, page: Page, params: dict[str, Any]) -> dict[str, Any]:
        """Open the address; outputs `url`, `title` and `status`, null where nothing was asked.

        `url` has `...` for a query, and no fragment, as both may hold a token.

        The first one of an execution starts its browser. Raises BrowserMissing, and BrowserError
        when the page does not come in time; an error page of a server is no failure: look at
        `status`. Cancellation: the page is closed and nothing of it acts any more.
        """
        answer = await self._go(page, params)
        if params["wait_for"]:
            await page.locator(params["wait_for"]).first.wait_for(
                timeout=self.timeout_ms(params["timeout"])
            )
        status = answer.status if answer is not None else None
        url = shown_address(page.url)
        return {"url": url, "title": await page.title(), "status": status}

    # Any: the step's parameters.
    async def _go(self, page: Page, params: dict[str, Any]) -> Response | None:
        from playwright.async_api import Error as PlaywrightError
        from playwright.async_api import TimeoutError as TooSlow

        timeout = self.timeout_ms(params["timeout"])
        try:
            return await page.goto(params["url"], wait_until=params["wait_until"], timeout=timeout)
        except TooSlow:
            # The page is still coming, and would hold up or surprise the steps that follow. Where
            # it changes at this moment it cannot be told; that it was too slow is what counts.
            with contextlib.suppress(TimeoutError, PlaywrightError):
                async with asyncio.timeout(min(STOP_LOADING_S, self.context.remaining() / 2)):
                    devtools = await page.context.new_cdp_session(page)
                    await devtools.send("Page.stopLoading")
                    await devtools.detach()
            raise


class Wait(BrowserStep):
    """Waits for an element."""

    type = "browser.wait"
    summary = "Wait until an element is visible"
    effect = Effect.READS

    class Params(Strict):
        """For which element, and how long."""

        selector: Selector
        timeout: Timeout = ELEMENT_MS

    async def act(self, page: Page, params: dict[str, Any]) -> dict[str, Any]:
        """Wait for the first element of the selector; outputs nothing.

        Raises BrowserError when it is not visible in time. Cancellation: the page is closed.
        """
        timeout = self.timeout_ms(params["timeout"])
        await page.locator(params["selector"]).first.wait_for(timeout=timeout)
        return {}
