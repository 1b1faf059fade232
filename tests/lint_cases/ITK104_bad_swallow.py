import asyncio
import logging

logger = logging.getLogger(__name__)


async def returns(queue):
    try:
        return await queue.get()
    except asyncio.CancelledError:  # expect: ITK104
        return None


async def bare(work):
    try:
        await work()
    except:  # expect: ITK104
        logger.info("it failed")


async def broad(work):
    try:
        await work()
    except BaseException as error:  # expect: ITK104
        logger.exception("it failed: %s", error)


async def makes_it_a_failure(work):
    try:
        await work()
    except (ValueError, asyncio.CancelledError) as error:  # expect: ITK104
        raise RuntimeError("failed") from error


async def in_a_loop(work):
    while True:
        try:
            await work()
        except asyncio.CancelledError:  # expect: ITK104
            continue
