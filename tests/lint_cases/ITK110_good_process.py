import asyncio

from ignition_toolkit.playbook.step_handler import StepHandler


class Convert(StepHandler):
    type = "case.convert"

    async def execute(self, params):
        process = await asyncio.create_subprocess_exec("convert")
        try:
            async with asyncio.timeout(60):
                await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
        return {}
