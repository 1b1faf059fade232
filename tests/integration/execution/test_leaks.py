"""Many executions leave nothing behind: no process, no zombie, no handle, no thread, no file."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

from ignition_toolkit.playbook.models import ExecutionStatus
from tests.integration.execution.conftest import OpenRig
from tests.integration.execution.rig import SOON_S, children, playbook, state_of, step, steps
from tests.polling import poll_until_async

E = ExecutionStatus


def zombies() -> list[int]:
    """Return the dead children that nobody has reaped."""
    return [pid for pid in children() if state_of(pid) == "Z"]


async def test_fifty_executions_leave_no_handle_no_thread_no_zombie_and_no_file(
    open_rig: OpenRig,
) -> None:
    rig = open_rig(slots=4, warm=1)
    text = playbook(
        step("a", "held.say", point=str(rig.point())),
        step("b", "held.leave", point=str(rig.point("b"))),
    )
    first = await rig.run(text)
    assert first.status is E.COMPLETED
    pool = rig.worker._core._pool
    await poll_until_async(lambda: len(pool.warm_pids) == 1, SOON_S)
    handles = len(os.listdir("/proc/self/fd"))
    threads = threading.active_count()
    for _ in range(5):
        ids = await asyncio.gather(*(rig.start(text) for _ in range(10)))
        views = [await rig.final(execution_id) for execution_id in ids]
        assert {view.status for view in views} == {E.COMPLETED}
        kept = [Path((steps(view)["a"].output or {})["kept"]) for view in views]
        await poll_until_async(lambda: not any(path.exists() for path in kept), SOON_S)  # noqa: B023
    await poll_until_async(lambda: len(pool.warm_pids) == len(pool.pids) - 1, SOON_S)
    await poll_until_async(lambda: not zombies(), SOON_S)
    # As many runners as before, or more when some were being started for those that waited.
    more = 4 * (len(pool.warm_pids) - 1)
    assert len(os.listdir("/proc/self/fd")) <= handles + more + 4
    # The loop's executor and those of the pool grow to their size, once.
    assert threading.active_count() <= threads + 8
    folders = [path for path in pool._run_dir.iterdir() if path.is_dir()]
    assert len(folders) == len(pool.pids)
    assert rig.worker._core.manager._runs == {}
    assert rig.worker._core.manager._tasks == {}
