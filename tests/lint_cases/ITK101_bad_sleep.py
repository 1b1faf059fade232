import asyncio
from asyncio import sleep as rest

from ignition_toolkit.playbook.step_handler import StepHandler


class Line:
    async def settle(self) -> None:
        await rest(2)  # expect: ITK101


class Settle(StepHandler):
    type = "case.settle"

    def __init__(self, context) -> None:
        super().__init__(context)
        self.manager = Line()

    async def execute(self, params):
        await asyncio.sleep(params["seconds"])  # expect: ITK101
        await self.manager.settle()
        return {}
