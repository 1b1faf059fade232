"""Closing the Designer."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import Field

from ignition_toolkit.errors import StepFailed
from ignition_toolkit.playbook.cancellation import cancellable_sleep
from ignition_toolkit.playbook.step_handler import Effect
from ignition_toolkit.steps.designer.base import DesignerStep, Strict

#: Seconds between two looks at the processes.
_LOOK_S = 0.2


class Close(DesignerStep):
    """Closes the Designer that this execution started."""

    type = "designer.close"
    summary = "Close the Designer that this execution has started"
    effect = Effect.WRITES

    class Params(Strict):
        """Parameters of designer.close."""

        timeout: float = Field(30, ge=0, description="for how long to wait, in seconds")

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Ask its windows to close and wait until its processes have ended; outputs `closed`.

        `closed` is false when this execution has started none: one that a person has open is left
        alone. Raises StepFailed when it stays, which names its windows: it may ask whether to save.
        Cancellation: at once; the Designer is ended.
        """
        manager = await self.manager()
        if not manager.processes():
            return {"closed": False}
        for window in await manager.windows(manager.owns):
            await manager.desktop.close(window)
        loop = asyncio.get_running_loop()
        seconds = self.bounded(params["timeout"])
        deadline = loop.time() + seconds
        while manager.processes():
            if loop.time() >= deadline:
                raise StepFailed(
                    f"the Designer has not closed within {seconds:.0f} s;"
                    f" {await self.seen(manager)}; save with designer.press (ctrl+s) before"
                    " closing, the end of the execution ends it"
                )
            await cancellable_sleep(_LOOK_S)
        return {"closed": True}
