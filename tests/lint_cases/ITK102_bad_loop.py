import asyncio
import time

from ignition_toolkit.playbook.step_handler import StepHandler


class WaitForFile(StepHandler):
    type = "case.wait_for_file"

    async def execute(self, params):
        until = time.monotonic() + params["timeout"]
        while not params["path"].exists():  # expect: ITK102
            if time.monotonic() > until:
                raise TimeoutError
            await asyncio.sleep(5)
        return {}


class SlicedSleep(StepHandler):
    type = "case.sliced_sleep"

    async def execute(self, params):
        for _ in range(params["seconds"] * 2):  # expect: ITK102
            await asyncio.sleep(0.5)
        return {}
