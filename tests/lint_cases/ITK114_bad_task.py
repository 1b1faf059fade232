import asyncio

from ignition_toolkit.playbook.step_handler import StepHandler


class Beat(StepHandler):
    type = "case.beat"

    async def execute(self, params):
        asyncio.create_task(self.beat())  # expect: ITK114
        loop = asyncio.get_running_loop()
        loop.create_task(self.beat())  # expect: ITK114
        task = asyncio.create_task(self.beat())  # expect: ITK114
        task.add_done_callback(print)
        return {}

    async def beat(self):
        return None


async def of_no_handler(work):
    asyncio.ensure_future(work())  # expect: ITK114
