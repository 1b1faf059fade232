"""Scripts of the playbook's author, run in the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from ignition_toolkit.playbook.step_handler import Effect
from ignition_toolkit.steps.browser.base import BrowserStep, Strict

if TYPE_CHECKING:
    from playwright.async_api import Page


class Evaluate(BrowserStep):
    """Runs a script in the page."""

    type = "browser.evaluate"
    summary = "Run a script in the page and keep what it gives"
    effect = Effect.WRITES
    leaves = "what the script did by then"

    class Params(Strict):
        """The script."""

        script: str = Field(
            min_length=1,
            description="JavaScript: an expression, or a function that is called with `argument`",
        )
        # Any: a JSON value of the author's choosing.
        argument: Any = Field(None, description="for the function")

    async def act(self, page: Page, params: dict[str, Any]) -> dict[str, Any]:
        """Run the script, and wait for its promise if it gives one; output `result` is its value.

        Raises BrowserError when it throws. Only the step's own timeout ends a script that does not
        end. Cancellation: the page is closed, an endless script killed with its browser.
        """
        return {"result": await page.evaluate(params["script"], params["argument"])}
