import asyncio
import contextlib


async def suppresses_errors(work):
    with contextlib.suppress(OSError, TimeoutError):
        await work()


async def waits_for_what_it_cancelled(task):
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
