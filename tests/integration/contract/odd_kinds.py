"""Step kinds that a probe has to survive; no entry points."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from pydantic import BaseModel, Field

from ignition_toolkit.errors import StepFailed
from ignition_toolkit.playbook.cancellation import cancellable_sleep
from ignition_toolkit.playbook.step_handler import StepHandler


class EndsItsProcess(StepHandler):
    type = "odd.ends_its_process"

    # Any: as the base class has it.
    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        os._exit(3)


class NeedsPlant(StepHandler):
    type = "odd.needs_plant"

    # Any: as the base class has it.
    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        await cancellable_sleep(0)
        raise StepFailed("no plant answers")


class Waits(StepHandler):
    type = "odd.waits"

    class Params(BaseModel):
        seconds: float = Field(examples=[60.0])

    # Any: as the base class has it.
    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        await cancellable_sleep(params["seconds"])
        return {}


class TellsLater(StepHandler):
    """Its task is gone when its end is looked at, and has spoken after it."""

    type = "odd.tells_later"

    # Any: as the base class has it.
    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        try:
            await cancellable_sleep(60)
        finally:
            asyncio.get_running_loop().call_later(0.05, self.context.log, "and another thing")
        return {}
