import asyncio


async def polite(work):
    try:
        return await work()
    except asyncio.CancelledError:
        raise


async def waits(work):
    await asyncio.wait_for(polite(work), 1)
