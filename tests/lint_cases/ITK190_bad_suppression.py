import asyncio


async def drops(works):
    await asyncio.gather(*works, return_exceptions=True)  # itk: ignore[ITK107]  # expect: ITK190
    await asyncio.gather(*works, return_exceptions=True)  # itk: ignore all  # expect: ITK107, ITK190
    await works.pop()  # itk: ignore[ITK999] there is none  # expect: ITK190
