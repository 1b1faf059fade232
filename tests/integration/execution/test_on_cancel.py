"""The on_cancel steps: after the verified stop, in a runner of their own, each in the record."""

from __future__ import annotations

from typing import Any

import pytest

from ignition_toolkit.playbook.models import CancelOutcome, ExecutionStatus, StepStatus
from tests.integration.execution.conftest import OpenRig
from tests.integration.execution.rig import (
    Data,
    Rig,
    is_alive,
    playbook,
    step,
    step_statuses,
    steps,
)

E, S = ExecutionStatus, StepStatus


def log(step_id: str, **fields: Any) -> Data:
    return step(step_id, "utility.log", message=step_id, **fields)


def results(rig_view: Any) -> list[tuple[str, str, str | None]]:
    """Return what the record says of the on_cancel steps."""
    assert rig_view.cancellation is not None
    return [(one.step_id, one.status.value, one.error) for one in rig_view.cancellation.on_cancel]


async def test_they_run_after_the_verified_stop_in_a_new_runner_with_the_figures_public(
    rig: Rig,
) -> None:
    point, bye = rig.point(), rig.point("bye")
    execution_id = await rig.start(
        playbook(
            step("a", "held.block", point=str(point)),
            on_cancel=[step("bye", "held.wait", point=str(bye))],
        )
    )
    pid = await point.reached()
    await rig.cancel(execution_id)
    new = await bye.reached()
    assert new != pid
    assert not is_alive(pid)
    view = await rig.view(execution_id)
    assert view.status is E.CANCELLING
    assert view.cancellation is not None
    assert view.cancellation.outcome is CancelOutcome.KILLED
    assert view.cancellation.tree_gone_ms is not None
    assert results(view) == [("on_cancel/bye", "pending", None)]
    bye.go()
    view = await rig.final(execution_id)
    assert view.status is E.CANCELLED
    assert results(view) == [("on_cancel/bye", "completed", None)]


async def test_they_know_what_the_run_had_done(rig: Rig) -> None:
    point = rig.point()
    execution_id = await rig.start(
        playbook(
            step("e", "held.echo", value="made"),
            step("a", "held.block", point=str(point)),
            on_cancel=[step("bye", "held.echo", value="{{ variable.echo }} by {{ step.e.value }}")],
        )
    )
    await point.reached()
    view, _ = await rig.cancelled(execution_id)
    assert steps(view)["on_cancel/bye"].output is not None
    assert steps(view)["on_cancel/bye"].output["value"] == "made by made"  # type: ignore[index]


async def test_a_failing_one_ends_those_after_it_and_the_run_is_cancelled_all_the_same(
    rig: Rig,
) -> None:
    point = rig.point()
    execution_id = await rig.start(
        playbook(
            step("a", "held.wait", point=str(point)),
            on_cancel=[
                log("first"),
                step("bad", "held.fail", point=str(rig.point("bad"))),
                log("last"),
            ],
        )
    )
    await point.reached()
    view, _ = await rig.cancelled(execution_id)
    first, bad, last = results(view)
    assert first == ("on_cancel/first", "completed", None)
    assert bad[1] == "failed"
    assert "failed for the 1. time" in (bad[2] or "")
    assert last[1] == "pending"
    assert (last[2] or "").startswith("not run: ")


async def test_a_failing_one_that_may_fail_does_not_end_those_after_it(rig: Rig) -> None:
    point = rig.point()
    execution_id = await rig.start(
        playbook(
            step("a", "held.wait", point=str(point)),
            on_cancel=[
                step("bad", "held.end", how="exit", point=str(rig.point("bad")),
                     on_failure="continue"),
                log("last"),
            ],
        )
    )  # fmt: skip
    await point.reached()
    view, _ = await rig.cancelled(execution_id)
    assert [one[1] for one in results(view)] == ["failed", "completed"]
    assert "exit code 3" in (results(view)[0][2] or "")


@pytest.mark.parametrize("kind", ["held.block", "held.wait"])
async def test_one_that_is_stuck_or_slow_is_ended_at_their_timeout(rig: Rig, kind: str) -> None:
    point, bye = rig.point(), rig.point("bye")
    execution_id = await rig.start(
        playbook(
            step("a", "held.wait", point=str(point)),
            on_cancel=[step("bye", kind, point=str(bye)), log("last")],
            on_cancel_timeout=4.0,
        )
    )
    await point.reached()
    await rig.cancel(execution_id)
    view = await rig.final(execution_id)
    assert view.status is E.CANCELLED
    why = "all on_cancel steps together had 4 s"
    assert results(view) == [
        ("on_cancel/bye", "cancelled", why),
        ("on_cancel/last", "pending", f"not run: {why}"),
    ]
    assert not is_alive(bye.pids[-1])


async def test_those_of_nested_playbooks_run_first_innermost_first(rig: Rig) -> None:
    point = rig.point()
    rig.library(
        "inner.yaml",
        playbook(step("x", "held.block", point=str(point)), on_cancel=[log("inner_bye")]),
    )
    rig.library(
        "middle.yaml",
        playbook(step("m", "playbook.run", playbook="inner.yaml"), on_cancel=[log("middle_bye")]),
    )
    rig.library("done.yaml", playbook(log("d"), on_cancel=[log("never")]))
    execution_id = await rig.start(
        playbook(
            step("before", "playbook.run", playbook="done.yaml"),
            step("o", "playbook.run", playbook="middle.yaml"),
            on_cancel=[log("main_bye")],
        )
    )
    await point.reached()
    view, _ = await rig.cancelled(execution_id)
    expected = ["o/m/on_cancel/inner_bye", "o/on_cancel/middle_bye", "on_cancel/main_bye"]
    assert [one[0] for one in results(view)] == expected
    assert {one[1] for one in results(view)} == {"completed"}
    assert (await rig.log(execution_id))[-3:] == ["inner_bye", "middle_bye", "main_bye"]


async def test_they_do_not_run_when_nothing_had_started(open_rig: OpenRig) -> None:
    rig = open_rig(slots=1)
    point = rig.point()
    first = await rig.start(playbook(step("a", "held.wait", point=str(point))))
    await point.reached()
    waiting = await rig.start(playbook(log("a"), on_cancel=[log("bye")]))
    await rig.cancel(waiting)
    view = await rig.final(waiting)
    assert results(view) == []
    assert "on_cancel/bye" not in step_statuses(view)
    await rig.cancelled(first)


async def test_a_second_cancel_ends_them_too(rig: Rig) -> None:
    point, bye = rig.point(), rig.point("bye")
    execution_id = await rig.start(
        playbook(
            step("a", "held.wait", point=str(point)),
            on_cancel=[step("bye", "held.block", point=str(bye)), log("last")],
        )
    )
    await point.reached()
    await rig.cancel(execution_id)
    pid = await bye.reached()
    answer = await rig.cancel(execution_id)
    assert (answer.already, answer.status) == (True, E.CANCELLING)
    view = await rig.final(execution_id)
    assert view.status is E.CANCELLED
    why = "a second cancel ended the on_cancel steps"
    assert results(view) == [
        ("on_cancel/bye", "cancelled", why),
        ("on_cancel/last", "pending", f"not run: {why}"),
    ]
    assert not is_alive(pid)


async def test_they_do_not_run_after_a_cancel_that_came_too_late_or_a_failure(rig: Rig) -> None:
    text = playbook(step("a", "held.fail", point=str(rig.point())), on_cancel=[log("bye")])
    view = await rig.run(text)
    assert view.status is E.FAILED
    assert view.cancellation is None
    assert "on_cancel/bye" not in step_statuses(view)


async def test_a_timeout_of_one_of_them_is_its_own(rig: Rig) -> None:
    point, bye = rig.point(), rig.point("bye")
    stuck = step("bye", "held.block", point=str(bye), timeout=0.3, on_failure="continue")
    execution_id = await rig.start(
        playbook(step("a", "held.wait", point=str(point)), on_cancel=[stuck, log("last")])
    )
    await point.reached()
    view, _ = await rig.cancelled(execution_id)
    assert [one[1] for one in results(view)] == ["failed", "completed"]
    told = steps(view)["on_cancel/bye"].cancellation
    assert told is not None
    assert (told.source, told.outcome) == ("timeout", "killed")
