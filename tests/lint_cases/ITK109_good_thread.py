import asyncio
import threading

from ignition_toolkit.playbook.step_handler import StepHandler


class Crunch(StepHandler):
    type = "case.crunch"

    async def execute(self, params):
        stop = threading.Event()
        try:
            return {"sum": await asyncio.to_thread(crunch, params["numbers"], stop)}
        finally:
            stop.set()


def crunch(numbers, stop):
    total = 0
    for number in numbers:
        if stop.is_set():
            break
        total += number
    return total
