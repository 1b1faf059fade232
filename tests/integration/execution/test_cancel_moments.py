"""Every moment of a cancel, each held by an event until the cancel has been asked for."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any, Protocol

import pytest

from ignition_toolkit.errors import NotFound, WrongState
from ignition_toolkit.execution.janitor_link import JanitorLink
from ignition_toolkit.execution.runner_process import RunnerProcess
from ignition_toolkit.execution.views import ExecutionView
from ignition_toolkit.playbook.models import CancelOutcome, CancelSource, ExecutionStatus, Frozen
from ignition_toolkit.protocol import Cancel
from tests.integration.execution.conftest import HeldSpawns, OpenRig, Paused
from tests.integration.execution.rig import (
    SOON_S,
    Data,
    Rig,
    is_alive,
    playbook,
    state_of,
    step,
    step_statuses,
    steps,
)
from tests.polling import poll_until_async

E, O = ExecutionStatus, CancelOutcome  # noqa: E741 - one letter each, as everywhere here
#: Milliseconds of the grace, and after which a machine had no time for the ladder.
GRACE_MS, LATE_MS = 250, 500


class LegState(Protocol):
    """What a leg knows of a stop."""

    @property
    def settled(self) -> object: ...


def log(step_id: str, **fields: Any) -> Data:
    """Return a step that writes a line."""
    return step(step_id, "utility.log", message=step_id, **fields)


async def test_before_the_start_while_it_waits_for_a_slot(open_rig: OpenRig) -> None:
    rig = open_rig(slots=1)
    point = rig.point()
    first = await rig.start(playbook(step("a", "held.wait", point=str(point))))
    await point.reached()
    second = await rig.start(playbook(step("a", "held.wait", point=str(rig.point("other")))))
    answer = await rig.cancel(second)
    assert (answer.status, answer.already) == (E.CANCELLED, False)
    view = await rig.final(second)
    assert view.cancellation is not None
    assert (view.cancellation.outcome, view.cancellation.step_id) == (O.COOPERATIVE, None)
    assert view.cancellation.tree_gone_ms == 0.0
    assert view.started_at is None
    # It frees no slot that it does not hold.
    third = await rig.start(playbook(step("a", "held.wait", point=str(rig.point("third")))))
    assert (await rig.view(third)).status is E.PENDING
    point.go()
    assert (await rig.final(first)).status is E.COMPLETED
    await rig.point("third").reached()
    assert rig.point("other").pids == []
    await rig.cancelled(third)


async def test_during_the_hand_over_to_a_runner(open_rig: OpenRig, spawns: HeldSpawns) -> None:
    rig = open_rig(warm=0)
    point = rig.point()
    text = playbook(step("a", "held.wait", point=str(point)), on_cancel=[log("bye")])
    await rig.check(text)
    spawns.close()
    execution_id = await rig.start(text)
    await spawns.reached()
    view, record = await rig.cancelled(execution_id)
    spawns.open()
    assert (record.outcome, record.step_id, record.on_cancel) == (O.COOPERATIVE, None, ())
    assert step_statuses(view) == {"a": "pending"}
    assert point.pids == []
    # The runner that came up for it is there for the next.
    assert (await rig.run(playbook(log("a")))).status is E.COMPLETED


async def test_during_the_import_of_a_handlers_module(open_rig: OpenRig, held_steps: Path) -> None:
    rig = open_rig(warm=1)
    text = playbook(step("a", "held.imported"), log("b"))
    await rig.check(text)
    hold, reached = held_steps / "hold-import", held_steps / "import.in"
    hold.touch()
    try:
        execution_id = await rig.start(text)
        await poll_until_async(lambda: reached.exists() and reached.read_text(), SOON_S)
        view, record = await rig.cancelled(execution_id)
    finally:
        hold.unlink()
        reached.unlink(missing_ok=True)
    assert (record.outcome, record.step_id) == (O.KILLED, "a")
    assert record.stuck_at is not None
    assert "held_import.py" in record.stuck_at
    assert step_statuses(view) == {"a": "cancelled", "b": "pending"}


async def test_between_two_steps(rig: Rig) -> None:
    point = rig.point()
    execution_id = await rig.start(playbook(step("a", "held.between", point=str(point)), log("b")))
    pid = await point.reached()
    await poll_until_async(lambda: state_of(pid) == "T", SOON_S)
    view, record = await rig.cancelled(execution_id)
    assert record.outcome is O.KILLED
    assert record.stuck_at is None
    assert step_statuses(view)["b"] == "pending"
    assert not is_alive(pid)


async def test_in_a_step_that_reacts(rig: Rig) -> None:
    point = rig.point()
    execution_id = await rig.start(playbook(step("a", "held.wait", point=str(point)), log("b")))
    pid = await point.reached()
    view, record = await rig.cancelled(execution_id)
    assert (record.outcome, record.step_id, record.stuck_at) == (O.COOPERATIVE, "a", None)
    assert (record.requested_by, record.source) == ("me", CancelSource.API)
    assert record.step_stopped_ms is not None
    assert record.tree_gone_ms is not None
    assert record.step_stopped_ms <= record.tree_gone_ms
    assert step_statuses(view) == {"a": "cancelled", "b": "pending"}
    assert await rig.statuses(execution_id) == ["pending", "running", "cancelling", "cancelled"]
    assert not is_alive(pid)


@pytest.mark.parametrize("kind", ["held.block", "held.gil"])
async def test_in_a_step_that_does_not_react(rig: Rig, kind: str) -> None:
    point = rig.point()
    execution_id = await rig.start(playbook(step("a", kind, point=str(point))))
    pid = await point.reached()
    view, record = await rig.cancelled(execution_id)
    assert (record.outcome, record.step_id) == (O.KILLED, "a")
    assert [(process.pid, process.name) for process in record.killed] == [(pid, "runner")]
    # A runner that gets no processor between the question and the kill cannot say where it is.
    assert record.tree_gone_ms is not None
    if record.stuck_at is not None or record.tree_gone_ms < LATE_MS:
        assert "held_kinds.py" in (record.stuck_at or "")
    assert steps(view)["a"].status == "cancelled"
    assert not is_alive(pid)


async def test_during_the_delay_before_a_retry(rig: Rig) -> None:
    point = rig.point()
    failing = step("a", "held.fail", point=str(point), retry_count=1, retry_delay=60)
    execution_id = await rig.start(playbook(failing, log("b")))
    await rig.until(execution_id, _has_error)
    view, record = await rig.cancelled(execution_id)
    assert record.step_id == "a"
    assert record.step_stopped_ms is not None
    assert record.outcome is O.COOPERATIVE or record.step_stopped_ms >= GRACE_MS
    assert step_statuses(view) == {"a": "cancelled", "b": "pending"}
    assert len(point.pids) == 1


def _has_error(view: ExecutionView) -> bool:
    found = steps(view)["a"]
    return found.status == "running" and found.error is not None


async def test_while_paused(paused: Paused) -> None:
    rig, execution_id = await paused(log("a"), on_cancel=[log("bye")])
    view, record = await rig.cancelled(execution_id)
    assert (record.outcome, record.step_id, record.on_cancel) == (O.COOPERATIVE, None, ())
    assert step_statuses(view) == {"a": "pending"}
    assert await rig.statuses(execution_id) == [
        "pending",
        "running",
        "paused",
        "cancelling",
        "cancelled",
    ]


async def test_in_a_nested_playbook(rig: Rig) -> None:
    point = rig.point()
    rig.library("inner.yaml", playbook(step("x", "held.wait", point=str(point)), log("y")))
    rig.library("middle.yaml", playbook(step("m", "playbook.run", playbook="inner.yaml")))
    execution_id = await rig.start(
        playbook(step("o", "playbook.run", playbook="middle.yaml"), log("b"))
    )
    await point.reached()
    view, record = await rig.cancelled(execution_id)
    assert (record.outcome, record.step_id) == (O.COOPERATIVE, "o/m/x")
    assert step_statuses(view) == {
        "o": "cancelled",
        "b": "pending",
        "o/m": "cancelled",
        "o/m/x": "cancelled",
        "o/m/y": "pending",
    }


async def test_while_a_runner_is_replaced_after_a_timeout(
    open_rig: OpenRig, spawns: HeldSpawns
) -> None:
    rig = open_rig(warm=0)
    point = rig.point()
    stuck = step("a", "held.block", point=str(point), timeout=0.2, on_failure="continue")
    text = playbook(stuck, log("b"))
    await rig.check(text)
    execution_id = await rig.start(text)
    pid = await point.reached()
    spawns.close()
    await spawns.reached()
    assert not is_alive(pid)
    view, record = await rig.cancelled(execution_id)
    spawns.open()
    assert record.outcome is O.COOPERATIVE
    assert step_statuses(view) == {"a": "cancelled", "b": "pending"}
    assert steps(view)["a"].cancellation is not None


async def test_while_a_step_that_was_skipped_waits_to_go_on(rig: Rig) -> None:
    """The runner has stopped the step and asks whether it may go on: nobody answers yet."""
    point = rig.point()
    execution_id = await rig.start(playbook(step("a", "held.wait", point=str(point)), log("b")))
    await point.reached()
    with rig.janitor_unheard():
        await rig.worker.skip(execution_id)
        await poll_until_async(lambda: _leg_state(rig, execution_id).settled, SOON_S)
        await rig.cancel(execution_id)
    view = await rig.final(execution_id)
    assert view.status is E.CANCELLED
    assert view.cancellation is not None
    assert view.cancellation.outcome is O.COOPERATIVE
    assert steps(view)["b"].status == "pending"


def _leg_state(rig: Rig, execution_id: str) -> LegState:
    supervision = rig.worker._core.manager._runs[execution_id].supervision
    assert supervision is not None
    assert supervision._leg is not None
    return supervision._leg._state


async def test_twice_is_accepted_and_changes_nothing(rig: Rig) -> None:
    point = rig.point()
    execution_id = await rig.start(playbook(step("a", "held.block", point=str(point))))
    await point.reached()
    first = await rig.cancel(execution_id)
    second = await rig.worker.cancel(
        execution_id, source=CancelSource.WEB, requested_by="somebody else"
    )
    assert (first.already, second.already) == (False, True)
    assert second.status is E.CANCELLING
    view = await rig.final(execution_id)
    assert view.cancellation is not None
    assert (view.cancellation.requested_by, view.cancellation.source) == ("me", CancelSource.API)
    assert (await rig.statuses(execution_id)).count("cancelling") == 1


async def test_after_every_step_had_completed(rig: Rig) -> None:
    """The runner has said that it is done; its tree is not verified to be gone yet."""
    point = rig.point()
    execution_id = await rig.start(
        playbook(step("a", "held.wait", point=str(point)), on_cancel=[log("bye")])
    )
    pid = await point.reached()
    with rig.janitor_unheard():
        point.go()
        await poll_until_async(lambda: not is_alive(pid), SOON_S)
        assert (await rig.cancel(execution_id)).status is E.CANCELLING
    view = await rig.final(execution_id)
    assert view.status is E.COMPLETED
    assert view.cancellation is not None
    assert (view.cancellation.outcome, view.cancellation.step_id) == (O.TOO_LATE, None)
    assert view.cancellation.on_cancel == ()
    assert view.cancel_requested_at is not None


async def test_after_the_end_is_refused_and_changes_nothing(rig: Rig) -> None:
    view = await rig.run(playbook(log("a")))
    before = await rig.events(view.execution_id)
    with pytest.raises(WrongState, match="is completed and cannot be") as caught:
        await rig.cancel(view.execution_id)
    assert caught.value.fields["status"] == "completed"
    for steer in (rig.worker.pause, rig.worker.resume, rig.worker.skip):
        with pytest.raises(WrongState):
            await steer(view.execution_id)
    assert await rig.view(view.execution_id) == view
    assert await rig.events(view.execution_id) == before


async def test_of_an_unknown_execution_is_an_error(rig: Rig) -> None:
    with pytest.raises(NotFound):
        await rig.cancel("0192aaaa-0000-7000-8000-000000000001")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give who is told of an end or a cancel, in order."""
    names: list[str] = []
    end, send = JanitorLink.end, RunnerProcess.send

    def tell_janitor(self: JanitorLink, *args: Any, **values: Any) -> Any:
        names.append("janitor")
        return end(self, *args, **values)

    def tell_runner(self: RunnerProcess, command: Frozen) -> None:
        if isinstance(command, Cancel):
            names.append("runner")
        send(self, command)

    monkeypatch.setattr(JanitorLink, "end", tell_janitor)
    monkeypatch.setattr(RunnerProcess, "send", tell_runner)
    return names


async def test_of_all_cancels_what_runs_and_what_waits(open_rig: OpenRig, told: list[str]) -> None:
    rig = open_rig(slots=2)
    points = [rig.point(str(number)) for number in range(3)]
    ids = [await rig.start(playbook(step("a", "held.block", point=str(point)))) for point in points]
    for point in points[:2]:
        await point.reached()
    assert await rig.worker.cancel_all(source=CancelSource.API, requested_by="me") == ids
    # A runner that stops takes the processor from whoever tells the janitor of the next.
    assert told[:4] == ["janitor", "janitor", "runner", "runner"]
    views = [await rig.final(execution_id) for execution_id in ids]
    assert {view.status for view in views} == {E.CANCELLED}
    assert points[2].pids == []


async def test_while_the_worker_is_being_closed(open_rig: OpenRig) -> None:
    """The server is stopped; somebody cancels the on_cancel step that the stop waits for."""
    rig = open_rig()
    point, bye = rig.point(), rig.point("bye")
    execution_id = await rig.start(
        playbook(
            step("a", "held.wait", point=str(point)),
            on_cancel=[step("bye", "held.wait", point=str(bye))],
        )
    )
    await point.reached()
    closing = asyncio.get_running_loop().run_in_executor(None, rig.worker.close)
    await bye.reached()
    assert (await rig.cancel(execution_id)).already
    await asyncio.wait_for(closing, SOON_S)
    view = await open_rig().view(execution_id)
    assert view.status is E.CANCELLED
    assert view.cancellation is not None
    assert view.cancellation.source is CancelSource.SHUTDOWN
    (result,) = view.cancellation.on_cancel
    assert (result.status, result.error) == (
        "cancelled",
        "a second cancel ended the on_cancel steps",
    )


async def test_a_stop_at_once_leaves_no_grace_and_runs_no_on_cancel(rig: Rig) -> None:
    point, bye = rig.point(), rig.point("bye")
    execution_id = await rig.start(
        playbook(
            step("a", "held.block", point=str(point)),
            on_cancel=[step("bye", "held.wait", point=str(bye))],
        )
    )
    await point.reached()
    await rig.cancel(execution_id)
    rig.worker.kill_now(execution_id)
    view = await rig.final(execution_id)
    record = view.cancellation
    assert record is not None
    assert record.outcome is O.KILLED
    assert record.tree_gone_ms is not None
    assert bye.pids == []
    assert [result.status for result in record.on_cancel] == ["pending"]


async def test_killing_what_nobody_has_cancelled_does_nothing(rig: Rig) -> None:
    point = rig.point()
    execution_id = await rig.start(playbook(step("a", "held.wait", point=str(point))))
    await point.reached()
    rig.worker.kill_now(execution_id)
    rig.worker.kill_now("unknown")
    await rig.worker.health()
    point.go()
    assert (await rig.final(execution_id)).status is E.COMPLETED


async def test_a_client_that_goes_away_takes_nothing_back(rig: Rig) -> None:
    """Its start and its cancel go on: what was asked for happens."""
    point = rig.point()
    text = playbook(step("a", "held.wait", point=str(point)))
    starting = asyncio.create_task(rig.start(text))
    await asyncio.sleep(0)
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await point.reached()
    page = await rig.worker.executions(limit=10)
    (item,) = page.items
    cancelling = asyncio.create_task(rig.cancel(item.execution_id))
    await asyncio.sleep(0)
    cancelling.cancel()
    await asyncio.gather(cancelling, return_exceptions=True)
    assert (await rig.final(item.execution_id)).status is E.CANCELLED


async def test_every_process_of_a_cancelled_step_is_gone_and_named(rig: Rig) -> None:
    point = rig.point()
    execution_id = await rig.start(
        playbook(
            step("a", "held.leave", point=str(point)),
            step("b", "held.wait", point=str(rig.point("b"))),
        )
    )
    await rig.point("b").reached()
    left = int(Path(f"{point}.left").read_text())
    assert is_alive(left)
    _, record = await rig.cancelled(execution_id)
    assert not is_alive(left)
    assert left in [process.pid for process in record.killed]
    assert os.getpid() not in [process.pid for process in record.killed]
