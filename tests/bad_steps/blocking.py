"""Kinds that hold the event loop: a cancel is not heard before they come back."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from ignition_toolkit.playbook.step_handler import StepHandler
from tests.bad_steps.journal import Bad, act, begin


class TimeSleep(StepHandler):
    """Wrong: `time.sleep` holds the event loop.

    Fix: `await cancellable_sleep(seconds)`.
    """

    type = "bad.time_sleep"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        time.sleep(params["seconds"])
        act(params)
        return {}


class BlockingRequest(StepHandler):
    """Wrong: a blocking HTTP client, as `requests` and `urllib` are, asks a silent server.

    Fix: an asynchronous client such as httpx2's, inside `async with asyncio.timeout(seconds)`.
    """

    type = "bad.blocking_request"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        # The system completes the connection; nobody accepts or answers it.
        with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.suppress(OSError):
            address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            urllib.request.urlopen(address, timeout=params["seconds"])
        act(params)
        return {}


class BlockingSocket(StepHandler):
    """Wrong: a blocking socket, behind a class of its own.

    Fix: `asyncio.open_connection` inside `async with asyncio.timeout(seconds)`.
    """

    type = "bad.blocking_socket"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        Line(params["seconds"]).listen()
        act(params)
        return {}


class Line:
    """A line to a device that says nothing."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def listen(self) -> None:
        """Wait for a byte, as long as `seconds`."""
        with (
            socket.create_server(("127.0.0.1", 0)) as listener,
            socket.create_connection(listener.getsockname(), self.seconds) as connection,
            contextlib.suppress(TimeoutError),
        ):
            connection.recv(1)


class RunsProgram(StepHandler):
    """Wrong: `subprocess.run` holds the event loop until the program has ended.

    Fix: `asyncio.create_subprocess_exec`, and a `finally` that kills it.
    """

    type = "bad.runs_program"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        subprocess.run(["sleep", str(params["seconds"])], check=True)
        act(params)
        return {}


class AcquiresLock(StepHandler):
    """Wrong: `threading.Lock.acquire` holds the event loop until somebody else lets go.

    Fix: `asyncio.Lock`, inside `async with asyncio.timeout(seconds)`.
    """

    type = "bad.acquires_lock"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        lock = threading.Lock()
        lock.acquire()
        lock.acquire(timeout=params["seconds"])
        act(params)
        return {}


class AsksFuture(StepHandler):
    """Wrong: `Future.result()` of a thread's future holds the event loop.

    Fix: `await asyncio.wrap_future(future)`, inside `async with asyncio.timeout(seconds)`.
    """

    type = "bad.asks_future"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        answer: Future[str] = Future()
        with contextlib.suppress(TimeoutError):
            answer.result(timeout=params["seconds"])
        act(params)
        return {}


class Computes(StepHandler):
    """Wrong: a long computation in the event loop. No linter can tell that it is long.

    Fix: a process of its own, ended in `finally`; or an `await asyncio.sleep(0)` every few
    milliseconds.
    """

    type = "bad.computes"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        count, until = 0, time.thread_time() + params["seconds"]
        while time.thread_time() < until:
            count += 1
        act(params)
        return {"count": count}


class BlocksByTable(StepHandler):
    """Wrong: blocks by way of a table of functions, which the linter does not follow.

    Fix: functions in the table that can be awaited.
    """

    type = "bad.blocks_by_table"
    Params = Bad

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        begin(params)
        WAYS["pause"](params["seconds"])
        act(params)
        return {}


WAYS: dict[str, Callable[[float], None]] = {"pause": time.sleep}
