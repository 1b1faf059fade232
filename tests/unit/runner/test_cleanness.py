"""What is left of a stopped step: found when it is there, and not seen where nothing is."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial

import pytest
from blockbuster import BlockBuster

from ignition_toolkit.playbook.cancellation import abandoned_work, with_cancellation_check
from ignition_toolkit.runner.cleanness import Cleanness, CountingExecutor
from tests.polling import poll_until_async


class Watch:
    """A Cleanness that takes what there is at its making for the runner's own."""

    def __init__(self) -> None:
        self.executor = CountingExecutor()
        asyncio.get_running_loop().set_default_executor(self.executor)
        threads = {int(entry) for entry in os.listdir("/proc/self/task")}
        self._cleanness = Cleanness(self.executor, threads)
        self._tasks = asyncio.all_tasks()
        self._before = set(self.children())

    def children(self) -> list[str]:
        return self._cleanness._children()

    def dirt(self) -> list[str]:
        own = {*self._tasks, *filter(None, [asyncio.current_task()])}
        return [line for line in self._cleanness.dirt(own) if line not in self._before]


@pytest.fixture
async def watch(no_blocking_calls: BlockBuster) -> AsyncIterator[Watch]:
    # It reads /proc only, which never waits for a disk.
    no_blocking_calls.deactivate()
    made = Watch()
    yield made
    made.executor.shutdown(wait=False)


async def clean(watch: Watch) -> None:
    await poll_until_async(lambda: not watch.dirt())


async def test_nothing_is_clean(watch: Watch) -> None:
    assert watch.dirt() == []


async def test_plain_waiting_leaves_nothing(watch: Watch) -> None:
    async def work() -> None:
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(3600))
            group.create_task(asyncio.wait_for(asyncio.sleep(3600), 3600))

    task = asyncio.create_task(work())
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait({task})
    assert watch.dirt() == []


async def test_a_task_that_is_left_is_dirt_and_named_with_its_place(watch: Watch) -> None:
    async def linger() -> None:
        await asyncio.sleep(3600)

    task = asyncio.create_task(linger(), name="poller")
    await asyncio.sleep(0)
    (line,) = watch.dirt()
    assert line.startswith("task poller at ")
    assert "test_cleanness.py" in line
    assert "in linger" in line
    task.cancel()
    await asyncio.wait({task})
    assert watch.dirt() == []


async def test_abandoned_work_is_dirt(watch: Watch) -> None:
    end = asyncio.Event()

    async def stubborn() -> None:
        while not end.is_set():
            try:
                await end.wait()
            except asyncio.CancelledError:
                continue

    task = asyncio.create_task(with_cancellation_check(stubborn(), bound=0.01))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait({task})
    assert any("abandoned" in line for line in watch.dirt())
    end.set()
    await clean(watch)
    assert not abandoned_work()


async def test_a_finished_job_of_the_executor_leaves_nothing(watch: Watch) -> None:
    assert await asyncio.to_thread(lambda: 7) == 7
    await clean(watch)


async def test_a_job_in_the_executor_is_dirt_until_it_ends(watch: Watch) -> None:
    end = threading.Event()
    task = asyncio.create_task(asyncio.to_thread(end.wait, 30))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait({task})
    assert watch.dirt() == ["1 job(s) in the executor"]
    end.set()
    await clean(watch)


async def test_a_thread_is_dirt_until_it_ends_and_named(watch: Watch) -> None:
    end = threading.Event()
    thread = threading.Thread(target=end.wait, args=(30,), name="pump")
    thread.start()
    assert watch.dirt() == ["thread pump"]
    end.set()
    thread.join()
    await clean(watch)


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


async def test_a_child_is_dirt_until_it_is_dead(
    watch: Watch, child: subprocess.Popen[bytes]
) -> None:
    fresh = Watch()
    fresh._before.clear()

    def is_named() -> bool:
        return any(f"process {child.pid} (" in line for line in fresh.dirt())

    assert is_named()
    fresh._cleanness.long_lived.add(child.pid)
    assert not is_named()
    fresh._cleanness.long_lived.clear()
    os.kill(child.pid, signal.SIGKILL)
    await poll_until_async(lambda: not is_named())
    assert child.returncode is None, "a zombie that nobody has asked for counts as gone"


def act() -> None:
    """Stand for what a handler leaves with the loop for later."""


async def test_a_call_that_is_left_with_the_loop_for_later_is_dirt(watch: Watch) -> None:
    loop = asyncio.get_running_loop()
    for callback in (act, partial(act), partial(os.kill, 0, 0)):
        timer = loop.call_later(3600, callback)
        (line,) = watch.dirt()
        assert line.startswith("timer <TimerHandle")
        timer.cancel()
        assert watch.dirt() == []


async def test_timers_that_only_wake_waiters_are_none(watch: Watch) -> None:
    loop = asyncio.get_running_loop()
    event, future = asyncio.Event(), loop.create_future()
    timers = [loop.call_later(3600, event.set), loop.call_later(3600, future.set_result, None)]
    assert watch.dirt() == []
    for timer in timers:
        timer.cancel()


async def test_looking_takes_no_time(watch: Watch) -> None:
    began = time.process_time()
    for _ in range(20):
        watch.dirt()
    assert (time.process_time() - began) / 20 < 0.05
