import asyncio
import os
import signal
import subprocess

from ignition_toolkit.playbook.step_handler import StepHandler


class Converter:
    def __init__(self) -> None:
        self._process = _start()

    def stop(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)


def _start():
    return subprocess.Popen(["convert"], start_new_session=True)


class Convert(StepHandler):
    type = "case.convert"

    async def execute(self, params):
        converter = Converter()
        try:
            await self.finished(converter)
        except asyncio.CancelledError:
            converter.stop()
            raise
        return {}

    async def finished(self, converter):
        return None


class Viewers:
    def __init__(self) -> None:
        self._processes = []

    def open(self, file) -> None:
        self._processes.append(subprocess.Popen(["view", file]))

    def close(self) -> None:
        for process in self._processes:
            process.kill()


class View(StepHandler):
    type = "case.view"

    async def execute(self, params):
        viewers = await self.context.use(Viewers)
        viewers.open(params["file"])
        return {}
