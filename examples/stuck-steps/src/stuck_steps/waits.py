"""Kinds that wait or work in one place and do not come back from it."""

from __future__ import annotations

import asyncio
import collections
import http.client
import itertools
import mmap
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ignition_toolkit.playbook.step_handler import Effect, StepHandler
from stuck_steps.beats import INTERVAL_S, LIFE_S, beat, beat_beside, start_time


class Stuck(BaseModel):
    """The parameters of every kind here."""

    model_config = ConfigDict(extra="forbid")

    beat: str = Field(
        default="", description="File that gets a line while a process of the step lives"
    )


class AsyncSleep(StepHandler):
    """The well-behaved one, to compare the others with."""

    type = "stuck.async_sleep"
    summary = "Wait in the event loop; a cancel ends it at once"
    effect = Effect.READS

    class Params(Stuck):
        seconds: float = LIFE_S

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        until = time.monotonic() + params["seconds"]
        while time.monotonic() < until:
            beat(params["beat"])
            await asyncio.sleep(INTERVAL_S)
        return {}


class TimeSleep(StepHandler):
    type = "stuck.time_sleep"
    summary = "Block the event loop in time.sleep"
    effect = Effect.READS
    Params = Stuck

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        beat_beside(params["beat"])
        time.sleep(LIFE_S)
        return {}


class CpuSpin(StepHandler):
    type = "stuck.cpu_spin"
    summary = "Block the event loop by computing"
    effect = Effect.READS
    Params = Stuck

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        next_beat, until = 0.0, time.monotonic() + LIFE_S
        while (now := time.monotonic()) < until:
            if now >= next_beat:
                beat(params["beat"])
                next_beat = now + INTERVAL_S
        return {}


class SwallowsCancel(StepHandler):
    type = "stuck.swallows_cancel"
    summary = "Catch every CancelledError and go on"
    effect = Effect.READS
    Params = Stuck

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        until = time.monotonic() + LIFE_S
        while time.monotonic() < until:
            try:
                beat(params["beat"])
                await asyncio.sleep(INTERVAL_S)
            except asyncio.CancelledError:
                continue
        return {}


class SilentServer(StepHandler):
    type = "stuck.silent_server"
    summary = "Block the event loop in a request that nobody answers"
    effect = Effect.READS

    class Params(Stuck):
        address: str = Field(
            default="", description="host:port; empty for a silent socket of its own"
        )

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        beat_beside(params["beat"])
        # The system completes connections to the listener; nobody accepts or answers them.
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            connection = http.client.HTTPConnection(params["address"] or f"127.0.0.1:{port}")
            connection.request("GET", "/")
            return {"status": connection.getresponse().status}


class LockAcquire(StepHandler):
    type = "stuck.lock_acquire"
    summary = "Block the event loop on a lock that is held"
    effect = Effect.READS
    Params = Stuck

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        beat_beside(params["beat"])
        lock = threading.Lock()
        lock.acquire()
        return {"acquired": lock.acquire(timeout=LIFE_S)}


class GilHeld(StepHandler):
    """Beats from inside the C call, into the file with `.held` added to its name."""

    type = "stuck.gil_held"
    summary = "Stay in one C call that holds the interpreter lock and never looks for signals"
    effect = Effect.READS
    Params = Stuck

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        hold_the_lock(params["beat"], LIFE_S)
        return {}


def hold_the_lock(path: str, seconds: float) -> None:
    """Write the time into a mapped file from inside one C call; no thread runs meanwhile."""
    memory, times = one_beat(path)
    before_the_end: Callable[[float], bool] = (time.monotonic() + seconds).__gt__
    # Every piece is C code. Formatting an int would look for signals; a float does not.
    clock = itertools.starmap(time.monotonic, itertools.repeat(()))
    texts = map("%020.6f".__mod__, itertools.takewhile(before_the_end, clock))
    writes = map(memory.__setitem__, itertools.repeat(times), map(str.encode, texts))
    collections.deque(writes, maxlen=0)


def one_beat(path: str) -> tuple[mmap.mmap, slice]:
    """Return the memory of a file that holds one beat, and where its time stands in it."""
    head = f"{os.getpid()} {start_time()} ".encode()
    line = head + b"%020.6f\n" % time.monotonic()
    times = slice(len(head), len(head) + 20)
    if not path:
        return mmap.mmap(-1, len(line)), times
    with open(path + ".held", "wb+") as out:
        out.write(line)
        out.flush()
        return mmap.mmap(out.fileno(), len(line)), times
