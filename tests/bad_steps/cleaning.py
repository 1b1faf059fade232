"""Kinds whose clean-up after a cancel does not hold, and one that shields what it does."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from ignition_toolkit.playbook.cancellation import cancellable_sleep
from ignition_toolkit.playbook.step_handler import StepHandler
from tests.bad_steps.journal import Bad, act, begin


class Session:
    """A session of some device; to log out of it takes time."""

    def __init__(self, params: dict[str, Any]) -> None:
        self.params = params

    async def log_out(self) -> None:
        """Log out, and wait until the device has said so."""
        answered = asyncio.Event()
        asyncio.get_running_loop().call_later(self.params["seconds"], answered.set)
        await answered.wait()
        act(self.params)


class CleansUpUnbounded(StepHandler):
    """Wrong: `finally` awaits without a bound, and is killed halfway.

    Fix: `await asyncio.wait_for(asyncio.shield(task), 0.15)`; longer work into `on_cancel` steps.
    """

    type = "bad.cleans_up_unbounded"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        session = Session(params)
        try:
            await cancellable_sleep(params["seconds"])
        finally:
            await session.log_out()
        return {}


class CleansUpTooLong(StepHandler):
    """Wrong: the clean-up has a bound that is far beyond the grace of 250 ms.

    The linter sees a bound. Fix: 0.15 s at most; longer work into `on_cancel` steps.
    """

    type = "bad.cleans_up_too_long"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        session = Session(params)
        try:
            await cancellable_sleep(params["seconds"])
        finally:
            await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(session.log_out())), 120)
        return {}


class BlocksInCleanUp(StepHandler):
    """Wrong: the clean-up holds the event loop.

    Fix: clean up without waiting, or await with a bound of 0.15 s.
    """

    type = "bad.blocks_in_clean_up"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        try:
            await cancellable_sleep(params["seconds"])
        finally:
            time.sleep(params["seconds"])
            act(params)
        return {}


class Shields(StepHandler):
    """Wrong: `shield` without a bound; what it holds goes on after *cancelled*.

    Fix: `await asyncio.wait_for(asyncio.shield(task), 0.15)`, and cancel the task after that.
    """

    type = "bad.shields"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        await asyncio.shield(self.save(params))
        return {}

    async def save(self, params: dict[str, Any]) -> None:
        """Save, which takes time."""
        await cancellable_sleep(params["seconds"])
        act(params)
