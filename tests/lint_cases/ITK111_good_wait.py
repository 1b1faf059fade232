import asyncio
import time

from ignition_toolkit.playbook.cancellation import cancellable_sleep
from ignition_toolkit.playbook.step_handler import StepHandler


class Line:
    def __init__(self) -> None:
        self.ready = asyncio.Event()

    async def wait(self) -> None:
        await self.ready.wait()


class WaitForLine(StepHandler):
    type = "case.wait_for_line"

    async def execute(self, params):
        line: Line = await self.context.use(Line)
        async with asyncio.timeout(params["timeout"]):
            await line.wait()
        await asyncio.wait_for(line.ready.wait(), 5)
        await asyncio.wait(params["tasks"], timeout=5)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            await cancellable_sleep(1)
        return {}


async def of_no_handler(line: Line) -> None:
    await line.ready.wait()
