"""One browser under way: Playwright's driver process and the browser that it started."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ignition_toolkit.browser.finding import find_browser
from ignition_toolkit.browser.foreign import translated
from ignition_toolkit.browser.processes import crash_handlers, end_driver, is_over
from ignition_toolkit.browser.short_folder import ShortFolder
from ignition_toolkit.playbook.cancellation import cancellable_sleep

if TYPE_CHECKING:
    from playwright._impl.out_of_process import PlaywrightClient
    from playwright.async_api import Browser

logger = logging.getLogger(__name__)

#: Setting: `1` shows the browser's window.
HEADED_VARIABLE = "ITK_HEADED"
#: Seconds at most that a browser takes to start.
START_S = 60.0
#: Seconds between two looks whether a killed browser is gone.
_LOOK_AGAIN_S = 0.005


class BrowserProcess:
    """A started browser. Made by `start`; `kill` ends it for certain."""

    def __init__(self, client: PlaywrightClient) -> None:
        self._client = client
        self._browser: Browser | None = None
        self._folder = ShortFolder(tempfile.gettempdir())
        #: Where Playwright writes what it records; it goes with the execution's temporary folder.
        self.traces = Path(tempfile.mkdtemp(prefix="playwright-traces-"))

    @classmethod
    async def start(cls, timeout: float) -> BrowserProcess:
        """Start a browser.

        Args:
            timeout: seconds, more than 0.

        Raises BrowserMissing when there is none, BrowserError when it does not start.
        Cancellation: raises at once; what had been started is killed.
        """
        found = find_browser()
        # Imported here: a warm runner must stay small.
        from playwright._impl.out_of_process import PlaywrightClient
        from playwright.async_api import Playwright

        # The public way in does not tell the driver of a start that is cancelled.
        made = cls(PlaywrightClient())
        try:
            with translated("the browser did not start", newest=True):
                playwright = Playwright(await made._client._playwright)
                made._browser = await playwright.chromium.launch(
                    executable_path=found.executable,
                    headless=os.environ.get(HEADED_VARIABLE) != "1",
                    timeout=min(timeout, START_S) * 1000,
                    env={**os.environ, "TMPDIR": made._folder.path},
                    traces_dir=made.traces,
                    # Whoever signals the runner does not signal its browser: the ladder ends it.
                    handle_sigint=False,
                    handle_sigterm=False,
                    handle_sighup=False,
                )
        except BaseException:
            made.kill()
            raise
        logger.debug("started a browser: %s", found.source, extra={"action": "browser_started"})
        return made

    @property
    def browser(self) -> Browser:
        """Playwright's browser."""
        assert self._browser is not None
        return self._browser

    @property
    def alive(self) -> bool:
        """Whether the driver is connected to a running browser."""
        pid = self._driver_pid()
        # Playwright does not call a browser disconnected whose driver was killed.
        return pid is not None and not is_over(pid) and self.browser.is_connected()

    def processes(self) -> set[int]:
        """Return the children of this process that belong to the browser."""
        pid = self._driver_pid()
        return {pid, *crash_handlers()} if pid is not None else set()

    def kill(self) -> None:
        """Kill the browser's process group and the driver. Never waits, never raises."""
        pid = self._driver_pid()
        if pid is not None:
            end_driver(pid)
        self._folder.close()
        # The end of the driver is an error that nobody waits for any more.
        self._client._transport.on_error_future.add_done_callback(_take_note)

    async def wait_gone(self, seconds: float) -> None:
        """Return when a killed driver has ended, at the latest after this many seconds."""
        pid = self._driver_pid()
        deadline = asyncio.get_running_loop().time() + seconds
        while pid is not None and not is_over(pid):
            if asyncio.get_running_loop().time() >= deadline:
                return
            await cancellable_sleep(_LOOK_AGAIN_S)

    async def close(self) -> None:
        """Close the browser politely, then the driver. Cancellation: kills."""
        try:
            with translated("the browser did not close"):
                await self.browser.close()
                await self._client.stop()
        finally:
            self.kill()

    def _driver_pid(self) -> int | None:
        process = getattr(self._client._transport, "_proc", None)
        # A driver that has been reaped has given its number back.
        return process.pid if process is not None and process.returncode is None else None


# Any: what the future would have given plays no part.
def _take_note(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()


# Any: what a task returns plays no part.
def lasting_tasks() -> set[asyncio.Task[Any]]:
    """Return Playwright's own task, which reads what the driver says."""
    return {task for task in asyncio.all_tasks() if _reads_driver(task)}


def _reads_driver(task: asyncio.Task[Any]) -> bool:
    name = getattr(task.get_coro(), "__qualname__", "")
    return name == "PipeTransport.run"
