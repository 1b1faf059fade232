"""What becomes of the pattern guide's old advice when it is measured, in this process."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from bench.figures import load, summary, table
from ignition_toolkit.playbook.cancellation import cancellable_poll, cancellable_sleep

#: Seconds of the guide's slices, and how long a task sleeps before it is cancelled.
SLICE_S, BEFORE_S = 0.5, 0.005

Sleep = Callable[[float], Awaitable[None]]


async def in_slices(seconds: float) -> None:
    """Sleep as the guide has it: half a second at a time."""
    remaining = seconds
    while remaining > 0:
        await asyncio.sleep(min(SLICE_S, remaining))
        remaining -= SLICE_S


async def with_manual_check(seconds: float) -> None:
    """Sleep as the guide's first version had it, with a look whether the task was cancelled."""
    remaining = seconds
    while remaining > 0:
        task = asyncio.current_task()
        if task is not None and task.cancelled():
            raise AssertionError("the look has found a cancel")
        await asyncio.sleep(min(SLICE_S, remaining))
        remaining -= SLICE_S


async def plain(seconds: float) -> None:
    """Sleep with nothing around it."""
    await asyncio.sleep(seconds)


async def latency_ms(sleep: Sleep) -> float:
    """Return the milliseconds from the cancel of such a sleep to its end."""
    task = asyncio.ensure_future(sleep(30))
    await asyncio.sleep(BEFORE_S)
    asked = time.perf_counter()
    task.cancel()
    await asyncio.wait({task})
    took = (time.perf_counter() - asked) * 1000
    assert task.cancelled()
    return took


async def thread_after_cancel_ms() -> tuple[float, float]:
    """Return when the await of a thread's work ended after its cancel, and when the thread did."""
    ended = threading.Event()
    ended_t = 0.0

    def work() -> None:
        nonlocal ended_t
        time.sleep(SLICE_S)
        ended_t = time.perf_counter()
        ended.set()

    task = asyncio.ensure_future(asyncio.to_thread(work))
    await asyncio.sleep(BEFORE_S)
    asked = time.perf_counter()
    task.cancel()
    await asyncio.wait({task})
    told = time.perf_counter()
    await asyncio.to_thread(ended.wait, 10.0)
    return (told - asked) * 1000, (ended_t - asked) * 1000


async def never() -> bool:
    """Say no, as a coroutine."""
    return False


async def naive_poll(condition: Callable[[], Any]) -> bool:
    """Poll as the guide's loop does, which takes a coroutine for a yes; return what it found."""
    coroutine = condition()
    found = bool(coroutine)
    coroutine.close()
    return found


async def our_poll() -> bool:
    """Return what `cancellable_poll` finds of the same condition."""
    try:
        return bool(await cancellable_poll(never, timeout=0.02, poll_interval=0.01))
    except TimeoutError:
        return False


async def _all(times: int) -> str:
    ways: dict[str, Sleep] = {
        "`asyncio.sleep(30)`": plain,
        "the same in slices of 0.5 s": in_slices,
        "in slices, with `current_task().cancelled()`": with_manual_check,
        "`cancellable_sleep(30)`": cancellable_sleep,
    }
    rows = []
    for name, way in ways.items():
        took = [await latency_ms(way) for _ in range(times)]
        rows.append([f"cancel → {name} has ended, ms", summary(took, 2)])
    threads = [await thread_after_cancel_ms() for _ in range(max(1, times // 10))]
    told, ended = zip(*threads, strict=True)
    rows += [
        ["cancel → `to_thread` has ended, ms", summary(told, 2)],
        ["cancel → its thread, which sleeps 0.5 s, has ended, ms", summary(ended)],
        ["an `async` condition that says no, called by a plain loop", str(await naive_poll(never))],
        ["the same, given to `cancellable_poll`", str(await our_poll())],
    ]
    return table(["what", "median / p99 / maximum, or what was found"], rows)


def all_of_it(_folder: Path, times: int) -> str:
    """Return the table."""
    return f"Load {load():.1f}; {times * 10} times each.\n\n" + asyncio.run(_all(times * 10))
