"""Steps of on_cancel that fail: the run is cancelled all the same, and the record is true."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from ignition_toolkit.execution.views import Claim, ExecutionView
from ignition_toolkit.playbook.models import CancellationRecord, CancelOutcome, ExecutionStatus
from tests.integration.execution.conftest import HeldSpawns, OpenRig
from tests.integration.execution.refused import Refused
from tests.integration.execution.rig import Data, Rig, is_alive, playbook, step, steps

E = ExecutionStatus
URL = "http://localhost:8088"
GATEWAY: Data = {"name": "gateway_url", "type": "string", "default": URL}

#: What the record says of each on_cancel step: id, status, error.
Results = list[tuple[str, str, str | None]]


def log(step_id: str) -> Data:
    return step(step_id, "utility.log", message=step_id)


async def begun(rig: Rig, *on_cancel: Data, **fields: object) -> str:
    """Return an execution that has a gateway, and whose only step waits politely."""
    point = rig.point()
    waiting = step("a", "held.wait", point=str(point))
    text = playbook(waiting, on_cancel=list(on_cancel), parameters=[GATEWAY], **fields)
    execution_id = await rig.start(text)
    await point.reached()
    return execution_id


def results(view: ExecutionView) -> Results:
    """Return what the record says of the on_cancel steps; the stop's figures must be there too."""
    record = stop_of(view)
    assert record.outcome is CancelOutcome.COOPERATIVE
    return [(one.step_id, one.status.value, one.error) for one in record.on_cancel]


def stop_of(view: ExecutionView) -> CancellationRecord:
    record = view.cancellation
    assert record is not None
    assert record.step_id == "a"
    assert record.step_stopped_ms is not None
    assert record.tree_gone_ms is not None
    return record


async def cancelled(rig: Rig, execution_id: str) -> ExecutionView:
    """Cancel an execution and wait for its end, at which it holds nothing."""
    await rig.cancel(execution_id)
    view = await rig.final(execution_id)
    assert (view.status, view.error, view.holds) == (E.CANCELLED, None, None)
    return view


async def test_one_whose_runner_is_killed_says_so_and_those_after_it_do_not_run(rig: Rig) -> None:
    bye = rig.point("bye")
    execution_id = await begun(rig, step("bye", "held.wait", point=str(bye)), log("last"))
    await rig.cancel(execution_id)
    os.kill(await bye.reached(), signal.SIGKILL)
    view = await rig.final(execution_id)
    assert (view.status, view.error) == (E.CANCELLED, None)
    why = "the runner was ended by signal SIGKILL during this step"
    assert results(view) == [
        ("on_cancel/bye", "failed", why),
        ("on_cancel/last", "pending", f"not run: step 'on_cancel/bye' failed: {why}"),
    ]
    assert len(bye.pids) == 1


async def test_one_whose_reference_has_no_value_says_which(rig: Rig) -> None:
    lost = step("bye", "utility.log", message="{{ variable.nowhere }}", on_failure="continue")
    view = await cancelled(rig, await begun(rig, lost, log("last")))
    bye, last = results(view)
    assert bye[:2] == ("on_cancel/bye", "failed")
    assert "nowhere" in (bye[2] or "")
    assert last == ("on_cancel/last", "completed", None)


async def test_what_one_leaves_behind_is_ended_before_the_final_status(rig: Rig) -> None:
    left = rig.point("left")
    view = await cancelled(rig, await begun(rig, step("bye", "held.leave", point=str(left))))
    assert not is_alive(int(Path(f"{left}.left").read_text("ascii")))
    assert results(view) == [("on_cancel/bye", "completed", None)]
    # What the stop itself has killed is another matter.
    assert stop_of(view).killed == ()


async def test_what_one_leaves_behind_and_cannot_be_ended_is_told_and_blocks_the_gateway(
    refused: Refused, rig: Rig
) -> None:
    left, bye = rig.point("left"), rig.point("bye")
    execution_id = await begun(
        rig, step("child", "held.child", point=str(left)), step("bye", "held.wait", point=str(bye))
    )
    await rig.cancel(execution_id)
    await bye.reached()
    pid = int(Path(f"{left}.left").read_text("ascii"))
    refused.add(pid)
    bye.go()
    view = await rig.final(execution_id)
    assert view.status is E.FAILED
    assert (view.error or "").startswith(f"could not be stopped: sleep ({pid}): ")
    record = stop_of(view)
    assert record.outcome is CancelOutcome.NOT_STOPPED
    assert [leftover.pid for leftover in record.leftovers] == [pid]
    assert [one.status.value for one in record.on_cancel] == ["completed", "completed"]
    assert view.holds is not None
    assert view.holds.claims == (Claim("gateway", URL),)
    assert is_alive(pid)


async def test_without_a_runner_they_are_given_up_when_their_time_is_over(
    open_rig: OpenRig, spawns: HeldSpawns
) -> None:
    rig = open_rig(warm=0)
    execution_id = await begun(rig, log("bye"), on_cancel_timeout=0.3)
    spawns.close()
    view = await cancelled(rig, execution_id)
    spawns.open()
    why = "not run: all on_cancel steps together had 0.3 s"
    assert results(view) == [("on_cancel/bye", "pending", why)]
    assert "on_cancel/bye" not in steps(view)


async def test_a_second_cancel_while_their_runner_comes_up_has_none_of_them_run(
    open_rig: OpenRig, spawns: HeldSpawns
) -> None:
    rig = open_rig(warm=0)
    bye = rig.point("bye")
    execution_id = await begun(rig, step("bye", "held.wait", point=str(bye)))
    spawns.close()
    await rig.cancel(execution_id)
    await spawns.reached()
    # The first stop is verified and the gateway is held, perhaps a moment after the runner began.
    view = await rig.until(
        execution_id,
        lambda view: view.cancellation is not None and view.cancellation.on_cancel != (),
    )
    assert view.status is E.CANCELLING
    assert results(view) == [("on_cancel/bye", "pending", None)]
    assert view.holds is not None
    assert (await rig.cancel(execution_id)).already
    view = await rig.final(execution_id)
    spawns.open()
    why = "not run: a second cancel ended the on_cancel steps"
    assert (view.status, results(view)) == (E.CANCELLED, [("on_cancel/bye", "pending", why)])
    assert bye.pids == []
