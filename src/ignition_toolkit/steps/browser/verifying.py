"""Looks at a page: they are repeated until what is expected is seen, or the time is over."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from ignition_toolkit.browser.wording import seconds
from ignition_toolkit.errors import StepFailed
from ignition_toolkit.playbook.cancellation import cancellable_poll
from ignition_toolkit.playbook.step_handler import Effect
from ignition_toolkit.steps.browser.base import BrowserStep, Strict
from ignition_toolkit.steps.browser.fields import ELEMENT_MS, VERIFY_MS, Selector, Text, Timeout

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page

#: Seconds between two looks.
LOOK_AGAIN_S = 0.1
#: Characters of a found text that a message shows.
MAX_SHOWN = 300

#: An input's value when it is one, else the text that is seen.
_TEXT = """e => e instanceof HTMLInputElement || e instanceof HTMLTextAreaElement
    || e instanceof HTMLSelectElement ? e.value : e.innerText ?? e.textContent ?? ''"""

Match = Literal["exact", "contains", "regex"]


class _Verification(BrowserStep):
    """Base of the kinds that look again until they see what is expected."""

    effect = Effect.READS

    # Any: a step's parameters.
    async def until(
        self,
        params: dict[str, Any],
        look: Callable[[], Awaitable[str | None]],
        fits: Callable[[str | None], bool],
        expected: str,
    ) -> str | None:
        """Look until what is seen fits, and return it.

        Args:
            look: returns what is seen, None for no such element.

        Raises StepFailed that says what was expected and what was seen last.
        """
        seen: str | None = None

        async def looked() -> bool:
            nonlocal seen
            seen = await look()
            return fits(seen)

        timeout_s = self.timeout_ms(params["timeout"]) / 1000
        try:
            await cancellable_poll(looked, timeout_s, LOOK_AGAIN_S)
        except TimeoutError:
            found = "no such element" if seen is None else repr(seen[:MAX_SHOWN])
            raise StepFailed(
                f"{params['selector']}: expected {expected} within {seconds(timeout_s)} s,"
                f" seen last: {found}"
            ) from None
        return seen


class Verify(_Verification):
    """Verifies that an element is there."""

    type = "browser.verify"
    summary = "Verify that an element is there, or is not"

    class Params(Strict):
        """Which element."""

        selector: Selector
        exists: bool = Field(True, description="false: that there is none")
        timeout: Timeout = VERIFY_MS

    async def act(self, page: Page, params: dict[str, Any]) -> dict[str, Any]:
        """Look until it is so; output `exists`.

        Raises StepFailed when it is not so in time. Cancellation: the page is closed.
        """
        elements = page.locator(params["selector"])

        async def look() -> str | None:
            count = await elements.count()
            return f"{count} element(s)" if count else None

        expected = "an element" if params["exists"] else "no element"
        await self.until(
            params, look, lambda seen: (seen is not None) is params["exists"], expected
        )
        return {"exists": params["exists"]}


class VerifyText(_Verification):
    """Verifies a text."""

    type = "browser.verify_text"
    summary = "Verify the text of an element, or the value of a field"

    class Params(Strict):
        """Which element, and its text."""

        selector: Selector
        text: Text = Field(description="what is expected")
        match: Match = Field(
            "exact", description="exact: the whole, blanks around it aside; regex: found anywhere"
        )
        timeout: Timeout = VERIFY_MS

    async def act(self, page: Page, params: dict[str, Any]) -> dict[str, Any]:
        """Look until the first element of the selector has the text; output `text` is its text.

        Raises StepFailed with what was seen last. Cancellation: the page is closed.
        """
        fits = _matcher(params["text"], params["match"])
        elements = page.locator(params["selector"])
        seen = await self.until(
            params,
            lambda: _of_first(elements, _TEXT),
            fits,
            f"text {params['text']!r} ({params['match']})",
        )
        return {"text": seen}


class VerifyAttribute(_Verification):
    """Verifies an attribute."""

    type = "browser.verify_attribute"
    summary = "Verify an attribute of an element"

    class Params(Strict):
        """Which element, which attribute, and its value."""

        selector: Selector
        attribute: str = Field(min_length=1, description="the attribute's name")
        value: Text = Field(description="what is expected, the whole of it")
        timeout: Timeout = VERIFY_MS

    async def act(self, page: Page, params: dict[str, Any]) -> dict[str, Any]:
        """Look until the attribute of the first element has the value; output `value`.

        Raises StepFailed with what was seen last. Cancellation: the page is closed.
        """
        name, value = params["attribute"], params["value"]
        elements = page.locator(params["selector"])
        script = "(e, name) => e.getAttribute(name) ?? '(no such attribute)'"
        await self.until(
            params,
            lambda: _of_first(elements, script, name),
            lambda seen: seen == value,
            f"{name}={value!r}",
        )
        return {"value": value}


class VerifyState(_Verification):
    """Verifies a state."""

    type = "browser.verify_state"
    summary = "Verify that an element is visible, hidden, enabled or disabled"

    class Params(Strict):
        """Which element, and its state."""

        selector: Selector
        state: Literal["visible", "hidden", "enabled", "disabled"] = Field(
            description="what is expected; an element that is not there is hidden"
        )
        timeout: Timeout = VERIFY_MS

    async def act(self, page: Page, params: dict[str, Any]) -> dict[str, Any]:
        """Look until the first element of the selector is so; output `state`.

        Raises StepFailed with what was seen last. Cancellation: the page is closed.
        """
        wanted = params["state"]
        elements = page.locator(params["selector"])

        async def look() -> str | None:
            if wanted in ("visible", "hidden"):
                return "visible" if await elements.first.is_visible() else "hidden"
            return await _of_first(elements, "e => e.disabled ? 'disabled' : 'enabled'")

        await self.until(params, look, lambda seen: seen == wanted, f"an element that is {wanted}")
        return {"state": wanted}


class GetText(BrowserStep):
    """Reads a text."""

    type = "browser.get_text"
    summary = "Read the text of an element, or the value of a field"
    effect = Effect.READS

    class Params(Strict):
        """Which element."""

        selector: Selector
        timeout: Timeout = ELEMENT_MS

    async def act(self, page: Page, params: dict[str, Any]) -> dict[str, Any]:
        """Read the first element of the selector, once it is there; output `text`.

        Raises BrowserError when it does not come in time. Cancellation: the page is closed.
        """
        first = page.locator(params["selector"]).first
        timeout = self.timeout_ms(params["timeout"])
        return {"text": str(await first.evaluate(_TEXT, timeout=timeout))}


async def _of_first(elements: Locator, script: str, argument: object = None) -> str | None:
    """Return what a script gives for the first element, None when there is none. Waits for none."""
    found = await elements.evaluate_all(
        f"(all, argument) => all.length ? String(({script})(all[0], argument)) : null", argument
    )
    return None if found is None else str(found)


def _matcher(text: str, match: Match) -> Callable[[str | None], bool]:
    if match == "regex":
        try:
            pattern = re.compile(text)
        except re.error as error:
            raise StepFailed(
                f"text: expected a regular expression, found {text!r}: {error}"
            ) from error
        return lambda seen: seen is not None and pattern.search(seen) is not None
    if match == "contains":
        return lambda seen: seen is not None and text in seen
    return lambda seen: seen is not None and seen.strip() == text.strip()
