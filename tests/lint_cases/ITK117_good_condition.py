import inspect


class Line:
    async def ready(self) -> bool:
        return True

    def is_ready(self) -> bool:
        return True


async def poll(condition):
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return


def plain_poll(condition):
    while not condition():
        pass


async def waits():
    line = Line()
    if await line.ready():
        return
    if line.is_ready():
        return
    await poll(line.ready)
    await poll(lambda: line.ready())
    plain_poll(line.is_ready)
