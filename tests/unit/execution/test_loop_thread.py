"""A loop in a thread: asked from anywhere, and nobody who asks waits for ever."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from ignition_toolkit.errors import InternalError
from ignition_toolkit.execution.loop_thread import LoopThread

UP_S = 30.0


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    made = LoopThread("itk-test")
    yield made
    made.stop()


async def name_of_thread() -> str:
    return threading.current_thread().name


async def fail() -> None:
    raise ValueError("no")


async def test_a_coroutine_runs_there_and_its_result_comes_here(thread: LoopThread) -> None:
    assert await thread.do(name_of_thread()) == "itk-test"
    assert thread.submit(name_of_thread()).result(UP_S) == "itk-test"


async def test_an_error_comes_here_too(thread: LoopThread) -> None:
    with pytest.raises(ValueError, match="no"):
        await thread.do(fail())


async def test_who_stops_waiting_does_not_stop_the_work(thread: LoopThread) -> None:
    began, go_on, done = threading.Event(), threading.Event(), threading.Event()

    async def work() -> None:
        began.set()
        while not go_on.is_set():
            await asyncio.sleep(0.001)
        done.set()

    waiting = asyncio.create_task(thread.do(work()))
    while not began.is_set():
        await asyncio.sleep(0.001)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go_on.set()
    assert done.wait(UP_S)


async def test_who_waits_is_told_when_the_loop_stops(thread: LoopThread) -> None:
    waiting = asyncio.create_task(thread.do(asyncio.sleep(60)))
    await asyncio.sleep(0)
    await asyncio.get_running_loop().run_in_executor(None, thread.stop)
    with pytest.raises(InternalError, match="closed meanwhile"):
        await waiting
    await asyncio.get_running_loop().shutdown_default_executor()


async def test_a_stopped_loop_takes_nothing_more(thread: LoopThread) -> None:
    await asyncio.get_running_loop().run_in_executor(None, thread.stop)
    with pytest.raises(InternalError, match="the worker is closed"):
        await thread.do(name_of_thread())
    thread.call_soon(pytest.fail, "it was called")
    thread.stop()
    await asyncio.get_running_loop().shutdown_default_executor()


def test_an_answer_to_a_loop_that_is_gone_disturbs_nobody(
    thread: LoopThread, caplog: pytest.LogCaptureFixture
) -> None:
    go_on = threading.Event()

    async def slow() -> None:
        while not go_on.is_set():
            await asyncio.sleep(0.001)

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await thread.do(slow())

    asyncio.run(give_up())
    go_on.set()
    thread.stop()
    assert caplog.text == ""
