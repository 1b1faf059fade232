import asyncio
import contextlib
import logging

logger = logging.getLogger(__name__)


async def raises_again(work):
    try:
        await work()
    except asyncio.CancelledError:
        logger.info("cancelled")
        raise


async def raises_by_name(work):
    try:
        await work()
    except BaseException as error:
        logger.info("failed")
        raise error


async def only_errors(work):
    try:
        await work()
    except Exception:
        logger.exception("failed")


async def cancel_first(work):
    try:
        await work()
    except asyncio.CancelledError:
        raise
    except BaseException:
        logger.exception("failed")


async def hands_it_on(work, answer):
    try:
        await work()
    except BaseException as error:
        answer.set_exception(error)


async def nothing_waits(number):
    try:
        return int(number)
    except BaseException:
        return 0


async def waits_for_what_it_cancelled(task):
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass


async def on_every_way(work, again):
    try:
        await work()
    except asyncio.CancelledError:
        if again:
            logger.info("again")
            raise
        else:
            raise


async def last_of_a_task(work):
    try:
        await work()
    except asyncio.CancelledError:
        logger.info("the task ends here")


async def starts(work, tasks):
    tasks.add(asyncio.create_task(last_of_a_task(work)))
    with contextlib.suppress(ValueError):
        await work()
