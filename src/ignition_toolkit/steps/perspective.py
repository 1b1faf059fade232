"""Step kinds for Perspective sessions in the execution's browser."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import Field

from ignition_toolkit.browser import perspective
from ignition_toolkit.browser.foreign import shown_address
from ignition_toolkit.browser.perspective import Time
from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.errors import StepFailed
from ignition_toolkit.playbook.cancellation import cancellable_poll
from ignition_toolkit.playbook.step_handler import Effect
from ignition_toolkit.steps.browser.base import BrowserStep, Strict

if TYPE_CHECKING:
    from playwright.async_api import Page

#: Seconds between two looks.
LOOK_AGAIN_S = 0.1
#: Overlays that a message names.
MOST_NAMED = 10

_MS = "Milliseconds; 0: as the step's timeout."


def _with_scheme(address: str, scheme: str) -> str:
    return address if "://" in address else f"{scheme}://{address}"


class PerspectiveStep(BrowserStep):
    """Base of the family."""

    def time(self, params: dict[str, Any]) -> Time:  # Any: a step's parameters
        """Return the time that the step has."""
        return Time(self.timeout_ms(params["timeout"]))

    def gateway_url(self) -> str:
        """Return the address of the playbook's gateway. Raises StepFailed, NotFound."""
        entry = self.context.gateway()
        if entry is None:
            raise StepFailed(
                "no gateway is named: give the playbook a parameter `gateway` or `gateway_url`,"
                " or the step a `url`"
            )
        parts = urlsplit(_with_scheme(entry.url, "http"))
        return f"{parts.scheme}://{parts.netloc}"

    async def until(
        self, look: Callable[[], Awaitable[str]], expected: str, milliseconds: float
    ) -> None:
        """Look until nothing is wrong any more.

        Args:
            look: returns what is wrong, empty for nothing.

        Raises StepFailed with what was expected and what was wrong last.
        """
        wrong = ""

        async def looked() -> bool:
            nonlocal wrong
            wrong = await look()
            return not wrong

        try:
            await cancellable_poll(looked, self.timeout_ms(milliseconds) / 1000, LOOK_AGAIN_S)
        except TimeoutError:
            raise StepFailed(f"expected {expected}, found {wrong or 'no answer'}") from None


class Login(PerspectiveStep):
    """Logs in."""

    type = "perspective.login"
    summary = "Log in at the gateway's own log-in pages"
    effect = Effect.WRITES
    leaves = "perhaps a session at the gateway, which expires there"
    opens_page = True

    class Params(Strict):
        """Who, and where."""

        username: str | None = Field(None, description="Name of a person, with password.")
        password: Secret | None = Field(None, description="Of that person.")
        # Any: the fields of a credential, as a reference gives them.
        credential: str | dict[str, Any] | None = Field(
            None, description="A stored credential: its name, or {{ credential.NAME }}."
        )
        url: str | None = Field(
            None,
            description="Opened first; else the page that is open is to ask for the log-in, and"
            " where none is, the gateway's own is opened.",
        )
        hosts: list[str] = Field(
            [],
            description="Other hosts that may be given the password, such as an identity provider:"
            " `login.example.com`, by TLS only unless it begins with `http://`.",
        )
        timeout: float = Field(30_000, ge=0, description=_MS)

    async def act(self, page: Page, params: dict[str, Any]) -> dict[str, Any]:
        """Log in, and wait until the log-in leads away; output `url` is where to.

        Nothing is typed at a host that is neither the gateway's, nor that of the step's `url`, nor
        one of `hosts`. Raises StepFailed there, and for parameters that fit nobody; BrowserError
        when the page asks for no log-in, or refuses. Cancellation: the page is closed.
        """
        username, password = self._person(params)
        left = self.time(params)
        url = params["url"]
        if url is None and page.url == "about:blank":
            url = f"{self.gateway_url()}/data/app/login"
        if url is not None:
            await page.goto(url, timeout=left.left_ms)
        places = self._places(url, params["hosts"])
        await perspective.log_in(
            page, username, lambda field: self.revealed(field, password), places, left
        )
        return {"url": shown_address(page.url)}

    def _places(self, url: str | None, hosts: list[str]) -> list[str]:
        """Return the addresses whose hosts may be given the password."""
        entry = self.context.gateway()
        own = [] if entry is None else [_with_scheme(one, "http") for one in entry.urls]
        named = [] if url is None else [url]
        return [*own, *named, *(_with_scheme(host, "https") for host in hosts)]

    def _person(self, params: dict[str, Any]) -> tuple[str, Secret]:  # Any: texts and Secrets
        credential = params["credential"]
        given = params if credential is None else credential
        if isinstance(credential, str):
            given = self.context.credential(credential)
        username, password = given.get("username"), given.get("password")
        if not username or not password:
            raise StepFailed("expected username and password, or a stored credential that has both")
        return str(username), password if isinstance(password, Secret) else Secret(str(password))


class Open(PerspectiveStep):
    """Opens a page of a project."""

    type = "perspective.open"
    summary = "Open a page of a Perspective project and wait until it is ready"
    effect = Effect.WRITES
    leaves = "perhaps a session at the gateway, which ends there by itself"
    opens_page = True

    class Params(Strict):
        """Which page."""

        project: str = Field(min_length=1, description="The project's name.")
        page: str = Field("", description="Path of the page; empty for the project's first.")
        selector: str = Field(
            perspective.READY,
            description="What is seen when it is ready; give one where there is no app bar.",
        )
        timeout: float = Field(30_000, ge=0, description=_MS)

    async def act(self, page: Page, params: dict[str, Any]) -> dict[str, Any]:
        """Open the page of the playbook's gateway; outputs `url` and `title`.

        Raises StepFailed when no gateway is named, BrowserError at a terminal page such as
        *Project Not Found*, where a log-in is asked for, and when it is not ready in time.
        Cancellation: the page is closed.
        """
        left = self.time(params)
        url = perspective.client_url(self.gateway_url(), params["project"], params["page"])
        await page.goto(url, timeout=left.left_ms)
        await perspective.wait_until_ready(page, params["selector"], left)
        return {"url": shown_address(page.url), "title": await page.title()}


class DiscoverPage(PerspectiveStep):
    """Lists components."""

    type = "perspective.discover_page"
    summary = "List the components of the page"
    effect = Effect.READS

    class Params(Strict):
        """Which components."""

        selector: str = Field("body", description="Where to look: this element, and below it.")
        types: list[str] = Field(
            [], description="As `ia.input.button`, or their last parts as `button`; empty for all."
        )
        exclude_selectors: list[str] = Field(
            [], description="What is left out, with all that is below it; CSS."
        )
        timeout: float = Field(30_000, ge=0, description=_MS)

    async def act(self, page: Page, params: dict[str, Any]) -> dict[str, Any]:
        """List; `count` is how many, `components` has `type`, `path`, `id`, `label` of 2000.

        A path changes when the view is edited, an id does not. Raises BrowserError at a terminal
        page. Cancellation: the page is closed.
        """
        await perspective.refuse_terminal(page)
        types, excluded = params["types"], params["exclude_selectors"]
        left = self.time(params)
        return await perspective.components(page, params["selector"], types, excluded, left)


class VerifyNavigation(PerspectiveStep):
    """Verifies which page is open."""

    type = "perspective.verify_navigation"
    summary = "Verify that a page of a project is the one that is open"
    effect = Effect.READS

    class Params(Strict):
        """Which page."""

        page: str = Field(description="Path of the page; empty for the project's first.")
        timeout: float = Field(5_000, ge=0, description=_MS)

    async def act(self, page: Page, params: dict[str, Any]) -> dict[str, Any]:
        """Look until the address is the page's; output `url`.

        Raises StepFailed with the page that is open, BrowserError at a terminal page.
        Cancellation: the page is closed.
        """
        wanted = params["page"].strip("/")

        async def look() -> str:
            await perspective.refuse_terminal(page)
            parts = unquote(urlsplit(page.url).path).split("/")
            if parts[1:4] != ["data", "perspective", "client"]:
                return f"{shown_address(page.url)}, which is no page of a project"
            found = "/".join(parts[5:])
            return "" if found == wanted else f"page {found!r}"

        await self.until(look, f"page {wanted!r}", params["timeout"])
        return {"url": shown_address(page.url)}


class VerifyDockOpened(PerspectiveStep):
    """Verifies a dock."""

    type = "perspective.verify_dock_opened"
    summary = "Verify that a dock is open, or is closed"
    effect = Effect.READS

    class Params(Strict):
        """Which dock."""

        dock_id: str = Field(min_length=1, description="The dock's id, as the project has it.")
        side: Literal["top", "bottom", "left", "right"] | None = Field(
            None, description="Where it is to be; null: anywhere."
        )
        opened: bool = Field(True, description="false: that it is closed.")
        timeout: float = Field(5_000, ge=0, description=_MS)

    async def act(self, page: Page, params: dict[str, Any]) -> dict[str, Any]:
        """Look until it is so, as a dock takes a while to move; output `opened`.

        Raises StepFailed with the docks that are open. Cancellation: the page is closed.
        """
        side = params["side"]
        view = f"div.docked-view-{side}" if side else "div[class*='docked-view-']"
        docks = page.locator(f"{view} > div[data-dock-id]").filter(visible=True)
        word = "open" if params["opened"] else "closed"

        async def look() -> str:
            found = await docks.evaluate_all("all => all.map(e => e.dataset.dockId)")
            if (params["dock_id"] in found) is params["opened"]:
                return ""
            return f"open docks {found}"

        expected = f"dock {params['dock_id']!r} to be {word}"
        await self.until(look, expected, params["timeout"])
        return {"opened": params["opened"]}


class VerifyNoQualityOverlays(PerspectiveStep):
    """Verifies the quality of what is shown."""

    type = "perspective.verify_no_quality_overlays"
    summary = "Verify that no component shows that its value is bad"
    effect = Effect.READS

    class Params(Strict):
        """Where to look, and for what."""

        selector: str = Field("body", description="Where to look: below this element.")
        kinds: list[Literal["error", "unknown", "pending"]] = Field(
            ["error", "unknown", "pending"], description="Overlays that there must be none of."
        )
        timeout: float = Field(5_000, ge=0, description=_MS)

    async def act(self, page: Page, params: dict[str, Any]) -> dict[str, Any]:
        """Look until there is none; outputs nothing.

        Raises StepFailed with the overlays and the paths of their components, BrowserError at a
        terminal page. Cancellation: the page is closed.
        """

        async def look() -> str:
            await perspective.refuse_terminal(page)
            found = await perspective.overlays(page, params["selector"], params["kinds"])
            more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
            return ", ".join(found[:MOST_NAMED]) + more

        await self.until(look, "no quality overlay", params["timeout"])
        return {}
