import asyncio


async def asks_another(task: asyncio.Task) -> bool:
    await asyncio.wait({task}, timeout=1)
    return task.cancelled()
