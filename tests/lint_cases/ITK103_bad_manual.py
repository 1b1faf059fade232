import asyncio


async def asks_itself() -> None:
    if asyncio.current_task().cancelled():  # expect: ITK103
        raise asyncio.CancelledError
    task = asyncio.current_task()
    while not task.cancelled():  # expect: ITK103
        await asyncio.sleep(1)
