"""What is kept of a page on which a step failed: a picture, its address, title and errors."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ignition_toolkit.browser.foreign import beginning, plain_addresses, shown_address, translated
from ignition_toolkit.errors import BrowserError

if TYPE_CHECKING:
    from playwright.async_api import ConsoleMessage, Error, Locator, Page

    from ignition_toolkit.playbook.step_handler import StepContext

#: Errors of a page that are kept, the newest, and characters of each.
MAX_ERRORS = 10
MAX_ERROR = 300
#: Seconds at most that looking at a page after a failure takes.
LOOK_S = 5.0


class PageErrors:
    """The newest errors that a page's console has shown."""

    def __init__(self, page: Page) -> None:
        self._lines: deque[str] = deque(maxlen=MAX_ERRORS)
        page.on("console", self._on_console)
        page.on("pageerror", self._on_error)

    def take(self) -> list[str]:
        """Return the errors since the last time, oldest first."""
        lines = list(self._lines)
        self._lines.clear()
        return lines

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._lines.append(beginning(plain_addresses(message.text), MAX_ERROR))

    def _on_error(self, error: Error) -> None:
        self._lines.append(beginning(plain_addresses(error.message), MAX_ERROR))


async def keep_evidence(
    context: StepContext, page: Page, errors: PageErrors, hidden: Sequence[Locator]
) -> None:
    """Log where a step failed, and keep a picture of it with the execution, without some fields.

    Takes LOOK_S at most, and no longer than the step may. Never raises for what the page does.
    Cancellation: at once.
    """
    for line in errors.take():
        context.log(f"the page's console: {line}", "error")
    try:
        async with asyncio.timeout(min(LOOK_S, context.remaining() / 2)):
            with translated():
                context.log(f"failed at {shown_address(page.url)} {await page.title()!r}", "error")
                path = context.artifacts / f"failed_{attempt_name(context)}.png"
                await save_picture(page, path, LOOK_S * 1000, hidden)
                context.log(f"a picture of it: {path.name}", "error")
    except (TimeoutError, BrowserError, OSError) as error:
        # A full disk, too, must not hide why the step has failed.
        context.log(f"the page could not be looked at after the failure: {error}", "warning")


async def save_picture(
    page: Page,
    path: Path,
    timeout_ms: float,
    hidden: Sequence[Locator],
    *,
    full_page: bool = False,
) -> None:
    """Write a picture of a page, with boxes over what is hidden.

    The file is there as a whole or not at all.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        await page.screenshot(
            path=part, type="png", full_page=full_page, timeout=timeout_ms, mask=hidden
        )
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def attempt_name(context: StepContext) -> str:
    """Return a step's id and the number of its attempt, as a part of a file's name."""
    step = re.sub(r"[^\w.-]+", "_", context.step_id)[:80]
    return f"{step}_{context.attempt}"
