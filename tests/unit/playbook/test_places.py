"""Where something is stuck: from a task, and from what faulthandler wrote."""

import asyncio
import faulthandler
import inspect
import sysconfig
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from ignition_toolkit.playbook.cancellation import cancellable_sleep
from ignition_toolkit.playbook.stuck_trace import stuck_place
from ignition_toolkit.playbook.task_place import is_foreign, task_place


async def waits_in_the_library() -> None:
    await asyncio.sleep(3600)  # the line


async def waits_in_a_utility() -> None:
    await cancellable_sleep(3600)  # the line


async def numbers() -> AsyncIterator[int]:
    yield 1
    await asyncio.sleep(3600)  # the line


async def waits_in_a_generator() -> None:
    async for _ in numbers():
        pass


def line_of(function: object) -> int:
    lines, first = inspect.getsourcelines(function)  # type: ignore[arg-type]
    return first + next(i for i, text in enumerate(lines) if "# the line" in text)


async def place_of(coroutine: object) -> str | None:
    task = asyncio.ensure_future(coroutine)  # type: ignore[call-overload]
    await asyncio.sleep(0.01)
    place = task_place(task)
    task.cancel()
    await asyncio.wait({task})
    assert task_place(task) is None
    return place


async def test_a_task_stands_at_its_authors_innermost_line() -> None:
    for function in (waits_in_the_library, waits_in_a_utility):
        expected = f"{__file__}:{line_of(function)} in {function.__name__}"
        assert await place_of(function()) == expected


async def test_a_task_in_an_asynchronous_generator_is_found_at_least_at_its_loop() -> None:
    place = await place_of(waits_in_a_generator())
    assert place is not None
    assert place.startswith(__file__)


async def test_a_task_without_lines_of_an_author_stands_where_the_library_does() -> None:
    place = await place_of(asyncio.sleep(3600))
    assert place is not None
    assert "asyncio" in place


def test_the_standard_library_is_foreign_and_installed_packages_are_not() -> None:
    stdlib, site = sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")
    assert is_foreign(f"{stdlib}/asyncio/tasks.py")
    assert is_foreign("<frozen importlib._bootstrap>")
    assert not is_foreign(f"{site}/acme_steps/steps.py")
    assert not is_foreign("<script>")


TRACE = """Thread 0x00007f0000000001 (most recent call first):
  File "/srv/acme/driver.py", line 7 in pump
  File "{stdlib}/threading.py", line 982 in run

Current thread 0x00007f0000000002 (most recent call first):
  File "{stdlib}/json/decoder.py", line 353 in raw_decode
  File "<script>", line 12 in <module>
  File "/srv/other.py", line 3 in main
"""


def test_the_main_thread_comes_last_and_is_preferred() -> None:
    trace = TRACE.replace("{stdlib}", sysconfig.get_path("stdlib"))
    assert stuck_place(trace) == "<script>:12 in <module>"


def test_another_thread_is_named_when_the_main_one_stands_in_the_library() -> None:
    stdlib = sysconfig.get_path("stdlib")
    trace = TRACE.replace("{stdlib}", stdlib).split("\nCurrent")[0]
    idle = f'\nCurrent thread 0x1:\n  File "{stdlib}/selectors.py", line 1 in x\n'
    assert stuck_place(trace + idle) == "/srv/acme/driver.py:7 in pump"


def test_no_trace_is_no_place() -> None:
    assert stuck_place("") is None
    assert stuck_place("garbage\n  File nothing\n") is None
    assert stuck_place('  File "/srv/a.py", line 1 in before_any_thread\n') is None


def test_what_faulthandler_really_writes_is_read() -> None:
    with tempfile.TemporaryFile("w+") as trace:
        faulthandler.dump_traceback(trace, all_threads=True)
        trace.seek(0)
        place = stuck_place(trace.read())
    assert place is not None
    assert Path(place.rpartition(":")[0]).name == Path(__file__).name


def test_reading_a_long_trace_takes_no_time() -> None:
    began = time.process_time()
    stuck_place(TRACE * 2000)
    assert time.process_time() - began < 1
