import asyncio

from ignition_toolkit.playbook.cancellation import cancellable_poll
from ignition_toolkit.playbook.step_handler import StepHandler


class WaitForFile(StepHandler):
    type = "case.wait_for_file"

    async def execute(self, params):
        await cancellable_poll(lambda: params["path"].exists(), timeout=params["timeout"])
        for line in params["lines"]:
            self.context.log(line)
            await asyncio.sleep(0)
        return {}
