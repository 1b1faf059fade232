"""Kinds that hear the cancel and go on, or make something else of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

from ignition_toolkit.errors import StepFailed
from ignition_toolkit.playbook.cancellation import cancellable_sleep
from ignition_toolkit.playbook.step_handler import StepHandler
from tests.bad_steps.journal import Bad, act, begin

LOOK_S = 0.02


class BareExcept(StepHandler):
    """Wrong: `except:` catches the cancel too; the step acts and is recorded as completed.

    Fix: `except Exception:`, which a CancelledError is not.
    """

    type = "bad.bare_except"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        try:
            await cancellable_sleep(params["seconds"])
        except:
            self.context.log("the wait has failed")
        act(params)
        return {}


class BaseExceptionCaught(StepHandler):
    """Wrong: `except BaseException` without `raise`; the step answers as if it had ended well.

    Fix: `except Exception`; or end the block with a bare `raise`.
    """

    type = "bad.base_exception"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        try:
            await cancellable_sleep(params["seconds"])
            act(params)
        except BaseException as error:
            return {"error": repr(error)}
        return {}


class Suppresses(StepHandler):
    """Wrong: `suppress(CancelledError)` around what the step waits for.

    Fix: suppress what the wait itself may raise, and nothing more.
    """

    type = "bad.suppresses"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        with contextlib.suppress(asyncio.CancelledError):
            await cancellable_sleep(params["seconds"])
        act(params)
        return {}


class ReturnsInFinally(StepHandler):
    """Wrong: a `return` in `finally` drops the CancelledError that passes through.

    Fix: move the `return` behind the `finally`.
    """

    type = "bad.returns_in_finally"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        try:
            await cancellable_sleep(params["seconds"])
            act(params)
        finally:
            return {}


class GathersAndDrops(StepHandler):
    """Wrong: `gather(return_exceptions=True)` whose answers nobody reads.

    The step acts on answers that never came, and is recorded as completed. Fix:
    `asyncio.TaskGroup`, or look at each answer.
    """

    type = "bad.gathers_and_drops"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        await asyncio.gather(self.answer(params), self.answer(params), return_exceptions=True)
        act(params)
        return {}

    async def answer(self, params: dict[str, Any]) -> str:
        """Wait for a device that never answers."""
        await cancellable_sleep(params["seconds"])
        raise TimeoutError("the device did not answer")


class MakesItFailure(StepHandler):
    """Wrong: turns the cancel into an error of its own; a retry would begin again.

    Fix: catch `Exception`, or end the block with a bare `raise`.
    """

    type = "bad.makes_it_failure"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        try:
            await cancellable_sleep(params["seconds"])
        except asyncio.CancelledError as error:
            raise StepFailed("the device was not ready") from error
        act(params)
        return {}


class TriesAgain(StepHandler):
    """Wrong: takes every CancelledError for a hiccup and goes on in its loop.

    Fix: do not catch it.
    """

    type = "bad.tries_again"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        until = time.monotonic() + params["seconds"]
        while time.monotonic() < until:
            try:
                await cancellable_sleep(LOOK_S)
            except asyncio.CancelledError:
                continue
        act(params)
        return {}


class TakesItBack(StepHandler):
    """Wrong: calls `uncancel`, which is for those who have cancelled themselves, and goes on.

    The linter believes whoever calls it. Fix: do not catch the CancelledError.
    """

    type = "bad.takes_it_back"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        try:
            await cancellable_sleep(params["seconds"])
        except asyncio.CancelledError:
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
        act(params)
        return {}


class BoundsSwallower(StepHandler):
    """Wrong: `wait_for` around work that swallows; the deadline is late, and a cancel leaves it.

    Fix: let the CancelledError out of what is waited for.
    """

    type = "bad.bounds_swallower"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stubborn(params["seconds"]), LOOK_S)
        act(params)
        return {}

    async def stubborn(self, seconds: float) -> None:
        """Wait, whoever cancels."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with contextlib.suppress(asyncio.CancelledError):
                await cancellable_sleep(LOOK_S)
