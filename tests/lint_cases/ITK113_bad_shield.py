import asyncio

from ignition_toolkit.playbook.step_handler import StepHandler


class Save(StepHandler):
    type = "case.save"

    async def execute(self, params):
        await asyncio.shield(self.save())  # expect: ITK113
        return {}

    async def save(self):
        return None
