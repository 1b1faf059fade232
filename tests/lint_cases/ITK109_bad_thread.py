import asyncio
import threading

from ignition_toolkit.playbook.step_handler import StepHandler


class Crunch(StepHandler):
    type = "case.crunch"

    async def execute(self, params):
        threading.Thread(target=print).start()  # expect: ITK109
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, print)  # expect: ITK109
        return {"sum": await asyncio.to_thread(sum, params["numbers"])}  # expect: ITK109
