"""What is known of Perspective's pages and of the log-in: where a page stands, what is on it.

Source: gateway-api section 4. Importing this module imports no library.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from ignition_toolkit.browser.foreign import shown_address
from ignition_toolkit.errors import BrowserError, StepFailed

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page

#: One of them is seen when a page is ready; only where the project has an app bar.
READY = "div.app-bar, div.bar-reveal"
TERMINAL = "div.terminal-state-page"
USER, PASSWORD, SUBMIT = "input.username-field", "input.password-field", "div.submit-button"
#: Asks to go on to the log-in.
MUST_LOG_IN = "div.panel-header p.panel-description:has-text('You must log in to continue.')"
LOGIN = f"{USER}, {MUST_LOG_IN}"

#: Components that are told of at most.
MOST_COMPONENTS = 2000
#: Quality overlays by what they say.
OVERLAYS = {"error": "div.cqfo-error", "unknown": "div.cqfo-unknown", "pending": "div.cqfo-pending"}

_COMPONENTS = """(root, {types, excluded, most}) => {
    const wanted = type => !types.length || types.some(t => t === type || type.endsWith('.' + t));
    const out = e => excluded.some(selector => e.closest(selector));
    const all = [root, ...root.querySelectorAll('[data-component]')]
        .filter(e => e.dataset && e.dataset.component && wanted(e.dataset.component) && !out(e));
    return {count: all.length, components: all.slice(0, most).map(e => ({
        type: e.dataset.component,
        path: e.dataset.componentPath ?? null,
        id: e.id || null,
        label: e.dataset.label ?? null,
    }))};
}"""

#: Once the password is sent: gone from the log-in, or what it says; null while neither is so.
_OUTCOME = """user => {
    if (!location.pathname.includes('/authn/')) return {passed: true, said: ''};
    const seen = e => e && e.getClientRects().length > 0;
    const alert = [...document.querySelectorAll('[role=alert]')].find(seen);
    if (!alert && !seen(document.querySelector(user))) return null;
    return {passed: false, said: alert ? alert.innerText : ''};
}"""


class Time:
    """What is left of a number of milliseconds, for calls that follow each other."""

    def __init__(self, milliseconds: float) -> None:
        self._until = time.monotonic() + milliseconds / 1000

    @property
    def left_ms(self) -> float:
        """Milliseconds that are left, 1 or more: 0 would be no limit."""
        return max(1.0, (self._until - time.monotonic()) * 1000)


def client_url(gateway: str, project: str, page: str) -> str:
    """Return the address of a page of a project at a gateway's address."""
    path = "/".join(quote(part, safe="") for part in page.strip("/").split("/"))
    return f"{gateway}/data/perspective/client/{quote(project, safe='')}" + (path and f"/{path}")


async def wait_until_ready(page: Page, selector: str, left: Time) -> None:
    """Wait until a page is ready.

    Args:
        selector: of what is seen then.

    Raises BrowserError at a terminal page, where a log-in is asked for, and when it does not
    become ready in time. Cancellation: at once.
    """
    either = page.locator(f"{selector}, {TERMINAL}, {LOGIN}").filter(visible=True).first
    await either.wait_for(timeout=left.left_ms)
    await refuse_terminal(page)
    if await page.locator(LOGIN).filter(visible=True).count():
        raise BrowserError(
            f"{shown_address(page.url)} asks for a log-in: expected the page of a project; put a"
            " perspective.login step before this one"
        )


async def refuse_terminal(page: Page) -> None:
    """Raise BrowserError with its header when the page is a terminal one."""
    if not await page.locator(TERMINAL).count():
        return
    texts = await page.locator(f"{TERMINAL} h1, {TERMINAL} p").all_inner_texts()
    at, said = shown_address(page.url), ": ".join(texts[:2])
    raise BrowserError(f"the session has ended at {at}: {said}")


async def log_in(
    page: Page,
    username: str,
    revealed: Callable[[Locator], Awaitable[str]],
    places: Collection[str],
    left: Time,
) -> None:
    """Log in where the page asks for it, and wait until it leads away.

    Args:
        revealed: gives the password for a field, which no picture and no trace shows from then on.
        places: addresses at whose hosts the name and the password may be typed.

    Raises StepFailed at any other host, where nothing is typed; BrowserError when the page asks
    for no log-in in time, or refuses. Cancellation: at once.
    """
    await page.locator(LOGIN).filter(visible=True).first.wait_for(timeout=left.left_ms)
    if not await page.locator(USER).count():
        await page.locator(SUBMIT).first.click(timeout=left.left_ms)
    await _type_at(page.locator(USER).first, username, places, left)
    await page.locator(SUBMIT).first.click(timeout=left.left_ms)
    field = page.locator(PASSWORD).first
    await _type_at(field, await revealed(field), places, left)
    await page.locator(SUBMIT).first.click(timeout=left.left_ms)
    handle = await page.wait_for_function(_OUTCOME, arg=USER, timeout=left.left_ms)
    outcome = await handle.json_value()
    if not outcome["passed"]:
        raise BrowserError(f"{shown_address(page.url)} did not take the log-in: {outcome['said']}")
    await page.wait_for_load_state("load", timeout=left.left_ms)


async def _type_at(field: Locator, text: str, places: Collection[str], left: Time) -> None:
    # The element, not the locator, which would find the same field of the page that comes next.
    element = await field.element_handle(timeout=left.left_ms)
    url = str(await element.evaluate("e => e.ownerDocument.location.href"))
    if not is_at(url, places):
        named = ", ".join(sorted({shown_address(place) for place in places})) or "none"
        raise StepFailed(
            f"the log-in is asked for at {shown_address(url)}, where no password is typed: expected"
            f" a page at one of {named}; if it is your identity provider, name it in the step's"
            " `hosts`"
        )
    await element.fill(text, timeout=left.left_ms)


def is_at(url: str, places: Collection[str]) -> bool:
    """Whether a page is at the host of one of these addresses, and by TLS where that one is."""
    page = urlsplit(url)
    for place in map(urlsplit, places):
        safe = page.scheme == "https" or (page.scheme == "http" and place.scheme == "http")
        if safe and page.hostname and page.hostname == place.hostname:
            return True
    return False


# Any: JSON values.
async def components(
    page: Page, selector: str, types: list[str], excluded: list[str], left: Time
) -> dict[str, Any]:
    """Return how many components are below an element, and the first MOST_COMPONENTS.

    Args:
        types: ids, or their last parts; empty for all.
        excluded: selectors of what is left out with all below it.
    """
    given = {"types": types, "excluded": excluded, "most": MOST_COMPONENTS}
    first = page.locator(selector).first
    found: dict[str, Any] = await first.evaluate(_COMPONENTS, given, timeout=left.left_ms)
    return found


async def overlays(page: Page, selector: str, kinds: list[str]) -> list[str]:
    """Return the quality overlays below an element, as `error at C$0:0:1`."""
    script = "all => all.map(e => e.closest('[data-component]')?.dataset.componentPath ?? '?')"
    found = []
    for kind in kinds:
        below = page.locator(selector).first.locator(OVERLAYS[kind])
        found += [f"{kind} at {path}" for path in await below.evaluate_all(script)]
    return found
