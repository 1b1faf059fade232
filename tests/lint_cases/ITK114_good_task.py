import asyncio

from ignition_toolkit.playbook.step_handler import StepHandler


class Beat(StepHandler):
    type = "case.beat"

    async def execute(self, params):
        beating = asyncio.create_task(self.beat())
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.beat())
        finally:
            beating.cancel()
        return {}

    async def beat(self):
        return None
