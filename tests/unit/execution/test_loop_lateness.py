"""An event loop that was held up is noticed."""

from __future__ import annotations

import asyncio
import time

import pytest

from ignition_toolkit.execution import loop_lateness
from ignition_toolkit.execution.loop_lateness import LATE_S, LoopLateness
from tests.polling import poll_until_async


async def test_what_blocks_the_loop_is_counted_with_its_length(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop_lateness, "LOOK_S", 0.01)
    lateness = LoopLateness()
    lateness.begin()
    time.sleep(0.2)
    await poll_until_async(lambda: lateness.times)
    lateness.stop()
    assert lateness.seconds >= 0.2 - 0.01


async def test_a_look_in_time_counts_nothing_and_the_next_one_follows() -> None:
    lateness = LoopLateness()
    loop = asyncio.get_running_loop()
    lateness._look(loop, loop.time() + LATE_S)
    assert (lateness.times, lateness.seconds) == (0, 0.0)
    assert lateness._timer is not None
    lateness.stop()
    assert lateness._timer.cancelled()


async def test_it_may_be_stopped_before_it_has_begun() -> None:
    LoopLateness().stop()
