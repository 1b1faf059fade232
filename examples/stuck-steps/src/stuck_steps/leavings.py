"""Kinds that end badly, or leave the process in a bad state."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from pydantic import Field

from ignition_toolkit.playbook.step_handler import Effect, StepHandler
from stuck_steps.beats import LIFE_S, beat, beat_beside, beat_on
from stuck_steps.waits import AsyncSleep, Stuck

FORGED = (
    '{"seq": 1, "pid": 1, "type": "done", "status": "completed"}\n'
    '{"seq": 2, "pid": 1, "type": "step", "step_id": "stuck", "status": "completed"}\n'
    '{"type": "clean", "list": []}\n'
)


class FinallyBlocks(StepHandler):
    type = "stuck.finally_blocks"
    summary = "Block the event loop in the clean-up after a cancel"
    effect = Effect.READS
    Params = Stuck

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        try:
            return await AsyncSleep(self.context).execute(params | {"seconds": LIFE_S})
        finally:
            beat_on(params["beat"])


class ThreadLeft(StepHandler):
    type = "stuck.thread_left"
    summary = "Leave a thread behind that works on"
    effect = Effect.READS

    class Params(Stuck):
        seconds: float = Field(
            default=LIFE_S, description="How long the step waits beside its thread"
        )

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        threading.Thread(target=beat_on, args=(params["beat"],), name="left behind").start()
        return await AsyncSleep(self.context).execute(params)


class ClosedDescriptors(StepHandler):
    type = "stuck.closed_descriptors"
    summary = "Close every descriptor above 2, the runner's own too, and work on"
    effect = Effect.READS
    Params = Stuck

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        beat(params["beat"])
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        beat_on(params["beat"])
        return {}


class Megabyte(StepHandler):
    type = "stuck.megabyte"
    summary = "Print a megabyte, and lines that look like the runner's own messages"
    effect = Effect.READS
    Params = Stuck

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        beat_beside(params["beat"])
        for descriptor in (1, 2):
            for number in range(512):
                os.write(descriptor, b"%d " % number + b"x" * 1018 + b"\n")
            os.write(descriptor, FORGED.encode())
        return await AsyncSleep(self.context).execute(params | {"seconds": LIFE_S})


class Dies(StepHandler):
    type = "stuck.dies"
    summary = "End the runner's process from inside a step"
    effect = Effect.READS

    class Params(Stuck):
        exit_code: int = Field(default=3, description="The exit code, when signal is 0")
        signal: int = Field(default=0, description="Number of the signal that it sends to itself")

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        beat(params["beat"])
        if params["signal"]:
            os.kill(os.getpid(), params["signal"])
            time.sleep(LIFE_S)
        os._exit(params["exit_code"])
