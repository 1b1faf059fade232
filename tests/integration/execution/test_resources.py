"""One playbook at a time on a gateway and on the desktop, and who waits knows for whom."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ignition_toolkit.errors import NotFound, WrongState
from ignition_toolkit.execution.requests import GatewayRequest, Requester, RerunRequest, Wanted
from ignition_toolkit.execution.views import Claim, ExecutionView, WaitingFor
from ignition_toolkit.playbook.gateways import GatewayEntry
from ignition_toolkit.playbook.models import CancelOutcome, CancelSource, ExecutionStatus
from tests.integration.execution.conftest import OpenRig
from tests.integration.execution.refused import Refused
from tests.integration.execution.rig import Data, Point, Rig, is_alive, playbook, step, steps

E = ExecutionStatus
URL = "http://localhost:8088"


def on_gateway(*its_steps: Data, url: str = URL, **fields: object) -> str:
    """Return a playbook for a gateway."""
    parameter = {"name": "gateway_url", "type": "string", "default": url}
    return playbook(*its_steps, parameters=[parameter], **fields)


def waiting(point: Point, kind: str = "held.wait") -> Data:
    return step("a", kind, point=str(point))


def log(text: str = "m") -> Data:
    return step("a", "utility.log", message=text)


async def waits_for(rig: Rig, execution_id: str, held_by: str | None) -> WaitingFor:
    """Return what a pending execution waits for, once it is held by that one."""
    view = await rig.until(
        execution_id, lambda view: bool(view.waiting_for) and held(view) == held_by
    )
    assert view.status is E.PENDING
    assert view.waiting_for is not None
    return view.waiting_for


def held(view: ExecutionView) -> str | None:
    return view.waiting_for.held_by if view.waiting_for else None


async def test_the_same_gateway_is_waited_for_by_name_others_and_shared_ones_are_not(
    rig: Rig,
) -> None:
    points = [rig.point(str(number)) for number in range(3)]
    first = await rig.start(on_gateway(waiting(points[0])))
    second = await rig.start(on_gateway(waiting(points[1]), url="HTTP://127.0.0.1:8088/"))
    third = await rig.start(on_gateway(waiting(points[2]), url=" LOCALHOST:8088"))
    for execution_id in (second, third):
        what = await waits_for(rig, execution_id, first)
        assert (what.kind, what.name) == ("gateway", URL)
    since = (await waits_for(rig, third, first)).since
    # They pass it, one after the other.
    assert (await rig.run(on_gateway(log(), url="http://localhost:8089"))).status is E.COMPLETED
    assert (await rig.run(on_gateway(log(), concurrency="shared"))).status is E.COMPLETED
    page = await rig.worker.executions(Wanted(status=E.PENDING), limit=10)
    assert [held(await rig.view(item.execution_id)) for item in page.items] == [first, first]
    await points[0].reached()
    view = await rig.view(first)
    assert view.holds is not None
    assert view.holds.claims == (Claim("gateway", URL),)
    points[0].go()
    await points[1].reached()
    assert (await rig.view(first)).holds is None
    assert (await waits_for(rig, third, second)).since == since
    points[1].go()
    await points[2].reached()
    assert (await rig.reach(third, E.RUNNING)).waiting_for is None
    points[2].go()
    await rig.final(third)
    told = [row.data["waiting_for"] for row in await rig.events(third, "execution")]
    holders = [what["held_by"] if what else None for what in told]
    assert [holder for holder in holders if holder] == [first, second]
    assert holders[-1] is None


async def test_a_nested_playbooks_gateway_is_claimed_at_the_start(rig: Rig) -> None:
    rig.library("inner.yaml", on_gateway(log(), url="http://inner:8088"))
    outer, inner = rig.point("outer"), rig.point("inner")
    runs = await rig.start(
        on_gateway(waiting(outer), step("n", "playbook.run", playbook="inner.yaml"))
    )
    waits = await rig.start(on_gateway(waiting(inner), url="http://INNER:8088/"))
    await outer.reached()
    assert (await waits_for(rig, waits, runs)).name == "http://inner:8088"
    outer.go()
    await inner.reached()
    view = await rig.final(runs)
    assert view.status is E.COMPLETED
    assert steps(view)["n/a"].status == "completed"
    inner.go()
    await rig.final(waits)


async def test_a_cancel_while_waiting_ends_it_at_once_and_changes_no_turn_but_its_own(
    rig: Rig,
) -> None:
    points = [rig.point(str(number)) for number in range(3)]
    ids = [await rig.start(on_gateway(waiting(point))) for point in points]
    await waits_for(rig, ids[2], ids[0])
    await points[0].reached()
    await rig.cancel(ids[1])
    view = await rig.view(ids[1])
    assert (view.status, view.started_at, view.waiting_for) == (E.CANCELLED, None, None)
    await waits_for(rig, ids[2], ids[0])
    points[0].go()
    await points[2].reached()
    assert points[1].pids == []
    points[2].go()
    assert (await rig.final(ids[2])).status is E.COMPLETED


async def test_a_gateway_stays_claimed_when_it_is_removed_and_registered_anew_meanwhile(
    rig: Rig,
) -> None:
    anna = Requester("cli", "anna")
    entry = GatewayEntry(name="plant", urls=(URL, "https://plant:8043"))
    await rig.worker.put_gateway(GatewayRequest(entry, anna))
    point, never = rig.point(), rig.point("never")
    first = await rig.start(on_gateway(waiting(point)))
    await point.reached()
    await rig.worker.remove_gateway("plant", anna)
    second = await rig.start(on_gateway(waiting(never), url="https://plant:8043"))
    assert (await waits_for(rig, second, first)).name == "https://plant:8043"
    other = entry.model_copy(update={"name": "other"})
    await rig.worker.put_gateway(GatewayRequest(other, anna))
    third = await rig.start(on_gateway(waiting(never)))
    assert (await waits_for(rig, third, first)).name == "other"
    await rig.worker.cancel_all(source=CancelSource.API, requested_by="me")
    for execution_id in (first, second, third):
        assert (await rig.final(execution_id)).status is E.CANCELLED
    assert never.pids == []


async def test_of_those_that_are_cancelled_together_none_starts(rig: Rig) -> None:
    point = rig.point()
    runs = await rig.start(on_gateway(waiting(point)))
    await point.reached()
    never = rig.point("never")
    rig.library("other.yaml", on_gateway(log(), url="http://other:8088"))
    both = await rig.start(
        on_gateway(waiting(never), step("n", "playbook.run", playbook="other.yaml"))
    )
    other = await rig.start(on_gateway(waiting(never), url="http://other:8088"))
    await waits_for(rig, other, both)
    ids = await rig.worker.cancel_all(source=CancelSource.API, requested_by="me")
    assert set(ids) == {runs, both, other}
    for execution_id in ids:
        assert (await rig.final(execution_id)).status is E.CANCELLED
    assert (await rig.view(other)).started_at is None
    assert never.pids == []


async def test_the_gateway_is_held_until_the_on_cancel_steps_are_over(rig: Rig) -> None:
    point, bye, after = rig.point(), rig.point("bye"), rig.point("after")
    runs = await rig.start(
        on_gateway(
            waiting(point, "held.block"), on_cancel=[step("bye", "held.wait", point=str(bye))]
        )
    )
    waits = await rig.start(on_gateway(waiting(after)))
    await point.reached()
    await rig.cancel(runs)
    await bye.reached()
    view = await rig.view(runs)
    assert view.cancellation is not None
    assert view.cancellation.tree_gone_ms is not None
    assert held(await rig.view(waits)) == runs
    bye.go()
    await after.reached()
    assert (await rig.final(runs)).status is E.CANCELLED
    after.go()
    await rig.final(waits)


async def test_there_is_one_desktop(rig: Rig) -> None:
    points = [rig.point(str(number)) for number in range(2)]
    ids = [
        await rig.start(on_gateway(waiting(point, "designer.held"), concurrency="shared"))
        for point in points
    ]
    await points[0].reached()
    what = await waits_for(rig, ids[1], ids[0])
    assert (what.kind, what.name) == ("desktop", "the desktop")
    points[0].go()
    await points[1].reached()
    points[1].go()
    assert (await rig.final(ids[1])).status is E.COMPLETED


async def test_after_a_restart_what_waited_has_its_claims_and_its_order(open_rig: OpenRig) -> None:
    rig = open_rig()
    points = [rig.point(str(number)) for number in range(3)]
    ids = [await rig.start(on_gateway(waiting(point))) for point in points]
    await points[0].reached()
    rig = await restarted(rig, open_rig)
    assert (await rig.view(ids[0])).status is E.CANCELLED
    await points[1].reached()
    await waits_for(rig, ids[2], ids[1])
    points[1].go()
    await points[2].reached()
    points[2].go()
    assert (await rig.final(ids[2])).status is E.COMPLETED


async def restarted(rig: Rig, open_rig: OpenRig) -> Rig:
    """Close a worker, and open the next one on its data folder."""
    await asyncio.get_running_loop().run_in_executor(None, rig.worker.close)
    return open_rig()


# What cannot be stopped.


async def not_stopped(rig: Rig, refused: Refused) -> tuple[str, str, int]:
    """Return an execution that could not be stopped, one that waits for its gateway, and a pid."""
    left, point, after = rig.point("left"), rig.point(), rig.point("after")
    stuck = await rig.start(
        on_gateway(step("l", "held.child", point=str(left)), waiting(point, "held.wait"))
    )
    waits = await rig.start(on_gateway(waiting(after)))
    await point.reached()
    pid = int(Path(f"{left}.left").read_text("ascii"))
    refused.add(pid)
    await rig.cancel(stuck)
    view = await rig.final(stuck)
    assert view.status is E.FAILED
    assert view.error is not None
    assert view.error.startswith(f"could not be stopped: sleep ({pid}): it belongs to user")
    assert view.error.endswith(f"gateway {URL} stays blocked until `itk release {stuck}`")
    assert is_alive(pid)
    return stuck, waits, pid


async def test_what_could_not_be_stopped_blocks_its_gateway_until_a_person_releases_it(
    refused: Refused, rig: Rig
) -> None:
    stuck, waits, pid = await not_stopped(rig, refused)
    view = await rig.view(stuck)
    assert view.cancellation is not None
    assert view.cancellation.outcome is CancelOutcome.NOT_STOPPED
    assert [(left.pid, left.name) for left in view.cancellation.leftovers] == [(pid, "sleep")]
    assert view.holds is not None
    assert view.holds.leftovers == view.cancellation.leftovers
    blocked = f"{URL} (blocked: `itk release {stuck}` frees it)"
    await rig.until(waits, lambda view: bool(view.waiting_for) and blocked == named(view))
    assert held(await rig.view(waits)) == stuck
    health = await rig.worker.health()
    assert health.status == "degraded"
    assert any(f"`itk release {stuck}`" in problem for problem in health.problems)
    assert health.running == 0
    with pytest.raises(WrongState, match="is pending and cannot be released"):
        await rig.worker.release(waits, source="cli", requested_by="anna")
    with pytest.raises(NotFound):
        await rig.worker.release("nobody", source="cli", requested_by="anna")
    answer = await rig.worker.release(stuck, source="cli", requested_by="anna")
    assert answer.released == (Claim("gateway", URL),)
    assert (await rig.view(stuck)).holds is None
    await rig.point("after").reached()
    rig.point("after").go()
    assert (await rig.final(waits)).status is E.COMPLETED
    with pytest.raises(WrongState, match="it blocks nothing"):
        await rig.worker.release(stuck, source="cli", requested_by="anna")
    page = await rig.worker.audit(limit=2, before=None, execution_id=stuck)
    assert [(note.requested_by, note.source, note.action) for note in page.items] == [
        ("anna", "cli", "release"),
        ("me", "api", "cancel"),
    ]
    assert page.before == page.items[-1].id
    assert (await rig.events(stuck))[-1].data["status"] == "failed"
    assert (await rig.worker.health()).status == "ok"


def named(view: ExecutionView) -> str:
    return view.waiting_for.name if view.waiting_for else ""


async def test_a_restart_frees_what_is_blocked_only_when_nothing_is_left_alive(
    open_rig: OpenRig, refused: Refused
) -> None:
    stuck, waits, pid = await not_stopped(rig := open_rig(), refused)
    again = (await rig.worker.rerun(stuck, RerunRequest())).execution_id
    rig = await restarted(rig, open_rig)
    assert is_alive(pid)
    for execution_id in (waits, again):
        assert "blocked" in (await waits_for(rig, execution_id, stuck)).name
    await rig.cancel(again)
    view = await rig.final(again)
    assert (view.status, view.started_at, view.rerun_of) == (E.CANCELLED, None, stuck)
    assert (await rig.view(stuck)).holds is not None
    refused.end()
    rig = await restarted(rig, open_rig)
    await rig.point("after").reached()
    assert (await rig.view(stuck)).holds is None
    rig.point("after").go()
    assert (await rig.final(waits)).status is E.COMPLETED
