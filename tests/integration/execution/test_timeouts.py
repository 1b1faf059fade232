"""Timeouts and skips of one step: the runner goes on where it is proved clean, else a fresh one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ignition_toolkit.playbook.models import CancellationRecord, CancelOutcome, ExecutionStatus
from tests.integration.execution.conftest import HeldSpawns, OpenRig, Paused
from tests.integration.execution.rig import (
    VERIFIED_S,
    Data,
    Rig,
    is_alive,
    playbook,
    step,
    step_statuses,
    steps,
)

E, O = ExecutionStatus, CancelOutcome  # noqa: E741 - one letter each, as everywhere here
#: Milliseconds of the grace.
GRACE_MS = 250
#: Milliseconds after which a runner that had to be ended may not have had a processor before that,
#: and so no moment to write where it stands.
LATE_MS = 300


def output(view: Any, step_id: str) -> dict[str, Any]:
    """Return what a step gave back."""
    found = steps(view)[step_id].output
    assert found is not None, view
    return found


def record(view: Any, step_id: str) -> CancellationRecord:
    """Return the record of the stop of one step."""
    found = steps(view)[step_id].cancellation
    assert found is not None, view
    return found


def log(step_id: str, **fields: Any) -> Data:
    return step(step_id, "utility.log", message=step_id, **fields)


async def test_after_a_polite_timeout_the_same_runner_goes_on(rig: Rig) -> None:
    view = await rig.run(
        playbook(
            step("e", "held.echo", value=1),
            step("a", "held.wait", point=str(rig.point()), timeout=0.2, on_failure="continue"),
            step("f", "held.echo", value=2),
        )
    )
    assert view.status is E.COMPLETED
    assert step_statuses(view) == {"e": "completed", "a": "failed", "f": "completed"}
    assert output(view, "e")["pid"] == output(view, "f")["pid"]
    assert steps(view)["a"].error == "the step took longer than its timeout of 0.2 s"
    told = record(view, "a")
    assert (told.source, told.outcome, told.step_id) == ("timeout", O.COOPERATIVE, "a")
    assert (told.stuck_at, told.killed) == (None, ())
    assert view.cancellation is None


@pytest.mark.parametrize("kind", ["held.block", "held.thread", "held.gil"])
async def test_after_a_stuck_or_unclean_timeout_a_fresh_runner_takes_over(
    rig: Rig, kind: str
) -> None:
    point = rig.point()
    view = await rig.run(
        playbook(
            step("e", "held.echo", value={"deep": [1, "two"]}),
            step("a", kind, point=str(point), timeout=0.3, on_failure="continue"),
            step("f", "held.echo", value="{{ step.e.value }} {{ variable.echo.deep }}"),
            step("g", "held.echo", value="{{ step.e.value }}"),
        )
    )
    assert view.status is E.COMPLETED, view
    assert output(view, "f")["pid"] != output(view, "e")["pid"]
    assert output(view, "f")["pid"] == output(view, "g")["pid"]
    assert output(view, "g")["value"] == {"deep": [1, "two"]}
    (pid,) = point.pids
    assert not is_alive(pid)
    told = record(view, "a")
    polite = kind == "held.thread"
    assert told.outcome is (O.COOPERATIVE if polite else O.KILLED)
    assert [(p.pid, p.name) for p in told.killed] == [(pid, "runner")]
    if told.tree_gone_ms is not None and told.tree_gone_ms < LATE_MS:
        assert ("held_kinds.py" in (told.stuck_at or "")) is not polite
    (line,) = [text for text in await rig.log(view.execution_id) if "replaced" in text]
    assert "not proved clean" in line
    assert ("thread" in line) is polite


async def test_a_stuck_script_costs_its_own_process_and_not_the_runner(rig: Rig) -> None:
    script = "import time\nwhile True:\n  try: time.sleep(60)\n  except BaseException: pass\n"
    view = await rig.run(
        playbook(
            step("e", "held.echo", value=1),
            step("a", "utility.python", script=script, timeout=3, on_failure="continue"),
            step("f", "held.echo", value=2),
        )
    )
    assert view.status is E.COMPLETED
    told = record(view, "a")
    assert told.outcome is O.KILLED
    # A runner that gets no time to show that it is clean is rightly replaced.
    if told.tree_gone_ms is not None and told.tree_gone_ms < GRACE_MS:
        assert output(view, "e")["pid"] == output(view, "f")["pid"]
        assert [process.name for process in told.killed] == ["script"]
        assert told.stuck_at is not None
        assert told.stuck_at.startswith("<script>:")


async def test_a_timeout_that_may_not_fail_ends_the_run(rig: Rig) -> None:
    point = rig.point()
    view = await rig.run(playbook(step("a", "held.block", point=str(point), timeout=0.2), log("b")))
    assert view.status is E.FAILED
    assert view.error is not None
    assert "took longer than its timeout of 0.2 s and had to be killed" in view.error
    assert "held_kinds.py" in view.error
    assert step_statuses(view) == {"a": "failed", "b": "pending"}


async def test_a_retry_after_a_stuck_attempt_runs_in_a_fresh_runner(rig: Rig) -> None:
    point = rig.point()
    stuck = step("a", "held.block", point=str(point), timeout=0.3, retry_count=1, retry_delay=0.01)
    execution_id = await rig.start(playbook(stuck, log("b")))
    await point.reached(times=2)
    point.go()
    view = await rig.final(execution_id)
    assert view.status is E.COMPLETED
    assert steps(view)["a"].attempts == 2
    first, second = point.pids
    assert first != second
    assert output(view, "a")["pid"] == second


async def test_a_stuck_step_that_is_skipped_costs_the_runner_and_the_next_runs(rig: Rig) -> None:
    point = rig.point()
    execution_id = await rig.start(
        playbook(
            step("e", "held.echo", value="kept"),
            step("a", "held.block", point=str(point)),
            step("f", "held.echo", value="{{ step.e.value }}"),
        )
    )
    pid = await point.reached()
    await rig.worker.skip(execution_id, requested_by="me")
    view = await rig.final(execution_id)
    assert view.status is E.COMPLETED
    assert step_statuses(view)["a"] == "skipped"
    assert output(view, "f")["value"] == "kept"
    assert output(view, "f")["pid"] != pid
    told = record(view, "a")
    assert (told.source, told.requested_by, told.outcome) == ("skip", "me", O.KILLED)
    assert told.tree_gone_ms is not None
    assert told.tree_gone_ms <= 1000 * VERIFIED_S


async def test_a_polite_step_that_is_skipped_keeps_its_runner(rig: Rig) -> None:
    point = rig.point()
    execution_id = await rig.start(
        playbook(
            step("a", "held.wait", point=str(point)),
            step("f", "held.echo", value=1),
        )
    )
    pid = await point.reached()
    await rig.worker.skip(execution_id)
    view = await rig.final(execution_id)
    assert step_statuses(view) == {"a": "skipped", "f": "completed"}
    assert output(view, "f")["pid"] == pid
    assert record(view, "a").outcome is O.COOPERATIVE


async def test_skipping_while_paused_skips_the_next_step_and_stays_paused(
    paused: Paused,
) -> None:
    rig, execution_id = await paused(log("a"), log("b"))
    await rig.worker.skip(execution_id)
    await rig.step_is(execution_id, "a", "skipped")
    assert (await rig.view(execution_id)).status is E.PAUSED
    await rig.worker.resume(execution_id)
    view = await rig.final(execution_id)
    assert step_statuses(view) == {"a": "skipped", "b": "completed"}


async def test_skipping_the_last_step_while_paused_completes_the_run(paused: Paused) -> None:
    rig, execution_id = await paused(log("a"))
    await rig.worker.skip(execution_id)
    view = await rig.final(execution_id)
    assert (view.status, step_statuses(view)["a"]) == (E.COMPLETED, "skipped")


async def test_a_skip_during_the_delay_before_a_retry_ends_the_waiting(rig: Rig) -> None:
    failing = step("a", "held.fail", point=str(rig.point()), retry_count=1, retry_delay=60)
    execution_id = await rig.start(playbook(failing, step("f", "held.echo", value=1)))
    await rig.until(execution_id, lambda view: steps(view)["a"].error is not None)
    await rig.worker.skip(execution_id)
    view = await rig.final(execution_id)
    assert step_statuses(view) == {"a": "skipped", "f": "completed"}


async def test_an_outer_step_times_out_over_a_stuck_inner_one(rig: Rig) -> None:
    point = rig.point()
    rig.library("inner.yaml", playbook(step("x", "held.block", point=str(point)), log("y")))
    outer = step("o", "playbook.run", playbook="inner.yaml", timeout=2, on_failure="continue")
    view = await rig.run(playbook(step("e", "held.echo", value=1), outer, log("b")))
    assert view.status is E.COMPLETED, view
    assert step_statuses(view) == {
        "e": "completed",
        "o": "failed",
        "b": "completed",
        "o/x": "cancelled",
        "o/y": "pending",
    }
    assert "timeout of 2 s" in (steps(view)["o"].error or "")
    assert record(view, "o").outcome is O.KILLED
    assert not is_alive(point.pids[0])


async def test_nothing_of_a_step_begins_whose_time_was_over_while_its_runner_was_replaced(
    open_rig: OpenRig, spawns: HeldSpawns
) -> None:
    rig = open_rig(warm=0)
    first, point, never = rig.point("first"), rig.point(), rig.point("never")
    dies = step("x", "held.end", how="exit", point=str(point), on_failure="continue")
    rig.library("inner.yaml", playbook(dies, step("y", "held.wait", point=str(never))))
    outer = step("o", "playbook.run", playbook="inner.yaml", timeout=1.5, on_failure="continue")
    execution_id = await rig.start(
        playbook(step("e", "held.wait", point=str(first)), outer, log("b"))
    )
    await first.reached()
    spawns.close()
    first.go()
    await spawns.reached()
    # The runner was lost in time, and the next one comes when the time is over.
    await asyncio.sleep(1.5)
    spawns.open()
    view = await rig.final(execution_id)
    assert step_statuses(view) == {
        "e": "completed",
        "o": "failed",
        "b": "completed",
        "o/x": "failed",
        "o/y": "pending",
    }
    assert "exit code 3" in (steps(view)["o/x"].error or "")
    late = "the step took longer than its timeout of 1.5 s: its runner had to be replaced meanwhile"
    assert (steps(view)["o"].error, steps(view)["o"].cancellation) == (late, None)
    assert never.pids == []


async def test_an_inner_stuck_step_is_retried_and_the_outer_one_is_taken_up_again(
    rig: Rig,
) -> None:
    point = rig.point()
    stuck = step("x", "held.block", point=str(point), timeout=0.3, retry_count=1, retry_delay=0.01)
    rig.library("inner.yaml", playbook(step("w", "held.echo", value="w"), stuck))
    execution_id = await rig.start(
        playbook(step("o", "playbook.run", playbook="inner.yaml", timeout=60), log("b"))
    )
    await point.reached(times=2)
    point.go()
    view = await rig.final(execution_id)
    assert view.status is E.COMPLETED, view
    assert step_statuses(view) == {
        "o": "completed",
        "b": "completed",
        "o/w": "completed",
        "o/x": "completed",
    }
    assert steps(view)["o"].attempts == 1
    assert output(view, "o")["echo"] == "w"
    starts = [row for row in await rig.events(execution_id, "step") if row.data["step_id"] == "o/w"]
    assert [row.data["status"] for row in starts].count("completed") == 1


async def test_a_step_that_ends_at_its_deadline_ends_the_run_in_one_of_two_ways(
    rig: Rig,
) -> None:
    """Never as a lost runner, never hung: in time, or timed out."""
    many = [
        step(f"s{n}", "utility.sleep", seconds=0.1, timeout=0.1, on_failure="continue")
        for n in range(25)
    ]
    view = await rig.run(playbook(*many, log("last")))
    assert view.status is E.COMPLETED, view
    for found in view.step_results[:-1]:
        late = "the step took longer than its timeout of 0.1 s"
        assert found.error in (None, late), found
        assert found.status == ("failed" if found.error else "completed")
        assert (found.cancellation is not None) == (found.error is not None)
    assert view.step_results[-1].status == "completed"


async def test_a_blocking_step_that_ends_at_its_deadline_does_not_take_the_next_with_it(
    rig: Rig,
) -> None:
    script = "import time; time.sleep(0.3)"
    many = [
        step(f"s{n}", "utility.python", script=script, timeout=0.4, on_failure="continue")
        for n in range(6)
    ]
    view = await rig.run(playbook(*many, log("last")))
    assert view.status is E.COMPLETED, view
    for found in view.step_results[:-1]:
        assert found.error is None or "timeout" in found.error, found


async def test_the_timeouts_of_two_steps_in_a_row_are_both_kept(rig: Rig) -> None:
    points = [rig.point(str(number)) for number in range(3)]
    stuck = [
        step(f"s{n}", "held.block", point=str(point), timeout=0.2, on_failure="continue")
        for n, point in enumerate(points)
    ]
    view = await rig.run(playbook(*stuck, log("last")))
    assert view.status is E.COMPLETED
    assert len({point.pids[0] for point in points}) == 3
    assert all(record(view, f"s{n}").outcome is O.KILLED for n in range(3))
