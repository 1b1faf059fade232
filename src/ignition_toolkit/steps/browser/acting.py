"""What hands do to a page: click, type, choose.

All wait until the first element of the selector is there and can be acted on. A cancel while they
wait means that nothing was done, and never will be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from ignition_toolkit.playbook.step_handler import Effect
from ignition_toolkit.steps.browser.base import BrowserStep, Strict
from ignition_toolkit.steps.browser.fields import (
    ELEMENT_MS,
    Selector,
    Text,
    Timeout,
    Typed,
)

if TYPE_CHECKING:
    from playwright.async_api import Page

#: Milliseconds between two keys of a text that is typed.
TYPING_DELAY_MS = 50.0


class Click(BrowserStep):
    """Clicks an element."""

    type = "browser.click"
    summary = "Click an element, once it is there and can be clicked"
    effect = Effect.WRITES
    leaves = "a click that was made before the cancel, with what the page did about it"

    class Params(Strict):
        """Which element."""

        selector: Selector
        timeout: Timeout = ELEMENT_MS
        force: bool = Field(False, description="click also what is covered or moves")

    async def act(self, page: Page, params: dict[str, Any]) -> dict[str, Any]:
        """Click the first element of the selector; outputs nothing.

        Raises BrowserError when it cannot be clicked in time. Cancellation: a click that was not
        made by then is never made; the page is closed.
        """
        await page.locator(params["selector"]).first.click(
            timeout=self.timeout_ms(params["timeout"]), force=params["force"]
        )
        return {}


class Fill(BrowserStep):
    """Fills a field."""

    type = "browser.fill"
    summary = "Replace what is in a field"
    effect = Effect.WRITES
    leaves = "a filled field"

    class Params(Strict):
        """Which field, and what to put in."""

        selector: Selector
        value: Typed = Field(description="what the field then holds; a secret is taken too")
        timeout: Timeout = ELEMENT_MS

    async def act(self, page: Page, params: dict[str, Any]) -> dict[str, Any]:
        """Fill the first field of the selector; outputs nothing.

        Raises BrowserError when it cannot be filled in time. Cancellation: as browser.click.
        """
        field = page.locator(params["selector"]).first
        await field.fill(
            await self.revealed(field, params["value"]), timeout=self.timeout_ms(params["timeout"])
        )
        return {}


class Keyboard(BrowserStep):
    """Presses a key."""

    type = "browser.keyboard"
    summary = "Press a key, or keys together, wherever the focus is"
    effect = Effect.WRITES
    leaves = "a key that was pressed before the cancel, with what the page did about it"

    class Params(Strict):
        """Which key."""

        key: str = Field(min_length=1, description="as `Enter`, `Tab`, `a` or `Control+Shift+T`")

    async def act(self, page: Page, params: dict[str, Any]) -> dict[str, Any]:
        """Press the key; outputs nothing. Cancellation: the page is closed, no key stays down."""
        await page.keyboard.press(params["key"])
        return {}


class PressSequentially(BrowserStep):
    """Types key by key."""

    type = "browser.press_sequentially"
    summary = "Type a text into a field key by key, for pages that listen to each"
    effect = Effect.WRITES
    leaves = "the part of the text that was typed by then"

    class Params(Strict):
        """Which field, and what to type."""

        selector: Selector
        value: Typed = Field(description="what is typed, after what is there; a secret is taken")
        delay: float = Field(
            TYPING_DELAY_MS, ge=0, le=10_000, description="milliseconds between two keys"
        )
        timeout: Timeout = ELEMENT_MS

    async def act(self, page: Page, params: dict[str, Any]) -> dict[str, Any]:
        """Type into the first field of the selector; outputs nothing.

        Raises BrowserError when the text is not typed in time. Cancellation: no key follows.
        """
        field = page.locator(params["selector"]).first
        await field.press_sequentially(
            await self.revealed(field, params["value"]),
            delay=params["delay"],
            timeout=self.timeout_ms(params["timeout"]),
        )
        return {}


class Select(BrowserStep):
    """Chooses in a list."""

    type = "browser.select"
    summary = "Choose an option of a list"
    effect = Effect.WRITES
    leaves = "a choice that was made before the cancel"

    class Params(Strict):
        """Which list, and one of three ways to name the option."""

        selector: Selector
        value: Text | None = Field(None, description="the option's value")
        label: Text | None = Field(None, description="the option's text")
        index: int | None = Field(None, ge=0, description="the option's place, from 0")
        timeout: Timeout = ELEMENT_MS

        @model_validator(mode="after")
        def one_way(self) -> Self:
            """Refuse none and several."""
            given = [
                name for name in ("value", "label", "index") if getattr(self, name) is not None
            ]
            if len(given) != 1:
                raise ValueError(
                    "expected exactly one of value, label and index,"
                    f" found {' and '.join(given) or 'none'}"
                )
            return self

    async def act(self, page: Page, params: dict[str, Any]) -> dict[str, Any]:
        """Choose in the first list of the selector; output `selected` lists the chosen values.

        Raises BrowserError when there is no such option in time. Cancellation: as browser.click.
        """
        selected = await page.locator(params["selector"]).first.select_option(
            value=params["value"],
            label=params["label"],
            index=params["index"],
            timeout=self.timeout_ms(params["timeout"]),
        )
        return {"selected": selected}


class Check(BrowserStep):
    """Ticks a box."""

    type = "browser.check"
    summary = "Tick a box or choose a radio button, or take the tick away"
    effect = Effect.WRITES
    leaves = "a tick that was made before the cancel"

    class Params(Strict):
        """Which box."""

        selector: Selector
        checked: bool = Field(True, description="false takes the tick away")
        timeout: Timeout = ELEMENT_MS

    async def act(self, page: Page, params: dict[str, Any]) -> dict[str, Any]:
        """Tick the first box of the selector, if it is not as wanted; outputs nothing.

        Raises BrowserError when it cannot be done in time. Cancellation: as browser.click.
        """
        await page.locator(params["selector"]).first.set_checked(
            params["checked"], timeout=self.timeout_ms(params["timeout"])
        )
        return {}
