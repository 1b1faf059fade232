import asyncio
import os
import subprocess

from ignition_toolkit.playbook.step_handler import StepHandler


class Convert(StepHandler):
    type = "case.convert"

    async def execute(self, params):
        process = await asyncio.create_subprocess_exec("convert")  # expect: ITK110
        async with asyncio.timeout(60):
            await process.communicate()
        subprocess.Popen(["sleep", "600"])  # expect: ITK110
        if os.fork() == 0:  # expect: ITK110
            return {}
        return {}
