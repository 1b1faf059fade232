import asyncio


async def stubborn(work):
    while True:
        try:
            return await work()
        except asyncio.CancelledError:  # expect: ITK104
            continue


async def waits(work):
    await asyncio.wait_for(stubborn(work), 1)  # expect: ITK116
