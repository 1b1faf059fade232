"""A witness tells the engine's cancel from those that others make on the way."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from ignition_toolkit.drill.witness import REASON, ToldTask, Witness, witnessed
from ignition_toolkit.playbook.cancellation import CancelReason
from ignition_toolkit.playbook.models import CancelSource
from ignition_toolkit.playbook.step_handler import StepContext, StepHandler


class Waits(StepHandler):
    type = "test.waits"

    # Any: as the base class has it.
    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}


async def cancelled(reason: str | None) -> Witness:
    """Cancel a handler while it waits, with these words; return its witness."""
    witness = Witness()
    handler = witnessed(Waits, witness)(cast(StepContext, None))
    task = ToldTask(handler.execute({}), loop=asyncio.get_running_loop())
    await asyncio.sleep(0)
    task.cancel(reason)
    with pytest.raises(asyncio.CancelledError):
        await task
    return witness


async def test_the_engine_s_cancel_is_a_stop() -> None:
    for source in CancelSource:
        text = str(CancelReason(source, "somebody"))
        assert text.startswith(REASON)
        witness = await cancelled(text)
        assert witness.was_told
        assert witness.end == "cancelled"


async def test_a_cancel_of_others_is_none() -> None:
    for reason in (None, "Cancelled by cancel scope 7f3a"):
        witness = await cancelled(reason)
        assert not witness.was_told
        assert witness.end == "cancelled"
