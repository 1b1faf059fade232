"""Screencast: the newest picture of a page, a few times a second, while somebody watches.

The browser is asked for single pictures (`Page.startScreencast`, which begins with one): as many as
a page that repaints can give would cost several times the processor. What must not be seen, a field
that a secret was put into, cannot be covered in such a picture: while one is on the page, none
leaves this process.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ignition_toolkit.browser.foreign import translated
from ignition_toolkit.errors import BrowserError

if TYPE_CHECKING:
    from playwright.async_api import CDPSession, Locator, Page

    from ignition_toolkit.browser.live_view import LiveView

logger = logging.getLogger(__name__)

#: Seconds between two pictures that are sent.
INTERVAL_S = 0.25
#: Seconds that a picture has to come, and between two of a page that stands still.
LOOK_S = 0.5
STILL_S = 1.0
#: Seconds that it waits for watchers at a time, before it looks whether the page is still there.
WAIT_S = 60.0
#: Seconds after an error, such as one of a page that has crashed, before another try.
RETRY_S = 1.0
#: What the browser is asked for.
OPTIONS = {"format": "jpeg", "quality": 60, "maxWidth": 1024, "maxHeight": 768}


class Screencast:
    """Pictures of one page. `start` begins, `stop` ends; in between it waits for watchers.

    Args:
        page: of which the pictures are.
        view: takes them, and says whether somebody watches.
        secret_fields: gives the fields of the page that a secret was put into.
    """

    def __init__(
        self, page: Page, view: LiveView, secret_fields: Callable[[], Sequence[Locator]]
    ) -> None:
        self._page = page
        self._view = view
        self._hidden = _Hidden(secret_fields)
        self._came = asyncio.Event()
        # Any: the browser's own JSON.
        self._newest: dict[str, Any] | None = None
        #: The one that was sent last: the same is not sent twice.
        self._last = ""
        self._task: asyncio.Task[None] | None = None

    # Any: what a task returns plays no part.
    @property
    def tasks(self) -> set[asyncio.Task[Any]]:
        """The tasks that it needs while it is under way."""
        return {self._task} if self._task is not None and not self._task.done() else set()

    def start(self) -> None:
        """Wait for watchers from now on."""
        self._task = asyncio.create_task(self._run(), name="itk-live-view")

    def stop(self) -> None:
        """Send nothing more. Never waits: the page is closed next."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        while not self._page.is_closed():
            if not await self._view.wait_watched(WAIT_S):
                continue
            try:
                with translated():
                    await self._send_while_watched()
            except BrowserError as error:
                # The step that works on the page says what is wrong with it.
                logger.debug("no live view: %s", error, extra={"action": "live_view_failed"})
                self._forget_pictures()
                await self._wait_for_picture(RETRY_S)

    async def _send_while_watched(self) -> None:
        session = await self._page.context.new_cdp_session(self._page)
        session.on("Page.screencastFrame", self._on_picture)
        rest_s = INTERVAL_S
        while self._view.watched:
            before = self._last
            self._forget_pictures()
            await self._take_one(session)
            if self._newest is not None:
                await self._send_newest()
            # A page that stands still is looked at less and less often.
            rest_s = min(rest_s * 2, STILL_S) if self._last == before else INTERVAL_S
            await self._rest(rest_s)
        await session.detach()

    async def _take_one(self, session: CDPSession) -> None:
        """Have the browser take one picture: one that goes on costs three times as much."""
        await session.send("Page.startScreencast", OPTIONS)
        await self._wait_for_picture(LOOK_S)
        await session.send("Page.stopScreencast")
        self._came.clear()

    # Any: the browser's own JSON.
    def _on_picture(self, picture: dict[str, Any]) -> None:
        self._newest = picture
        self._came.set()

    def _forget_pictures(self) -> None:
        self._newest = None
        self._came.clear()

    async def _wait_for_picture(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._came.wait()
        except TimeoutError:
            return
        self._came.clear()

    async def _rest(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        # A picture that comes late does not cut the rest short.
        while (left := until - time.monotonic()) > 0:
            await self._wait_for_picture(left)

    async def _send_newest(self) -> None:
        picture = self._newest
        assert picture is not None
        taken_at = float(picture.get("metadata", {}).get("timestamp", 0.0))
        if await self._hidden.shows_nothing_of(taken_at) and picture["data"] != self._last:
            self._last = picture["data"]
            self._view.show(picture["data"])


class _Hidden:
    """Knows since when no field is on the page that a secret was put into."""

    def __init__(self, fields: Callable[[], Sequence[Locator]]) -> None:
        self._fields = fields
        #: How many fields there were at the last look.
        self._known = 0
        #: Second of the wall clock since which each look has found none of them on the page;
        #: infinite while one is there.
        self._clear_since = 0.0

    @property
    def now(self) -> bool:
        """Whether such a field was there at the last look."""
        return self._clear_since == float("inf")

    async def shows_nothing_of(self, taken_at: float) -> bool:
        """Say whether a picture of this second cannot show such a field.

        It cannot when none was on the page at the look before it was taken, and at this one, and
        no secret was put into another field in between
        (test_no_picture_of_a_page_with_a_secret_leaves_the_runner).
        """
        fields = list(self._fields())
        if len(fields) != self._known:
            self._clear_since = float("inf")
            self._known = len(fields)
        for field in fields:
            if await field.count():
                self._clear_since = float("inf")
                return False
        if len(self._fields()) != self._known:
            self._clear_since = float("inf")
            return False
        if self.now:
            self._clear_since = time.time()
            return False
        return not fields or taken_at > self._clear_since
