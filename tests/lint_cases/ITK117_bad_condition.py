import time


class Line:
    async def ready(self) -> bool:
        return True


def poll(condition, timeout):
    until = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError


async def waits():
    line = Line()
    if line.ready():  # expect: ITK117
        return
    while not line.ready() and True:  # expect: ITK117
        pass
    poll(line.ready, timeout=5)  # expect: ITK117
    poll(lambda: line.ready(), timeout=5)  # expect: ITK117
