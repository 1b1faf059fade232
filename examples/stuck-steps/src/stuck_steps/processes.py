"""Kinds that start processes which do not end with the step."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from pydantic import Field

from ignition_toolkit.playbook.step_handler import Effect, StepHandler
from stuck_steps.beats import LIFE_S, beat_on
from stuck_steps.waits import AsyncSleep, Stuck

FOLDER = Path(__file__).parent
SHELL = FOLDER / "shell.sh"
#: As a program: `beat FILE` or `chain FILE`.
BEATS = FOLDER / "beats.py"


class ChildProcesses(StepHandler):
    type = "stuck.child_processes"
    summary = "Start a child, a shell and a grandchild, and wait without ending them"
    Params = Stuck

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        file = params["beat"] or os.devnull
        subprocess.Popen(["sh", str(SHELL), file, sys.executable, str(BEATS)])
        subprocess.Popen(["sleep", "600"])
        return await wait(self, params)


class Daemon(StepHandler):
    type = "stuck.daemon"
    summary = "Start a process that leaves its session, its parent and its environment behind"
    Params = Stuck

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        program = [sys.executable, "-S", str(BEATS), "beat", params["beat"] or os.devnull]
        twice = 'setsid env -i "$@" < /dev/null > /dev/null 2>&1 &'
        subprocess.run(["sh", "-c", twice, "sh", *program], check=True)
        return await wait(self, params)


class ForkChain(StepHandler):
    type = "stuck.fork_chain"
    summary = "Start a process that forks, leaves the session and ends, every millisecond"

    class Params(Stuck):
        wiped: bool = Field(
            default=True, description="Whether the chain runs with an empty environment"
        )

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        program = [sys.executable, "-S", str(BEATS), "chain", params["beat"] or os.devnull]
        subprocess.Popen(program, env={} if params["wiped"] else None)
        return await wait(self, params)


class ForkReturns(StepHandler):
    """One copy returns from `execute` at once, another works on beside the original."""

    type = "stuck.fork_returns"
    summary = "Fork without exec, and let a copy return"
    effect = Effect.READS

    class Params(Stuck):
        seconds: float = Field(default=LIFE_S, description="How long the original works on")

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        if os.fork() == 0:
            return {"role": "copy"}
        if os.fork() == 0:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            beat_on(params["beat"])
            return {"role": "second copy"}
        await AsyncSleep(self.context).execute(params)
        return {"role": "original"}


async def wait(handler: StepHandler, params: dict[str, Any]) -> dict[str, Any]:
    """Beat and wait politely: what was started is what does not end."""
    return await AsyncSleep(handler.context).execute(params | {"seconds": LIFE_S})
