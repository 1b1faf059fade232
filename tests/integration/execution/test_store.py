"""Another process holds the database: nothing that acts waits for it, and nothing is lost."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ignition_toolkit.errors import StoreError, WrongState
from ignition_toolkit.execution import manager as manager_module
from ignition_toolkit.playbook.models import ExecutionStatus
from tests.integration.execution.conftest import OpenRig
from tests.integration.execution.rig import Rig, is_alive, playbook, step, step_statuses

E = ExecutionStatus

HOLDER = """
import sqlite3, sys
for line in sys.stdin:
    if line == "hold\\n":
        connection = sqlite3.connect(sys.argv[1], isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
    else:
        connection.close()
    print("done", flush=True)
"""


class Holder:
    """A process that holds the database when it is told to.

    It is older than the worker: the janitor would take a younger child for an orphan of a run.
    """

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-E", "-c", HOLDER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def hold(self) -> None:
        self._tell("hold")

    def release(self) -> None:
        self._tell("release")

    def _tell(self, order: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"

    def end(self) -> None:
        with self._process:
            self._process.kill()


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[Holder]:
    made = Holder(tmp_path / "data" / "itk.db")
    yield made
    made.end()


@pytest.fixture
def rig(holder: Holder, open_rig: OpenRig) -> Rig:
    """Give a worker that is younger than the holder."""
    return open_rig()


async def test_a_cancel_is_done_in_time_and_stored_later(rig: Rig, holder: Holder) -> None:
    point = rig.point()
    execution_id = await rig.start(playbook(step("a", "held.block", point=str(point))))
    pid = await point.reached()
    holder.hold()
    try:
        answer = await rig.cancel(execution_id)
        assert answer.status is E.CANCELLING
        view = await rig.final(execution_id)
        assert not is_alive(pid)
        assert view.status is E.CANCELLED
        assert view.cancellation is not None
        assert view.cancellation.tree_gone_ms is not None
        # Shown from memory: the database still has what it had.
        row = rig.worker.store.execution(execution_id)
        assert row is not None
        assert row.status == "running"
    finally:
        holder.release()
    await asyncio.get_running_loop().run_in_executor(None, rig.worker.store.flush, 30.0)
    row = rig.worker.store.execution(execution_id)
    assert row is not None
    assert row.status == "cancelled"
    assert (await rig.view(execution_id)) == view
    assert await rig.statuses(execution_id) == ["pending", "running", "cancelling", "cancelled"]


async def test_a_cancel_after_an_end_that_is_not_stored_yet_is_refused(
    rig: Rig, holder: Holder
) -> None:
    point = rig.point()
    execution_id = await rig.start(playbook(step("a", "held.wait", point=str(point))))
    await point.reached()
    holder.hold()
    try:
        point.go()
        view = await rig.final(execution_id)
        with pytest.raises(WrongState, match="is completed and cannot be"):
            await rig.cancel(execution_id)
    finally:
        holder.release()
    await asyncio.get_running_loop().run_in_executor(None, rig.worker.store.flush, 30.0)
    assert (await rig.view(execution_id)) == view


async def test_the_health_address_says_so_and_the_list_shows_what_is_true(
    rig: Rig, holder: Holder
) -> None:
    point = rig.point()
    execution_id = await rig.start(playbook(step("a", "held.wait", point=str(point))))
    await point.reached()
    holder.hold()
    try:
        point.go()
        assert (await rig.final(execution_id)).status is E.COMPLETED
        health = await rig.health(lambda health: health.database == "behind")
        assert health.status == "down"
        assert health.unsaved > 0
        assert any("locked" in problem for problem in health.problems)
        page = await rig.worker.executions(limit=10)
        assert [item.status for item in page.items] == [E.COMPLETED]
    finally:
        holder.release()
    await asyncio.get_running_loop().run_in_executor(None, rig.worker.store.flush, 30.0)
    health = await rig.worker.health()
    assert (health.status, health.database, health.unsaved) == ("ok", "ok", 0)


async def test_a_run_goes_on_to_its_end_and_loses_no_event(rig: Rig, holder: Holder) -> None:
    point = rig.point()
    logs = [step(f"s{n}", "utility.log", message=f"line {n}") for n in range(50)]
    execution_id = await rig.start(playbook(step("a", "held.wait", point=str(point)), *logs))
    await point.reached()
    holder.hold()
    try:
        point.go()
        view = await rig.final(execution_id)
    finally:
        holder.release()
    assert set(step_statuses(view).values()) == {"completed"}
    await asyncio.get_running_loop().run_in_executor(None, rig.worker.store.flush, 30.0)
    assert await rig.log(execution_id) == [f"line {n}" for n in range(50)]
    assert (await rig.view(execution_id)) == view


async def test_a_start_that_cannot_be_stored_is_refused_and_does_not_run(
    rig: Rig, holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manager_module, "STORE_START_S", 1.0)
    point = rig.point()
    text = playbook(step("a", "held.wait", point=str(point)))
    await rig.check(text)
    holder.hold()
    try:
        with pytest.raises(StoreError, match="so it was not started: database is locked"):
            await rig.start(text)
    finally:
        holder.release()
    await asyncio.get_running_loop().run_in_executor(None, rig.worker.store.flush, 30.0)
    page = await rig.worker.executions(limit=10)
    assert [(item.status, item.error) for item in page.items] == [
        (E.FAILED, "the database did not take the execution in time, so it was not started")
    ]
    assert point.pids == []


async def test_a_worker_that_is_closed_meanwhile_says_what_was_not_stored_and_lets_go(
    holder: Holder, open_rig: OpenRig
) -> None:
    rig = open_rig()
    point = rig.point()
    execution_id = await rig.start(playbook(step("a", "held.block", point=str(point))))
    pid = await point.reached()
    holder.hold()
    loop = asyncio.get_running_loop()
    try:
        with pytest.raises(StoreError, match="were not written"):
            await loop.run_in_executor(None, rig.worker.close)
    finally:
        holder.release()
    assert not is_alive(pid)
    # What the next worker finds is what was stored: it ran, and its worker is gone.
    view = await open_rig().view(execution_id)
    assert view.status is E.INTERRUPTED
