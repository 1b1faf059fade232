"""The watchdog costs an idle runner nothing, and a step that waits next to nothing."""

from __future__ import annotations

import os
import time

from tests.integration.runner.driver import SOON_S, RunnerUnderTest, step
from tests.polling import poll_until

WATCHED_S = 1.0
#: In that time: ten looks of the watchdog, and some for what ends and begins.
MOST = 25


def wake_ups(pid: int) -> int:
    """Return how often any thread of a process has gone to sleep by itself."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/status", encoding="ascii") as status:
            [line] = [line for line in status if line.startswith("voluntary_ctxt_switches")]
        total += int(line.split()[1])
    return total


def woken_meanwhile(pid: int) -> int:
    """Return how often a process wakes up in the time that is watched."""
    before = wake_ups(pid)
    time.sleep(WATCHED_S)
    return wake_ups(pid) - before


def test_nothing_wakes_a_runner_that_waits_and_little_one_whose_step_waits(
    runner: RunnerUnderTest,
) -> None:
    # At first its threads may still be on their way to where they wait.
    poll_until(lambda: woken_meanwhile(runner.pid) == 0, SOON_S)
    runner.start(step("a", "utility.sleep", {"seconds": 60}))
    runner.await_step("a", "running")
    assert 2 <= woken_meanwhile(runner.pid) <= MOST
    runner.cancel()
    runner.await_end()
