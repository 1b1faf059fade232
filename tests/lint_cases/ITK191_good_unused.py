import asyncio

TEXT = "# itk: ignore[ITK107] this is no comment"


async def gathers(works):
    await asyncio.gather(*works, return_exceptions=True)  # itk: ignore[ITK107] each logs its own
