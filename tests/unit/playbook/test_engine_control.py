"""Pause, resume and skip: at every moment at which a person may press the button."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from ignition_toolkit.playbook.cancellation import CancelReason
from ignition_toolkit.playbook.events import PauseChanged, Settled, StepChanged
from ignition_toolkit.playbook.models import CancelSource, ExecutionStatus, StepStatus
from ignition_toolkit.playbook.state_manager import ControlSignal, StateManager
from ignition_toolkit.playbook.step_handler import StepContext
from tests.unit.playbook import fake_clock
from tests.unit.playbook.engine_host_fake import (
    BY_ME,
    Bench,
    forever,
    is_step,
    kind,
    nested,
    playbook,
    program,
    step,
)

COMPLETED, CANCELLED = ExecutionStatus.COMPLETED, ExecutionStatus.CANCELLED
RUNNING, SKIPPED = StepStatus.RUNNING, StepStatus.SKIPPED

FOREVER = kind("test.forever", forever)


def sleeping(*names: str, seconds: float = 10, **fields: Any) -> list[Any]:
    """Return steps that wait."""
    return [step(name, "test.sleep", {"seconds": seconds}, **fields) for name in names]


def driven(bench: Callable[[], Bench], *acts: tuple[float, str, tuple[Any, ...]]) -> Any:
    """Run a bench by the fake clock and call methods of its engine at given seconds."""

    async def main() -> Any:
        on = bench()
        for at, name, arguments in acts:
            on.at(at, partial(getattr(on.engine, name), *arguments))
        return await asyncio.wait_for(on.run(), 100_000), on.host

    return fake_clock.run(main())


def test_the_strongest_signal_wins() -> None:
    async def main() -> None:
        state = StateManager()
        signals = [state.signal]
        for ask in (state.pause, state.skip, partial(state.cancel, BY_ME), state.resume):
            ask()
            signals.append(state.signal)
        assert signals == [
            ControlSignal.RUN,
            ControlSignal.PAUSE,
            ControlSignal.SKIP,
            ControlSignal.CANCEL,
            ControlSignal.CANCEL,
        ]
        assert state.cancel(CancelReason(CancelSource.SHUTDOWN)) is False
        assert state.reason == BY_ME

    fake_clock.run(main())


# Pause


def test_a_pause_lets_the_current_step_end_and_holds_the_next() -> None:
    result, host = driven(
        lambda: Bench(program(*sleeping("a", "b"))), (3, "pause", ()), (50, "resume", ())
    )
    assert result.status is COMPLETED
    assert host.pauses == [True, False]
    stood = host.time_of(lambda e: isinstance(e, PauseChanged))
    begun = host.time_of(is_step("b", RUNNING))
    assert stood - host.times[0] == pytest.approx(10)
    assert begun - host.times[0] == pytest.approx(50)


def test_a_pause_that_is_taken_back_in_time_is_none() -> None:
    result, host = driven(
        lambda: Bench(program(*sleeping("a", "b"))), (3, "pause", ()), (5, "resume", ())
    )
    assert result.status is COMPLETED
    assert host.pauses == []


def test_a_pause_before_the_run_holds_the_first_step() -> None:
    async def main() -> None:
        bench = Bench(program(*sleeping("a")))
        bench.engine.pause()
        bench.at(20, bench.engine.resume)
        assert (await bench.run()).status is COMPLETED
        assert bench.host.pauses == [True, False]
        begun = bench.host.time_of(is_step("a", RUNNING))
        assert begun - bench.host.times[0] == pytest.approx(20)

    fake_clock.run(main())


def test_a_pause_in_the_last_step_holds_nothing() -> None:
    result, host = driven(lambda: Bench(program(*sleeping("a"))), (3, "pause", ()))
    assert result.status is COMPLETED
    assert host.pauses == []


def test_a_pause_between_two_attempts_takes_effect_after_the_step() -> None:
    async def flaky(context: StepContext, params: dict[str, Any]) -> None:
        if context.attempt == 1:
            raise RuntimeError("once")

    result, host = driven(
        lambda: Bench(
            program(step("a", "test.flaky", retry_count=1, retry_delay=10), step("b")),
            kind("test.flaky", flaky),
        ),
        (3, "pause", ()),
        (60, "resume", ()),
    )
    assert result.status is COMPLETED
    assert host.moves == [
        ("a", "running"),
        ("a", "completed"),
        ("b", "running"),
        ("b", "completed"),
    ]
    ended = host.time_of(is_step("a", StepStatus.COMPLETED))
    assert ended - host.times[0] == pytest.approx(10)
    assert host.pauses == [True, False]


def test_a_resume_does_not_shorten_the_wait_between_two_attempts() -> None:
    async def flaky(context: StepContext, params: dict[str, Any]) -> None:
        if context.attempt == 1:
            raise RuntimeError("once")

    result, host = driven(
        lambda: Bench(
            program(step("a", "test.flaky", retry_count=1, retry_delay=10)),
            kind("test.flaky", flaky),
        ),
        (3, "pause", ()),
        (4, "resume", ()),
    )
    assert result.status is COMPLETED
    assert host.times[-1] - host.times[0] == pytest.approx(10)


def test_a_pause_inside_a_nested_playbook_stops_the_outer_steps_clock() -> None:
    inner = playbook(*sleeping("x", "y", seconds=4), path="inner.yaml")
    result, host = driven(
        lambda: Bench(program(nested("o", "inner.yaml", timeout=10), others=(inner,))),
        (3, "pause", ()),
        (1003, "resume", ()),
    )
    assert result.status is COMPLETED, result.error
    deadlines = [
        e.deadline for e in host.of(StepChanged) if e.step_id == "o" and e.status is RUNNING
    ]
    start = host.times[0]
    assert deadlines[0] == pytest.approx(start + 10)
    assert deadlines[1] is None
    assert deadlines[2] == pytest.approx(start + 1003 + 6)


def test_the_outer_steps_clock_goes_on_after_a_pause() -> None:
    inner = playbook(*sleeping("x", "y", seconds=4), path="inner.yaml")
    result, host = driven(
        lambda: Bench(program(nested("o", "inner.yaml", timeout=6), others=(inner,))),
        (3, "pause", ()),
        (100, "resume", ()),
    )
    assert result.status is ExecutionStatus.FAILED
    assert host.last("o").error == "the step took longer than its timeout of 6 s"
    settled = host.time_of(lambda e: isinstance(e, Settled))
    assert settled - host.times[0] == pytest.approx(102, abs=0.1)


def test_an_outer_timeout_at_the_moment_of_a_pause_ends_the_pause_with_the_step() -> None:
    async def block(context: StepContext, params: dict[str, Any]) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, fake_clock.FakeClockLoop)
        loop.advance(10)

    async def main() -> None:
        inner = playbook(step("x", "test.block"), step("y"), path="inner.yaml")
        bench = Bench(
            program(nested("o", "inner.yaml", timeout=5), others=(inner,)),
            kind("test.block", block),
        )
        bench.when(is_step("o/x", RUNNING), bench.engine.pause)
        assert (await bench.run()).status is ExecutionStatus.FAILED
        assert bench.host.moves[-1] == ("o", "failed")
        assert bench.host.pauses == [True, False]

    fake_clock.run(main())


def test_two_pauses_are_two() -> None:
    result, host = driven(
        lambda: Bench(program(*sleeping("a", "b", "c"))),
        (3, "pause", ()),
        (50, "resume", ()),
        (53, "pause", ()),
        (90, "resume", ()),
    )
    assert result.status is COMPLETED
    assert host.pauses == [True, False, True, False]


# Skip


def test_skip_ends_the_running_step_and_goes_on() -> None:
    result, host = driven(
        lambda: Bench(program(step("a", "test.forever"), step("b")), FOREVER), (3, "skip", ("a",))
    )
    assert result.status is COMPLETED
    assert host.moves == [("a", "running"), ("a", "skipped"), ("b", "running"), ("b", "completed")]
    (settled,) = host.of(Settled)
    assert (settled.step_id, settled.attempt, settled.source) == ("a", 1, CancelSource.SKIP)
    assert (settled.ended, settled.missed, settled.error) == (True, False, None)


def test_a_skipped_step_is_not_tried_again() -> None:
    result, host = driven(
        lambda: Bench(program(step("a", "test.forever", retry_count=5)), FOREVER),
        (3, "skip", ("a",)),
    )
    assert result.status is COMPLETED
    assert host.last("a").attempt == 1


def test_skip_of_a_step_that_has_ended_is_answered_as_missed() -> None:
    result, host = driven(
        lambda: Bench(program(step("a"), step("b", "test.sleep", {"seconds": 9}))),
        (3, "skip", ("a",)),
    )
    assert result.status is COMPLETED
    (settled,) = host.of(Settled)
    assert (settled.step_id, settled.missed, settled.clean) == ("a", True, True)
    assert host.last("b").status is StepStatus.COMPLETED


def test_skip_between_two_attempts_ends_the_step_at_once() -> None:
    result, host = driven(
        lambda: Bench(program(step("a", "test.fail", retry_count=3, retry_delay=50), step("b"))),
        (10, "skip", ("a",)),
    )
    assert result.status is COMPLETED
    assert host.moves[1:] == [("a", "skipped"), ("b", "running"), ("b", "completed")]
    assert len(host.of(Settled)) == 1
    assert host.times[-1] - host.times[0] == pytest.approx(10)


def test_skip_of_a_later_attempt_ends_it() -> None:
    async def fails_once(context: StepContext, params: dict[str, Any]) -> None:
        if context.attempt == 1:
            raise RuntimeError("once")
        await forever(context, params)

    result, host = driven(
        lambda: Bench(
            program(step("a", "test.once", retry_count=1, retry_delay=5), step("b")),
            kind("test.once", fails_once),
        ),
        (10, "skip", ("a",)),
    )
    assert result.status is COMPLETED
    assert host.moves[1:] == [("a", "skipped"), ("b", "running"), ("b", "completed")]
    assert host.last("a").attempt == 2


def test_skip_of_nothing_in_particular_skips_what_has_begun_since() -> None:
    result, host = driven(
        lambda: Bench(program(step("a", "test.forever"), step("b")), FOREVER), (3, "skip", (None,))
    )
    assert result.status is COMPLETED
    assert host.moves[1:] == [("a", "skipped"), ("b", "running"), ("b", "completed")]


def test_skip_before_the_run_skips_the_first_step() -> None:
    async def main() -> None:
        bench = Bench(program(step("a"), step("b")))
        bench.engine.skip(None)
        assert (await bench.run()).status is COMPLETED
        assert bench.host.moves == [("a", "skipped"), ("b", "running"), ("b", "completed")]
        assert bench.host.last("a").attempt == 0

    fake_clock.run(main())


def test_skip_while_paused_skips_the_next_step_and_stays_paused() -> None:
    result, host = driven(
        lambda: Bench(program(*sleeping("a", "b", "c"))),
        (3, "pause", ()),
        (20, "skip", (None,)),
        (70, "resume", ()),
    )
    assert result.status is COMPLETED
    assert ("b", "skipped") in host.moves
    assert host.pauses == [True, False]
    assert host.time_of(is_step("c", RUNNING)) - host.times[0] == pytest.approx(70)


def test_skip_of_the_last_step_while_paused_ends_the_pause_and_the_run() -> None:
    result, host = driven(
        lambda: Bench(program(*sleeping("a", "b"))), (3, "pause", ()), (20, "skip", (None,))
    )
    assert result.status is COMPLETED
    assert host.moves[-1] == ("b", "skipped")
    assert host.pauses == [True, False]


def test_skip_while_paused_in_a_nested_playbook_skips_its_next_step() -> None:
    """The outer step counts as running then, and is not what a person wants to be skipped."""
    inner = playbook(*sleeping("x", "y", "z"), path="inner.yaml")
    result, host = driven(
        lambda: Bench(program(nested("o", "inner.yaml"), others=(inner,))),
        (3, "pause", ()),
        (20, "skip", ("o",)),
        (70, "resume", ()),
    )
    assert result.status is COMPLETED
    assert ("o/y", "skipped") in host.moves
    assert ("o/z", "completed") in host.moves
    assert host.moves[-1] == ("o", "completed")
    assert [e.missed for e in host.of(Settled)] == [True]


def test_a_nested_playbook_whose_last_step_is_skipped_while_paused_gives_its_clock_back() -> None:
    inner = playbook(*sleeping("x", "y"), path="inner.yaml")

    async def then_wait(context: StepContext, params: dict[str, Any]) -> None:
        await context.run_playbook("inner.yaml", {})
        await forever(context, params)

    result, host = driven(
        lambda: Bench(
            program(step("o", "test.then_wait", timeout=30), others=(inner,)),
            kind("test.then_wait", then_wait),
        ),
        (3, "pause", ()),
        (20, "skip", ("o",)),
    )
    assert result.error == "step 'o' failed: the step took longer than its timeout of 30 s"
    assert host.pauses == [True, False]


def test_skip_of_an_inner_step_leaves_the_outer_one_alone() -> None:
    inner = playbook(step("x", "test.forever"), step("y"), path="inner.yaml")
    result, host = driven(
        lambda: Bench(program(nested("o", "inner.yaml"), others=(inner,)), FOREVER),
        (3, "skip", ("o/x",)),
    )
    assert result.status is COMPLETED
    assert host.moves == [
        ("o", "running"),
        ("o/x", "running"),
        ("o/x", "skipped"),
        ("o/y", "running"),
        ("o/y", "completed"),
        ("o", "completed"),
    ]
    (running_on,) = host.running_on
    assert {task.get_name() for task in running_on} == {"o"}


def test_skip_and_timeout_at_the_same_moment_are_one() -> None:
    _, host = driven(
        lambda: Bench(program(step("a", "test.forever", timeout=5), step("b")), FOREVER),
        (5, "skip", ("a",)),
    )
    assert len(host.of(Settled)) == 1
    assert [status for name, status in host.moves if name == "a"][1:] in (["skipped"], ["failed"])


def test_a_second_skip_while_it_is_found_out_whether_the_run_may_go_on_is_not_a_late_one() -> None:
    async def main() -> Any:
        bench = Bench(program(step("a", "test.forever"), step("b")), FOREVER)
        bench.host.may_go_on.clear()
        bench.at(3, partial(bench.engine.skip, "a"))
        bench.at(4, partial(bench.engine.skip, "a"))
        bench.at(5, bench.host.may_go_on.set)
        return await asyncio.wait_for(bench.run(), 100_000), bench.host

    result, host = fake_clock.run(main())
    assert result.status is COMPLETED
    assert [e.missed for e in host.of(Settled)] == [False]
    assert host.last("b").status is StepStatus.COMPLETED


def test_two_skips_of_one_step_are_one() -> None:
    async def slow_to_end(context: StepContext, params: dict[str, Any]) -> None:
        try:
            await asyncio.sleep(1e6)
        finally:
            await asyncio.sleep(0.1)

    result, host = driven(
        lambda: Bench(program(step("a", "test.slow"), step("b")), kind("test.slow", slow_to_end)),
        (3, "skip", ("a",)),
        (3.05, "skip", ("a",)),
    )
    assert result.status is COMPLETED
    assert [e.missed for e in host.of(Settled)] == [False]
    assert host.last("b").status is StepStatus.COMPLETED


def test_a_step_that_swallows_a_skip_and_returns_is_skipped() -> None:
    async def swallow(context: StepContext, params: dict[str, Any]) -> dict[str, Any]:
        try:
            await asyncio.sleep(1e6)
        except asyncio.CancelledError:
            return {"done": "anyway"}
        return {}

    result, host = driven(
        lambda: Bench(program(step("a", "test.swallow")), kind("test.swallow", swallow)),
        (3, "skip", ("a",)),
    )
    assert result.status is COMPLETED
    assert (host.last("a").status, host.last("a").output) == (SKIPPED, None)
