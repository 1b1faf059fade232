"""A cancel meets a step that dies of it, or is being stopped already, or stands inside another."""

from __future__ import annotations

from ignition_toolkit.playbook.models import CancelOutcome, ExecutionStatus
from tests.integration.execution.rig import (
    Data,
    Point,
    Rig,
    is_alive,
    playbook,
    step,
    step_statuses,
    steps,
)

E, O = ExecutionStatus, CancelOutcome  # noqa: E741 - one letter each, as everywhere here


def log(step_id: str) -> Data:
    return step(step_id, "utility.log", message=step_id)


async def test_what_a_step_does_when_it_is_cancelled_never_beats_the_cancel(rig: Rig) -> None:
    """It fails, it says that it succeeded, its process ends: it was cancelled all the same."""
    begun = {
        how: await rig.start(playbook(dying(rig.point(how), how), log("b")))
        for how in ("raise", "time out", "return", "exit")
    }
    for how, execution_id in begun.items():
        await rig.point(how).reached()
        view, record = await rig.cancelled(execution_id)
        assert (view.error, record.outcome, record.step_id) == (None, O.COOPERATIVE, "a"), how
        assert step_statuses(view) == {"a": "cancelled", "b": "pending"}
        assert (steps(view)["a"].error, steps(view)["a"].output) == (None, None)
        assert len(rig.point(how).pids) == 1


def dying(point: Point, how: str) -> Data:
    """Return a step that would be tried again, and whose failure would end nothing."""
    return step("a", "held.dying", point=str(point), how=how, retry_count=1, on_failure="continue")


async def test_while_a_step_is_being_stopped_alone_that_does_not_react(rig: Rig) -> None:
    """It refuses to end, and nobody has heard yet what became of its runner."""
    begun = {"skip": await rig.start(lingering(rig.point("skip"), 300.0))}
    await rig.point("skip").reached()
    with rig.janitor_unheard():
        begun["late"] = await rig.start(lingering(rig.point("late"), 0.2))
        await rig.worker.skip(begun["skip"])
        for name, execution_id in begun.items():
            await rig.point(f"{name}.stop").reached()
            assert not (await rig.cancel(execution_id)).already
    for name, execution_id in begun.items():
        view = await rig.final(execution_id)
        assert view.status is E.CANCELLED
        assert view.cancellation is not None
        assert (view.cancellation.outcome, view.cancellation.step_id) == (O.KILLED, "a")
        assert step_statuses(view) == {"a": "cancelled", "b": "pending"}
        assert not is_alive(rig.point(name).pids[-1])


def lingering(point: Point, timeout: float) -> str:
    """Return a playbook whose first step does not react."""
    stuck = step("a", "held.lingering", point=str(point), timeout=timeout, on_failure="continue")
    return playbook(stuck, log("b"))


async def test_while_paused_in_a_nested_playbook(rig: Rig) -> None:
    point = rig.point()
    rig.library("inner.yaml", playbook(step("x", "held.wait", point=str(point)), log("y")))
    execution_id = await rig.start(
        playbook(step("o", "playbook.run", playbook="inner.yaml", timeout=60.0), log("b"))
    )
    await point.reached()
    await rig.worker.pause(execution_id)
    # Commands are taken in their order: the step is over when the pause is known.
    await rig.worker.skip(execution_id)
    await rig.reach(execution_id, E.PAUSED)
    view, record = await rig.cancelled(execution_id)
    assert (record.outcome, record.step_id) == (O.COOPERATIVE, "o")
    assert step_statuses(view) == {
        "o": "cancelled",
        "b": "pending",
        "o/x": "skipped",
        "o/y": "pending",
    }


async def test_during_the_delay_before_a_retry_of_a_nested_playbook(rig: Rig) -> None:
    point = rig.point()
    rig.library("inner.yaml", playbook(step("x", "held.fail", point=str(point)), log("y")))
    outer = step("o", "playbook.run", playbook="inner.yaml", retry_count=1, retry_delay=60)
    execution_id = await rig.start(playbook(outer, log("b")))
    await rig.until(execution_id, lambda view: steps(view)["o"].error is not None)
    view, record = await rig.cancelled(execution_id)
    assert (record.outcome, record.step_id) == (O.COOPERATIVE, "o")
    assert step_statuses(view) == {
        "o": "cancelled",
        "b": "pending",
        "o/x": "failed",
        "o/y": "pending",
    }
    assert len(point.pids) == 1
