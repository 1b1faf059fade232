"""Cancel at every moment: it is never lost, never beaten by an error, and never too long."""

import asyncio
import inspect
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from ignition_toolkit.playbook.attempt import ASK_AFTER_S, GRACE_S
from ignition_toolkit.playbook.cancellation import CancelReason, abandoned_work
from ignition_toolkit.playbook.events import Settled, StuckSeen
from ignition_toolkit.playbook.models import CancelSource, ExecutionStatus, StepStatus
from ignition_toolkit.playbook.step_handler import StepContext, StepHandler
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
RUNNING = StepStatus.RUNNING
FOREVER = kind("test.forever", forever)


def cancelled_at(
    seconds: float, *steps: Any, kinds: tuple[type[StepHandler], ...] = (), **program_: Any
) -> Any:
    """Run steps and cancel after so many seconds; return result, host, seconds it took to end."""

    async def main() -> Any:
        bench = Bench(program(*steps, **program_), FOREVER, *kinds)
        bench.at(seconds, bench.cancel)
        result = await bench.run()
        return result, bench.host, fake_clock.now() - bench.host.times[0] - seconds

    return fake_clock.run(main())


def test_cancel_ends_the_running_step_at_once() -> None:
    result, host, took = cancelled_at(3, step("a", "test.forever"), step("b"))
    assert (result.status, result.error, result.ended) == (CANCELLED, None, True)
    assert host.moves == [("a", "running"), ("a", "cancelled")]
    assert took < 0.01
    assert host.stuck_at == []


def test_cancel_before_run_is_not_lost() -> None:
    async def main() -> None:
        bench = Bench(program(step("a"), step("b")))
        assert bench.engine.cancel(BY_ME) is True
        assert (await bench.run()).status is CANCELLED
        assert bench.host.moves == []

    fake_clock.run(main())


def test_cancel_between_two_steps_lets_none_begin() -> None:
    async def main() -> None:
        bench = Bench(program(step("a"), step("b")))
        bench.when(is_step("a", StepStatus.COMPLETED), bench.cancel)
        assert (await bench.run()).status is CANCELLED
        assert bench.host.moves == [("a", "running"), ("a", "completed")]

    fake_clock.run(main())


def test_cancel_as_a_step_begins_ends_it() -> None:
    async def main() -> None:
        bench = Bench(program(step("a", "test.forever"), step("b")), FOREVER)
        bench.when(is_step("a", RUNNING), bench.cancel)
        assert (await bench.run()).status is CANCELLED
        assert bench.host.moves == [("a", "running"), ("a", "cancelled")]

    fake_clock.run(main())


def test_cancel_when_the_last_step_has_ended_came_too_late() -> None:
    async def main() -> None:
        bench = Bench(program(step("a")))
        bench.when(is_step("a", StepStatus.COMPLETED), bench.cancel)
        assert (await bench.run()).status is COMPLETED

    fake_clock.run(main())


def test_cancel_in_the_same_turn_as_the_last_steps_end_came_too_late() -> None:
    async def main() -> None:
        bench = Bench(program(step("a", "test.release")), kind("test.release", release))
        await asyncio.sleep(0)
        running = asyncio.ensure_future(bench.run())
        await asyncio.sleep(1)
        released.set()
        await asyncio.sleep(0)
        bench.cancel()
        result = await running
        assert (result.status, bench.host.moves[-1]) == (COMPLETED, ("a", "completed"))

    released = asyncio.Event()

    async def release(context: StepContext, params: dict[str, Any]) -> None:
        await released.wait()

    fake_clock.run(main())


def test_cancel_between_two_attempts_ends_the_wait() -> None:
    result, host, took = cancelled_at(
        3, step("a", "test.fail", retry_count=3, retry_delay=500), step("b")
    )
    assert result.status is CANCELLED
    assert host.moves == [("a", "running"), ("a", "cancelled")]
    assert took < 0.01
    assert host.last("a").error == "RuntimeError: it broke"


def test_cancel_while_paused_ends_the_run() -> None:
    async def main() -> None:
        bench = Bench(program(step("a", "test.sleep", {"seconds": 5}), step("b")))
        bench.at(1, bench.engine.pause)
        bench.at(50, bench.cancel)
        assert (await bench.run()).status is CANCELLED
        assert bench.host.moves == [("a", "running"), ("a", "completed")]
        assert bench.host.pauses == [True]

    fake_clock.run(main())


def test_cancel_beats_a_skip_and_a_resume_of_the_same_moment() -> None:
    async def main() -> None:
        bench = Bench(program(step("a", "test.sleep", {"seconds": 5}), step("b")))
        bench.engine.pause()
        for press in (partial(bench.engine.skip, None), bench.engine.resume, bench.cancel):
            bench.at(50, press)
        assert (await bench.run()).status is CANCELLED
        assert bench.host.moves == []

    fake_clock.run(main())


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_cancel_in_a_nested_playbook_ends_every_level(depth: int) -> None:
    others = [playbook(step("x", "test.forever"), path="1.yaml")]
    for level in range(2, depth + 1):
        others.append(playbook(nested("x", f"{level - 1}.yaml"), path=f"{level}.yaml"))
    result, host, took = cancelled_at(
        3, nested("x", f"{depth}.yaml"), step("after"), others=tuple(others)
    )
    assert result.status is CANCELLED
    ids = ["/".join("x" * n) for n in range(1, depth + 2)]
    assert host.moves == [(i, "running") for i in ids] + [(i, "cancelled") for i in reversed(ids)]
    assert took < 0.01


def test_cancel_between_nested_steps_ends_the_outer_one() -> None:
    inner = playbook(step("x"), step("y"), path="inner.yaml")

    async def main() -> None:
        bench = Bench(program(nested("o", "inner.yaml"), step("after"), others=(inner,)))
        bench.when(is_step("o/x", StepStatus.COMPLETED), bench.cancel)
        assert (await bench.run()).status is CANCELLED
        assert bench.host.moves == [
            ("o", "running"),
            ("o/x", "running"),
            ("o/x", "completed"),
            ("o", "cancelled"),
        ]
        assert bench.host.log == ""

    fake_clock.run(main())


def test_cancel_while_paused_in_a_nested_playbook() -> None:
    inner = playbook(step("x", "test.sleep", {"seconds": 5}), step("y"), path="inner.yaml")

    async def main() -> None:
        bench = Bench(program(nested("o", "inner.yaml"), others=(inner,)))
        bench.at(1, bench.engine.pause)
        bench.at(50, bench.cancel)
        assert (await bench.run()).status is CANCELLED
        assert bench.host.moves[-1] == ("o", "cancelled")

    fake_clock.run(main())


def test_cancel_between_the_attempts_of_a_nested_step() -> None:
    inner = playbook(step("x", "test.fail", retry_count=1, retry_delay=500), path="inner.yaml")
    result, host, took = cancelled_at(3, nested("o", "inner.yaml"), others=(inner,))
    assert result.status is CANCELLED
    assert host.moves[2:] == [("o/x", "cancelled"), ("o", "cancelled")]
    assert took < 0.01


def test_a_handler_that_swallows_what_a_nested_cancel_raises_is_cancelled_all_the_same() -> None:
    inner = playbook(step("x"), step("y", "test.forever"), path="inner.yaml")

    async def greedy(context: StepContext, params: dict[str, Any]) -> dict[str, Any]:
        try:
            await context.run_playbook("inner.yaml", {})
        except Exception:  # noqa: BLE001 - as strangers write it
            return {"swallowed": "an error"}
        return {"swallowed": "nothing"}

    result, host, _ = cancelled_at(
        3,
        step("o", "test.greedy"),
        step("after"),
        kinds=(kind("test.greedy", greedy),),
        others=(inner,),
    )
    assert result.status is CANCELLED
    assert host.moves[-1] == ("o", "cancelled")


def test_a_second_cancel_changes_nothing() -> None:
    async def main() -> None:
        bench = Bench(program(step("a", "test.forever")), FOREVER)
        answers: list[bool] = []
        later = CancelReason(CancelSource.SHUTDOWN)
        bench.at(3, lambda: answers.append(bench.engine.cancel(BY_ME)))
        bench.at(3, lambda: answers.append(bench.engine.cancel(later)))
        assert (await bench.run()).status is CANCELLED
        assert answers == [True, False]
        assert bench.engine.state.reason == BY_ME
        assert bench.engine.cancel(later) is False

    fake_clock.run(main())


def test_the_error_of_a_dying_step_never_beats_the_cancel() -> None:
    async def dies(context: StepContext, params: dict[str, Any]) -> None:
        try:
            await asyncio.sleep(1e6)
        finally:
            raise RuntimeError("target closed")

    result, host, _ = cancelled_at(3, step("a", "test.dies"), kinds=(kind("test.dies", dies),))
    assert (result.status, result.error) == (CANCELLED, None)
    assert (host.last("a").status, host.last("a").error) == (StepStatus.CANCELLED, None)


def test_an_error_of_the_same_turn_as_the_cancel_does_not_beat_it() -> None:
    async def main() -> None:
        released = asyncio.Event()

        async def fails(context: StepContext, params: dict[str, Any]) -> None:
            await released.wait()
            raise RuntimeError("target closed")

        bench = Bench(program(step("a", "test.fails", retry_count=3)), kind("test.fails", fails))
        running = asyncio.ensure_future(bench.run())
        await asyncio.sleep(1)
        released.set()
        await asyncio.sleep(0)
        bench.cancel()
        assert (await running).status is CANCELLED
        assert bench.host.moves[-1] == ("a", "cancelled")

    fake_clock.run(main())


def test_a_step_that_swallows_the_cancel_and_returns_is_cancelled() -> None:
    async def swallow(context: StepContext, params: dict[str, Any]) -> dict[str, Any]:
        try:
            await asyncio.sleep(1e6)
        except asyncio.CancelledError:
            await asyncio.sleep(0.1)
            return {"done": "anyway"}
        return {}

    result, host, took = cancelled_at(
        3, step("a", "test.swallow"), step("b"), kinds=(kind("test.swallow", swallow),)
    )
    assert (result.status, result.ended) == (CANCELLED, True)
    assert host.moves == [("a", "running"), ("a", "cancelled")]
    assert host.last("a").output is None
    assert took == pytest.approx(0.1, abs=0.01)


def test_a_clean_up_within_the_grace_is_waited_for() -> None:
    cleaned: list[str] = []

    async def cleans(context: StepContext, params: dict[str, Any]) -> None:
        try:
            await asyncio.sleep(1e6)
        finally:
            await asyncio.sleep(GRACE_S - 0.05)
            cleaned.append("page")

    result, host, _ = cancelled_at(
        3, step("a", "test.cleans"), kinds=(kind("test.cleans", cleans),)
    )
    assert result.ended is True
    assert cleaned == ["page"]
    assert len(host.of(StuckSeen)) == 1


def test_a_cancel_carries_its_reason_to_the_handler() -> None:
    seen: list[object] = []

    async def listens(context: StepContext, params: dict[str, Any]) -> None:
        try:
            await asyncio.sleep(1e6)
        except asyncio.CancelledError as cancelled:
            seen.extend(cancelled.args)
            raise

    cancelled_at(3, step("a", "test.listens"), kinds=(kind("test.listens", listens),))
    assert seen == ["stopped (api)"]


# Handlers that do not end


class Stuck:
    """A handler that ends when told to, and not when cancelled."""

    def __init__(self) -> None:
        self.end = asyncio.Event()
        self.kind = kind("test.stuck", self.act)

    async def act(self, context: StepContext, params: dict[str, Any]) -> None:
        await self.hold_on()

    async def hold_on(self) -> None:
        while not self.end.is_set():
            try:
                await self.end.wait()  # stands here
            except asyncio.CancelledError:
                continue

    @property
    def place(self) -> str:
        lines, first = inspect.getsourcelines(Stuck.hold_on)
        line = first + next(i for i, text in enumerate(lines) if "stands here" in text)
        return f"{__file__}:{line} in hold_on"


async def ends_abandoned_work(stuck: Stuck) -> None:
    stuck.end.set()
    for _ in range(10):
        await asyncio.sleep(0)
    assert not abandoned_work()


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_step_that_never_ends_is_given_up_after_the_grace_and_its_place_is_told(
    depth: int,
) -> None:
    async def main() -> None:
        stuck = Stuck()
        others = [playbook(step("x", "test.stuck"), path="1.yaml")]
        others.append(playbook(nested("x", "1.yaml"), path="2.yaml"))
        first = step("x", "test.stuck") if depth == 0 else nested("x", f"{depth}.yaml")
        bench = Bench(program(first, step("after"), others=tuple(others)), stuck.kind)
        bench.at(3, bench.cancel)
        result = await bench.run()
        assert (result.status, result.ended) == (CANCELLED, False)
        ended = fake_clock.now() - bench.host.times[0] - 3
        assert GRACE_S * 0.99 <= ended < GRACE_S + 0.01
        (seen,) = bench.host.of(StuckSeen)
        assert seen.step_id == "/".join("x" * (depth + 1))
        assert seen.stuck_at == stuck.place
        asked = bench.host.time_of(lambda e: e is seen) - bench.host.times[0] - 3
        assert asked == pytest.approx(ASK_AFTER_S, abs=0.01)
        assert {status for name, status in bench.host.moves if name != "after"} == {
            "running",
            "cancelled",
        }
        assert abandoned_work()
        await ends_abandoned_work(stuck)

    fake_clock.run(main())


def test_an_outer_step_that_gives_up_its_stuck_inner_one_has_not_ended() -> None:
    """The inner task may outlive an outer one that was released just in time."""

    async def main() -> None:
        stuck = Stuck()

        async def impatient(context: StepContext, params: dict[str, Any]) -> None:
            inner = asyncio.ensure_future(context.run_playbook("inner.yaml", {}))
            try:
                await asyncio.shield(inner)
            finally:
                inner.cancel()
                await asyncio.wait({inner}, timeout=0.01)
                inner.cancel()

        bench = Bench(
            program(
                step("o", "test.impatient"),
                others=(playbook(step("x", "test.stuck"), path="inner.yaml"),),
            ),
            stuck.kind,
            kind("test.impatient", impatient),
        )
        bench.at(3, bench.cancel)
        result = await bench.run()
        assert (result.status, result.ended) == (CANCELLED, False)
        await ends_abandoned_work(stuck)

    fake_clock.run(main())


@pytest.mark.parametrize("source", ["timeout", "skip"])
def test_a_step_that_does_not_end_when_stopped_is_told_as_not_ended(source: str) -> None:
    async def main() -> None:
        stuck = Stuck()
        bench = Bench(program(step("a", "test.stuck", timeout=5), step("b")), stuck.kind)
        bench.host.may_go_on.clear()
        if source == "skip":
            bench.at(5, lambda: bench.engine.skip("a"))
        running = asyncio.ensure_future(bench.run())
        await asyncio.sleep(20)
        (settled,) = bench.host.of(Settled)
        assert (settled.source.value, settled.ended, settled.clean) == (source, False, False)
        assert bench.host.stuck_at == [stuck.place]
        assert bench.host.moves == [("a", "running")]
        bench.cancel()
        result = await running
        assert (result.status, result.ended) == (CANCELLED, False)
        assert bench.host.moves == [("a", "running"), ("a", "cancelled")]
        await ends_abandoned_work(stuck)

    fake_clock.run(main())


def test_a_cancel_during_the_grace_of_a_timeout_is_a_cancel() -> None:
    interrupted: list[str] = []

    async def cleans(context: StepContext, params: dict[str, Any]) -> None:
        try:
            await asyncio.sleep(1e6)
        except asyncio.CancelledError:
            try:
                await asyncio.sleep(0.2)
            except asyncio.CancelledError:
                interrupted.append("again")
            raise

    result, host, took = cancelled_at(
        5.1, step("a", "test.cleans", timeout=5), step("b"), kinds=(kind("test.cleans", cleans),)
    )
    assert (result.status, result.ended) == (CANCELLED, True)
    assert host.moves == [("a", "running"), ("a", "cancelled")]
    assert not host.of(Settled)
    assert took == pytest.approx(0.1, abs=0.02)
    assert interrupted == []


def test_a_cancel_while_an_inner_timeout_is_acted_on_does_not_lengthen_the_grace() -> None:
    async def main() -> None:
        stuck = Stuck()
        inner = playbook(step("x", "test.stuck", timeout=5), path="inner.yaml")
        bench = Bench(program(nested("o", "inner.yaml"), others=(inner,)), stuck.kind)
        bench.at(5.2, bench.cancel)
        result = await bench.run()
        assert (result.status, result.ended) == (CANCELLED, False)
        assert fake_clock.now() - bench.host.times[0] <= 5.2 + GRACE_S + 0.01
        assert bench.host.moves[2:] == [("o/x", "cancelled"), ("o", "cancelled")]
        await ends_abandoned_work(stuck)

    fake_clock.run(main())


def test_an_inner_clean_up_is_not_interrupted_by_the_end_of_the_outer_step() -> None:
    interrupted: list[str] = []

    async def cleans(context: StepContext, params: dict[str, Any]) -> None:
        try:
            await asyncio.sleep(1e6)
        finally:
            try:
                await asyncio.sleep(0.2)
            except asyncio.CancelledError:
                interrupted.append("again")

    inner = playbook(step("x", "test.cleans", timeout=5), path="inner.yaml")
    result, _, took = cancelled_at(
        5.1, nested("o", "inner.yaml"), kinds=(kind("test.cleans", cleans),), others=(inner,)
    )
    assert (result.status, result.ended) == (CANCELLED, True)
    assert interrupted == []
    assert took == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize("source", ["timeout", "skip", "skip between attempts"])
def test_a_cancel_ends_the_wait_for_a_process_to_be_found_fit(source: str) -> None:
    async def main() -> None:
        first = step("a", "test.forever", timeout=5)
        if source == "skip between attempts":
            first = step("a", "test.fail", retry_count=2, retry_delay=100)
        bench = Bench(program(first, step("b")), FOREVER)
        bench.host.may_go_on.clear()
        if source != "timeout":
            bench.at(4, lambda: bench.engine.skip("a"))
        bench.at(20, bench.cancel)
        result = await bench.run()
        assert (result.status, result.ended) == (CANCELLED, True)
        assert fake_clock.now() - bench.host.times[0] == pytest.approx(20)
        assert len(bench.host.of(Settled)) == 1
        assert bench.host.moves == [("a", "running"), ("a", "cancelled")]

    fake_clock.run(main())


def test_a_cancel_ends_the_wait_for_fitness_in_a_nested_playbook() -> None:
    async def main() -> None:
        inner = playbook(step("x", "test.forever", timeout=5), path="inner.yaml")
        bench = Bench(program(nested("o", "inner.yaml"), others=(inner,)), FOREVER)
        bench.host.may_go_on.clear()
        bench.at(20, bench.cancel)
        assert (await bench.run()).status is CANCELLED
        assert bench.host.moves[2:] == [("o/x", "cancelled"), ("o", "cancelled")]

    fake_clock.run(main())


def test_a_run_whose_own_task_is_cancelled_ends_its_step() -> None:
    async def main() -> None:
        bench = Bench(program(step("a", "test.forever")), FOREVER)
        running = asyncio.ensure_future(bench.run())
        await asyncio.sleep(3)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert bench.host.moves == [("a", "running"), ("a", "cancelled")]

    fake_clock.run(main())


@pytest.fixture(autouse=True)
async def nothing_abandoned() -> AsyncIterator[None]:
    yield
    assert not abandoned_work()
