"""Kinds that lose a cancel, or a secret, at the border to an outside system."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pydantic import Field

from ignition_toolkit.playbook.cancellation import cancellable_sleep
from ignition_toolkit.playbook.step_handler import StepHandler
from tests.bad_steps.journal import Bad, act, begin


class Tab:
    """A page as a browser's driver has it: a click that was sent lands, whoever awaits it."""

    def __init__(self, params: dict[str, Any]) -> None:
        self.params = params

    async def click(self, _selector: str) -> None:
        """Send a click to the browser, and wait until it has landed."""
        asyncio.get_running_loop().call_later(self.params["seconds"], act, self.params)
        await cancellable_sleep(self.params["seconds"])


# Any: the driver's page, which the linter knows by its name alone, as in people's own tables.
OPENERS: dict[str, Callable[[dict[str, Any]], Any]] = {"tab": Tab}


class ClicksUnguarded(StepHandler):
    """Wrong: the await of a browser's call ends, and its click lands after *cancelled*.

    Fix: `await with_cancellation_check(page.click(...), on_cancel=context.close)`.
    """

    type = "bad.clicks_unguarded"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        page = OPENERS["tab"](params)
        await page.click("#start")
        return {}


class PrintsSecret(StepHandler):
    """Wrong: prints the password that it was given, and logs it.

    Fix: declare the parameter as a `Secret`, and `reveal()` it only to the outside system.
    """

    type = "bad.prints_secret"

    class Params(Bad):
        password: str = Field(default="hunter2-of-the-line", description="What is to be kept")

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        print(f"logging in with {params['password']}")
        self.context.log(f"logged in with {params['password']}")
        await cancellable_sleep(params["seconds"])
        act(params)
        return {}
