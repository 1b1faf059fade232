"""Kinds that wait as the guide says nobody should. A cancel ends most of them all the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from ignition_toolkit.playbook.cancellation import cancellable_sleep
from ignition_toolkit.playbook.step_handler import Effect, StepHandler
from tests.bad_steps.journal import Bad, act, begin

LOOK_S = 0.05


class WellBehaved(StepHandler):
    """Nothing is wrong with it: the others are compared with it."""

    type = "bad.well_behaved"
    summary = "Wait with a deadline, and act"
    effect = Effect.WRITES
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        await cancellable_sleep(params["seconds"])
        act(params)
        return {}


class SleepsDirectly(StepHandler):
    """Wrong: `asyncio.sleep` in a handler, where a reader cannot tell waits from polls.

    Fix: `await cancellable_sleep(seconds)`.
    """

    type = "bad.sleeps_directly"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        await asyncio.sleep(params["seconds"])
        act(params)
        return {}


class PollsByHand(StepHandler):
    """Wrong: a loop of its own around a sleep; what it looks at has no bound.

    Fix: `await cancellable_poll(condition, timeout=..., poll_interval=...)`.
    """

    type = "bad.polls_by_hand"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        until = time.monotonic() + params["seconds"]
        while time.monotonic() < until:
            await asyncio.sleep(LOOK_S)
        act(params)
        return {}


class AsksItself(StepHandler):
    """Wrong: `current_task().cancelled()` is always false inside the task, the look never fires.

    Fix: take it out; the CancelledError comes by itself at the next await.
    """

    type = "bad.asks_itself"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        until = time.monotonic() + params["seconds"]
        while time.monotonic() < until:
            task = asyncio.current_task()
            if task is not None and task.cancelled():
                raise asyncio.CancelledError
            await cancellable_sleep(LOOK_S)
        act(params)
        return {}


class WaitsForever(StepHandler):
    """Wrong: waits without a deadline for what may never come.

    Fix: `async with asyncio.timeout(seconds):` around it, here or in a caller.
    """

    type = "bad.waits_forever"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        ready = asyncio.Event()
        asyncio.get_running_loop().call_later(params["seconds"], ready.set)
        await ready.wait()
        act(params)
        return {}


class TakesCoroutineForYes(StepHandler):
    """Wrong: a plain loop around an async condition; a coroutine is true, so it acts at once.

    Fix: `await cancellable_poll(self.ready, timeout=...)`, which awaits what it is given.
    """

    type = "bad.takes_coroutine_for_yes"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        await self.poll(lambda: self.ready(), params["seconds"])  # noqa: PLW0108 - as people do
        act(params)
        return {}

    async def ready(self) -> bool:
        """Say no, always."""
        return False

    async def poll(self, condition: Callable[[], Any], seconds: float) -> None:
        """Wait as the old guide's loop does."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if condition():
                return
            await cancellable_sleep(LOOK_S)
