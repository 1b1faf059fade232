"""The janitor is killed or stopped, and every cancel is done all the same."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from ignition_toolkit.execution.janitor_process import JanitorProcess
from ignition_toolkit.playbook.models import CancelOutcome, ExecutionStatus
from tests.integration.execution.conftest import OpenRig
from tests.integration.execution.rig import SOON_S, Rig, is_alive, playbook, step
from tests.polling import poll_until_async

E = ExecutionStatus


async def killed(rig: Rig) -> None:
    """Kill the janitor, and wait until it is gone."""
    pid = rig.janitor
    os.kill(pid, signal.SIGKILL)
    await poll_until_async(lambda: not is_alive(pid), SOON_S)


async def test_while_an_execution_runs_another_takes_its_place(rig: Rig) -> None:
    point = rig.point()
    execution_id = await rig.start(playbook(step("a", "held.block", point=str(point))))
    pid = await point.reached()
    old = rig.janitor
    await killed(rig)
    await rig.health(lambda health: health.janitor == "ok")
    assert rig.janitor != old
    assert is_alive(pid)
    _, record = await rig.cancelled(execution_id)
    assert record.outcome is CancelOutcome.KILLED
    assert not is_alive(pid)


async def test_a_cancel_while_there_is_none_is_done_by_the_next(rig: Rig) -> None:
    point = rig.point()
    execution_id = await rig.start(playbook(step("a", "held.block", point=str(point))))
    pid = await point.reached()
    await killed(rig)
    await rig.cancelled(execution_id)
    assert not is_alive(pid)


async def test_a_polite_cancel_while_there_is_none_is_verified_by_the_next(rig: Rig) -> None:
    point = rig.point()
    execution_id = await rig.start(playbook(step("a", "held.wait", point=str(point))))
    await point.reached()
    await killed(rig)
    _, record = await rig.cancelled(execution_id)
    assert record.outcome is CancelOutcome.COOPERATIVE


async def test_one_that_dies_in_the_middle_of_a_cancel_is_replaced(rig: Rig) -> None:
    """It is stopped before its time has come, and then killed: it has not begun."""
    point = rig.point()
    execution_id = await rig.start(playbook(step("a", "held.block", point=str(point))))
    pid = await point.reached()
    rig.stop_janitor()
    await rig.cancel(execution_id)
    os.kill(rig.janitor, signal.SIGKILL)
    view = await rig.final(execution_id)
    assert view.status is E.CANCELLED
    assert not is_alive(pid)


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [("held.wait", CancelOutcome.COOPERATIVE), ("held.block", CancelOutcome.KILLED)],
)
async def test_one_that_is_stopped_is_woken_and_ends_the_tree(
    rig: Rig, kind: str, outcome: CancelOutcome, caplog: pytest.LogCaptureFixture
) -> None:
    point = rig.point()
    execution_id = await rig.start(playbook(step("a", kind, point=str(point))))
    pid = await point.reached()
    old = rig.janitor
    rig.stop_janitor()
    _, record = await rig.cancelled(execution_id)
    assert record.outcome is outcome
    assert not is_alive(pid)
    assert rig.janitor == old
    assert f"the janitor (pid {old}) was stopped" in caplog.text


async def test_one_that_cannot_be_woken_is_replaced(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody holds it, as a freezer does: it gets the signal and stays where it is."""
    send = JanitorProcess.send

    def send_in_vain(process: JanitorProcess, number: signal.Signals) -> None:
        if number is not signal.SIGCONT:
            send(process, number)

    monkeypatch.setattr(JanitorProcess, "send", send_in_vain)
    point = rig.point()
    execution_id = await rig.start(playbook(step("a", "held.block", point=str(point))))
    pid = await point.reached()
    old = rig.janitor
    rig.stop_janitor()
    await rig.cancelled(execution_id)
    assert not is_alive(pid)
    assert rig.janitor != old


async def test_a_look_at_the_health_wakes_one_that_is_stopped(rig: Rig) -> None:
    rig.stop_janitor()
    await rig.health(lambda health: health.janitor == "ok")


async def test_it_dies_again_and_again_and_the_cancel_is_done(rig: Rig) -> None:
    point = rig.point()
    execution_id = await rig.start(playbook(step("a", "held.block", point=str(point))))
    pid = await point.reached()
    cancelling = asyncio.create_task(rig.cancel(execution_id))
    for _ in range(3):
        await killed(rig)
        await poll_until_async(lambda: is_alive(rig.janitor), SOON_S)
    await cancelling
    assert (await rig.final(execution_id)).status is E.CANCELLED
    assert not is_alive(pid)


async def test_the_health_address_says_that_none_answers(rig: Rig) -> None:
    with rig.janitor_unheard():
        health = await rig.worker.health()
    assert (health.status, health.janitor) == ("down", "no answer")
    assert any("janitor does not answer" in problem for problem in health.problems)


async def test_a_worker_is_closed_although_it_has_just_died(open_rig: OpenRig) -> None:
    rig = open_rig()
    point = rig.point()
    execution_id = await rig.start(playbook(step("a", "held.block", point=str(point))))
    pid = await point.reached()
    pids = set(rig.worker._core._pool.pids)
    await killed(rig)
    await asyncio.get_running_loop().run_in_executor(None, rig.worker.close)
    assert not any(map(is_alive, pids | {pid}))
    view = await open_rig().view(execution_id)
    assert view.status is E.CANCELLED


async def test_an_idle_worker_is_closed_although_it_has_just_died(open_rig: OpenRig) -> None:
    rig = open_rig(warm=2)
    await poll_until_async(lambda: len(rig.worker._core._pool.warm_pids) == 2, SOON_S)
    pids = set(rig.worker._core._pool.pids)
    await killed(rig)
    await asyncio.get_running_loop().run_in_executor(None, rig.worker.close)
    assert not any(map(is_alive, pids))
