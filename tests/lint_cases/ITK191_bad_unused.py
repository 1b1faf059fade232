import asyncio


async def gathers(works):
    await asyncio.gather(*works)  # itk: ignore[ITK107] each logs its own  # expect: ITK191
