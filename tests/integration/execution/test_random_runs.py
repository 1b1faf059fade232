"""Random playbooks on a real worker, steered at random moments: what must hold holds each time."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from ignition_toolkit.execution.fork_server import ForkServer
from tests.integration.execution.conftest import OpenRig
from tests.integration.execution.random_runs import TOGETHER, RandomRuns
from tests.integration.execution.random_scene import RecordedWorker, Scene

#: Executions in the gate, and in `make stress`.
RUNS, STRESS_RUNS = 60, 1000
#: Presses while four executions run.
PRESSES = 18
#: Threads that the executors of two event loops, and those of the pool, may have grown by.
POOLED_THREADS = 2 * min(32, (os.cpu_count() or 1) + 4) + 4


@pytest.fixture
def make_fork_server() -> type[ForkServer]:
    """Give the worker a fork server of its own: all that is its own is looked at."""
    return ForkServer


@pytest.fixture
def scene(open_rig: OpenRig) -> Iterator[Scene]:
    """Give a worker for all machines: starting one for each would take most of the time."""
    rig = open_rig(warm=2, kind_of_worker=RecordedWorker)
    assert isinstance(rig.worker, RecordedWorker)
    with asyncio.Runner() as loop:
        yield Scene(rig, rig.worker, loop)


def run(scene: Scene, runs: int) -> None:
    """Have machines start so many executions."""

    class Machine(RandomRuns):
        pass

    Machine.scene = scene
    threads = threading.active_count()
    try:
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=runs // TOGETHER,
                stateful_step_count=PRESSES,
                # What failed at one moment need not fail at the next: there is nothing to shrink.
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )
    except Exception as error:
        if scene.failures:
            raise scene.failures[0] from error
        raise
    print(scene.tally.table())
    assert scene.tally.runs >= runs
    assert threading.active_count() <= threads + POOLED_THREADS


@pytest.mark.timeout(600)
def test_whatever_is_pressed_each_execution_ends_once_truthfully_and_leaves_nothing(
    scene: Scene,
) -> None:
    run(scene, RUNS)


@pytest.mark.stress
def test_whatever_is_pressed_each_execution_ends_once_truthfully_and_leaves_nothing_long(
    scene: Scene,
) -> None:
    run(scene, STRESS_RUNS)
