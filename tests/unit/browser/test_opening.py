"""A browser that opens no page is not kept with an empty context."""

from typing import cast

import pytest
from playwright.async_api import Error, Page

from ignition_toolkit.browser.driver import BrowserProcess
from ignition_toolkit.browser.manager import BrowserManager
from ignition_toolkit.errors import BrowserError
from ignition_toolkit.playbook.step_handler import StepContext


class _Faulty:
    """A browser, its process and its context in one, which opens no page."""

    def __init__(self) -> None:
        self.killed = False
        self.alive = True

    @property
    def browser(self) -> "_Faulty":
        return self

    async def new_context(self, **options: object) -> "_Faulty":
        return self

    async def new_page(self) -> Page:
        raise Error("Target crashed")

    def kill(self) -> None:
        self.killed = True


class _Context:
    def gateway(self) -> None:
        return None


async def test_a_browser_that_opens_no_page_is_killed_and_forgotten() -> None:
    manager, faulty = BrowserManager(), _Faulty()
    manager._process = cast("BrowserProcess", faulty)
    with pytest.raises(BrowserError, match="the browser opened no page: Target crashed"):
        async with manager.turn(cast("StepContext", _Context()), opens=True):
            pytest.fail("there is no page")
    assert faulty.killed
    assert manager._process is None
    assert manager._context is None
    assert manager._page is None
