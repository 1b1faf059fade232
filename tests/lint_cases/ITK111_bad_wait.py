import asyncio

import httpx2

from ignition_toolkit.playbook.cancellation import cancellable_sleep
from ignition_toolkit.playbook.step_handler import StepHandler


class Line:
    def __init__(self) -> None:
        self.ready = asyncio.Event()

    async def wait(self) -> None:
        await self.ready.wait()  # expect: ITK111


class WaitForLine(StepHandler):
    type = "case.wait_for_line"

    async def execute(self, params):
        line: Line = await self.context.use(Line)
        await line.wait()
        await asyncio.wait_for(line.ready.wait(), timeout=None)  # expect: ITK111
        tasks = params["tasks"]
        await asyncio.wait(tasks)  # expect: ITK111
        async with httpx2.AsyncClient(timeout=None) as client:  # expect: ITK111
            await client.get(params["address"])
        while not tasks:  # expect: ITK111
            await cancellable_sleep(1)
        return {}
