import asyncio


async def drops(works):
    await asyncio.gather(*works, return_exceptions=True)  # expect: ITK107
