import asyncio

from ignition_toolkit.playbook.step_handler import StepHandler


class Save(StepHandler):
    type = "case.save"

    async def execute(self, params):
        await asyncio.wait_for(asyncio.shield(self.save()), 0.1)
        async with asyncio.timeout(0.1):
            await asyncio.shield(self.save())
        return {}

    async def save(self):
        return None
