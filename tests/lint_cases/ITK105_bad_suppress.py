import asyncio
import contextlib
from contextlib import suppress


async def suppresses(work):
    with contextlib.suppress(asyncio.CancelledError):  # expect: ITK105
        await work()


async def suppresses_all(work):
    with suppress(ValueError, BaseException):  # expect: ITK105
        async with work:
            pass
