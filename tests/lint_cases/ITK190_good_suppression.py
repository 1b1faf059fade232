import asyncio


async def drops(works):
    await asyncio.gather(*works, return_exceptions=True)  # itk: ignore[ITK107] each logs its own
    # itk: ignore[ITK107] each logs its own
    await asyncio.gather(*works, return_exceptions=True)
