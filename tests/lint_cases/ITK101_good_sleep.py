import asyncio

from ignition_toolkit.playbook.cancellation import cancellable_sleep
from ignition_toolkit.playbook.step_handler import StepHandler


class Settle(StepHandler):
    type = "case.settle"

    async def execute(self, params):
        await asyncio.sleep(0)
        await cancellable_sleep(params["seconds"])
        return {}


async def not_reached_by_a_handler() -> None:
    await asyncio.sleep(1)
