"""Kinds that end at once and leave something that acts later."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ignition_toolkit.playbook.cancellation import cancellable_sleep
from ignition_toolkit.playbook.step_handler import StepContext, StepHandler
from tests.bad_steps.journal import Bad, act, begin

#: A shell that acts after `$1` seconds, in the journal `$2`. A machine's uptime is its clock.
LATER = 'sleep "$1"; echo "acted $$ $(cut -d " " -f 1 /proc/uptime)" >>"$2"'


def later(params: dict[str, Any]) -> list[str]:
    """Return the command line of a program that acts later."""
    journal = params["journal"] or os.devnull
    return ["sh", "-c", LATER, "later", str(params["seconds"]), journal]


def sleep_and_act(params: dict[str, Any]) -> None:
    """Act later, and block until then."""
    time.sleep(params["seconds"])
    act(params)


class StartsThread(StepHandler):
    """Wrong: a thread that nothing stops; it acts after *cancelled*.

    Fix: await the work; or give the thread an Event, and set it in `finally`.
    """

    type = "bad.starts_thread"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        threading.Thread(target=sleep_and_act, args=(params,), name="left", daemon=True).start()
        await cancellable_sleep(params["seconds"])
        return {}


class PushesToThread(StepHandler):
    """Wrong: `asyncio.to_thread` acknowledges a cancel while its thread works on.

    Fix: await the work; or give it an Event that it looks at, and set it in `finally`.
    """

    type = "bad.pushes_to_thread"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        await asyncio.to_thread(sleep_and_act, params)
        return {}


class UsesExecutor(StepHandler):
    """Wrong: an executor of its own, which is never shut down.

    Fix: a process that is ended in `finally`; a thread cannot be stopped.
    """

    type = "bad.uses_executor"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        executor = ThreadPoolExecutor(max_workers=1)
        await asyncio.get_running_loop().run_in_executor(executor, sleep_and_act, params)
        return {}


class LeavesChild(StepHandler):
    """Wrong: a cancelled `communicate()` leaves its child alive.

    Fix: a `try` around it whose `finally` kills the child and waits for its end with a bound.
    """

    type = "bad.leaves_child"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        process = await asyncio.create_subprocess_exec(*later(params))
        async with asyncio.timeout(params["seconds"] + 30):
            await process.wait()
        return {}


class LeavesDaemon(StepHandler):
    """Wrong: starts a program in a session of its own and forgets it.

    Fix: keep it, and kill its whole group in `finally`.
    """

    type = "bad.leaves_daemon"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        subprocess.Popen(later(params), start_new_session=True)
        await cancellable_sleep(params["seconds"])
        return {}


class Forks(StepHandler):
    """Wrong: forks without exec; the copy has the runner's memory and acts by itself.

    Fix: a program of its own, by `asyncio.create_subprocess_exec`, ended in `finally`.
    """

    type = "bad.forks"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        if os.fork() == 0:
            sleep_and_act(params)
            os._exit(0)
        await cancellable_sleep(params["seconds"])
        return {}


class ForgetsTask(StepHandler):
    """Wrong: a task that nobody holds; it acts after *cancelled*.

    Fix: await it, or start it in an `asyncio.TaskGroup`.
    """

    type = "bad.forgets_task"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        asyncio.create_task(self.act_later(params))  # type: ignore[unused-awaitable]
        await cancellable_sleep(params["seconds"])
        return {}

    async def act_later(self, params: dict[str, Any]) -> None:
        """Wait, and act."""
        await cancellable_sleep(params["seconds"])
        act(params)


class KeepsTask(StepHandler):
    """Wrong: a task in an attribute, which the linter believes to be cancelled by somebody.

    Fix: cancel it in `finally`, and wait for its end with a bound.
    """

    type = "bad.keeps_task"
    Params = Bad

    def __init__(self, context: StepContext) -> None:
        super().__init__(context)
        self.acting: asyncio.Task[None] | None = None

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        self.acting = asyncio.create_task(self.act_later(params))
        await cancellable_sleep(params["seconds"])
        return {}

    async def act_later(self, params: dict[str, Any]) -> None:
        """Wait, and act."""
        await cancellable_sleep(params["seconds"])
        act(params)


class SetsTimer(StepHandler):
    """Wrong: `call_later` acts in the event loop, whether the step lives or not.

    Fix: keep the handle, and cancel it in `finally`.
    """

    type = "bad.sets_timer"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        asyncio.get_running_loop().call_later(params["seconds"], act, params)
        await cancellable_sleep(params["seconds"])
        return {}


class LeavesFile(StepHandler):
    """Wrong: a temporary file that is removed only when all goes well.

    Fix: `tempfile.TemporaryDirectory`, or remove it in `finally`.
    """

    type = "bad.leaves_file"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        handle, name = tempfile.mkstemp(prefix="bad-step-")
        os.close(handle)
        await cancellable_sleep(params["seconds"])
        act(params)
        os.unlink(name)
        return {}
