"""BrowserManager: the one browser of an execution, and the barrier behind a stopped step.

A step kind of any family gets the page through `steps.browser.base.BrowserStep`, or by hand:

    manager = await self.context.use(BrowserManager)
    async with manager.turn(self.context) as page:
        await page.click("#start", timeout=manager.timeout_ms(self.context, 30_000))

Importing this module imports no library.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from ignition_toolkit.browser.evidence import PageErrors, keep_evidence
from ignition_toolkit.browser.foreign import translated
from ignition_toolkit.browser.screencast import Screencast
from ignition_toolkit.browser.trace import Trace, TraceWish, keep_last_trace, keep_trace
from ignition_toolkit.errors import BrowserError, StepFailed
from ignition_toolkit.playbook.models import TraceWhen

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Locator, Page

    from ignition_toolkit.browser.driver import BrowserProcess
    from ignition_toolkit.browser.live_view import LiveView
    from ignition_toolkit.playbook.step_handler import StepContext

logger = logging.getLogger(__name__)

#: Setting: `1` kills the browser of a stopped step without closing its page first.
STRICT_VARIABLE = "ITK_STRICT_CANCEL"
#: Seconds that the context of a stopped step has to close before the browser is killed.
CLOSE_S = 0.15
#: Seconds that a killed browser has to be gone; the rest is the sweep's.
KILLED_S = 0.05
#: Seconds before a step's own timeout at which Playwright gives up, so that a slow page is a plain
#: failure which keeps its browser; of short timeouts a quarter.
HEAD_START_S = 1.0


class BrowserManager:
    """The execution's browser with one context and its page, started on first use.

    After a stop in the middle of a step nothing of the page is used again: its context is closed,
    or the whole browser killed, before the stop is told as done.

    Args:
        view: takes pictures of the page for people who watch; None where nobody can.
        traces: what is wanted of traces; by itself none is recorded.
    """

    def __init__(self, view: LiveView | None = None, traces: TraceWish | None = None) -> None:
        self._view = view
        self._traces = traces or TraceWish()
        self._trace: Trace | None = None
        self._screencast: Screencast | None = None
        self._process: BrowserProcess | None = None
        self._context: BrowserContext | None = None
        self._page: Page | None = None
        self._errors: PageErrors | None = None
        #: Fields of the page that a secret was put into: pictures do not show them.
        self.secret_fields: list[Locator] = []
        #: Whether the context takes certificates that nobody has signed.
        self._insecure = False
        #: Step whose stop has closed the page; None when none has.
        self._lost_by: str | None = None

    @asynccontextmanager
    async def turn(self, context: StepContext, *, opens: bool = False) -> AsyncIterator[Page]:
        """Give a step the page for as long as the block lasts.

        Args:
            context: of the step.
            opens: whether the step opens a page itself, as a navigation does; else there must be
                one.

        Raises StepFailed when no page is open, BrowserMissing, and BrowserError for what
        Playwright raises in the block. After an error of a step a picture of the page is kept.

        Cancellation: the page's context is closed within CLOSE_S, else the browser is killed;
        then the cancel propagates, and nothing of the page acts any more.
        """
        page = await self._page_for(context, opens)
        try:
            await self._record(context)
            try:
                with translated():
                    yield page
            except (BrowserError, StepFailed):
                if self._errors is not None and not page.is_closed():
                    await keep_evidence(context, page, self._errors, self.secret_fields)
                if self._trace is not None:
                    await keep_trace(context, self._trace)
                raise
        except asyncio.CancelledError:
            await self._barrier(context.step_id)
            raise

    async def hide(self, field: Locator) -> None:
        """Show a field in no picture and in no trace: a secret is put into it next.

        Cancellation: at once.
        """
        self.secret_fields.append(field)
        if self._trace is not None:
            await self._trace.pause()

    def timeout_ms(self, context: StepContext, wanted_ms: float) -> float:
        """Return the smaller of a parameter and what is left of the step's timeout.

        Args:
            wanted_ms: milliseconds; 0 stands for as long as the step may.
        """
        left = context.remaining()
        left_ms = max(1.0, (left - min(HEAD_START_S, left / 4)) * 1000) if left < 1e9 else 1e9
        return min(wanted_ms or left_ms, left_ms)

    def long_lived_processes(self) -> set[int]:
        """Return the runner's children that a live browser needs."""
        if self._process is None or not self._process.alive:
            return set()
        return self._process.processes()

    # Any: what a task returns plays no part.
    def long_lived_tasks(self) -> set[asyncio.Task[Any]]:
        """Return the tasks that a live browser needs."""
        if self._process is None or not self._process.alive:
            return set()
        from ignition_toolkit.browser.driver import lasting_tasks

        return lasting_tasks() | (self._screencast.tasks if self._screencast else set())

    async def aclose(self) -> None:
        """Close the browser; after a stop, when it shows no page, kill it. Cancellation: kills."""
        process, self._process = self._process, None
        context, self._context, self._page = self._context, None, None
        trace, self._trace = self._trace, None
        self._stop_screencast()
        if process is None:
            return
        if context is None:
            process.kill()
            return
        try:
            if trace is not None and self._traces.when is TraceWhen.ALWAYS:
                await keep_last_trace(trace, self._traces)
        except BaseException:
            process.kill()
            raise
        await process.close()

    async def _page_for(self, context: StepContext, opens: bool) -> Page:
        if self._process is not None and not self._process.alive:
            self._drop("the browser had ended by itself")
        page = self._page
        if page is not None and page.is_closed():
            page = None
        if not opens:
            if page is None:
                raise StepFailed(self._why_no_page())
            return page
        entry = context.gateway()
        insecure = entry is not None and entry.tls == "insecure"
        if page is not None and insecure is self._insecure:
            return page
        try:
            return await self._new_page(context, insecure)
        except asyncio.CancelledError:
            await self._barrier(context.step_id)
            raise

    def _why_no_page(self) -> str:
        if self._lost_by is not None:
            return (
                f"the page that this step needs is gone: {self._lost_by}; expected a step that"
                " opens a page before this one, such as browser.navigate"
            )
        return (
            "no page is open: expected a step before this one that opens a page, such as"
            " browser.navigate (the pages of before are lost when a runner had to be replaced)"
        )

    async def _new_page(self, context: StepContext, insecure: bool) -> Page:
        if self._process is None:
            from ignition_toolkit.browser.driver import BrowserProcess

            self._process = await BrowserProcess.start(max(0.001, context.remaining()))
        if self._lost_by is not None:
            context.log(f"a new browser context: {self._lost_by}", "warning")
        self._stop_screencast()
        try:
            with translated("the browser opened no page"):
                if self._context is not None:
                    await self._context.close()
                self._context = await self._process.browser.new_context(
                    accept_downloads=True, ignore_https_errors=insecure
                )
                self._page = await self._context.new_page()
        except BrowserError:
            # A context without a page would stay until the end, and so might its browser's fault.
            self._drop("its browser opened no page")
            raise
        self._errors = PageErrors(self._page)
        self.secret_fields = []
        self._insecure = insecure
        self._lost_by = None
        self._start_screencast(self._page)
        if self._traces.when is not TraceWhen.NEVER:
            self._trace = Trace(
                self._context, self._process.traces, self._traces, lambda: self.secret_fields
            )
        return self._page

    async def _record(self, context: StepContext) -> None:
        said = await self._trace.go_on() if self._trace is not None else None
        if said is not None:
            context.log(said)

    def _start_screencast(self, page: Page) -> None:
        if self._view is not None:
            self._screencast = Screencast(page, self._view, lambda: self.secret_fields)
            self._screencast.start()

    def _stop_screencast(self) -> None:
        screencast, self._screencast = self._screencast, None
        if screencast is not None:
            screencast.stop()

    async def _barrier(self, step_id: str) -> None:
        """Let nothing of a stopped step act any more. Cancellation: kills at once."""
        context, process = self._context, self._process
        self._context = self._page = self._trace = None
        self._stop_screencast()
        self._lost_by = f"it was closed when step {step_id!r} was stopped"
        if process is None:
            return
        try:
            if context is not None and os.environ.get(STRICT_VARIABLE) != "1":
                async with asyncio.timeout(CLOSE_S):
                    with translated():
                        await context.close()
                return
        except (TimeoutError, BrowserError):
            logger.debug("a context did not close in time", extra={"action": "browser_killed"})
        except BaseException:
            self._drop(self._lost_by)
            raise
        self._drop(self._lost_by)
        await process.wait_gone(KILLED_S)

    def _drop(self, why: str) -> None:
        """Kill the browser and forget it."""
        process, self._process = self._process, None
        self._context = self._page = self._trace = None
        self._stop_screencast()
        self._lost_by = why
        if process is not None:
            process.kill()
