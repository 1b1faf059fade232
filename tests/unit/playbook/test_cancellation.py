"""The three utilities: that they end at once when cancelled, and do what the guide says."""

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ignition_toolkit.playbook import cancellation
from ignition_toolkit.playbook.cancellation import (
    CANCEL_BOUND_S,
    LAST_LOOK_S,
    CancelReason,
    abandoned_work,
    cancellable_poll,
    cancellable_sleep,
    with_cancellation_check,
)
from ignition_toolkit.playbook.models import CancelSource
from tests.polling import poll_until_async
from tests.unit.playbook import fake_clock
from tests.unit.playbook.fake_clock import by_fake_clock

#: Seconds of the clock that a cancel may take when it should take none.
AT_ONCE_S = 0.001
#: Turns of the loop after which what is to be cancelled has begun.
BEGUN = 10


async def cancelled_after(task: asyncio.Task[Any]) -> float:
    """Cancel a task that has begun; return the seconds until it had ended as cancelled."""
    for _ in range(BEGUN):
        await asyncio.sleep(0)
    assert not task.done()
    began = fake_clock.now()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return fake_clock.now() - began


def test_a_reason_says_who_and_from_where() -> None:
    assert str(CancelReason(CancelSource.API, "me")) == "stopped (api) by me"
    assert str(CancelReason(CancelSource.TIMEOUT)) == "stopped (timeout)"


# cancellable_sleep


@pytest.mark.parametrize("seconds", [0, 0.0, 0.3, 1, 7.7, 3600.0])
def test_sleep_lasts_as_long_as_it_says(seconds: float) -> None:
    async def main() -> float:
        began = fake_clock.now()
        await cancellable_sleep(seconds)
        return fake_clock.now() - began

    assert fake_clock.run(main()) == pytest.approx(seconds, abs=1e-6)


def test_sleep_does_not_drift_when_the_loop_is_late() -> None:
    """Each of three blocks of the loop would add to a sleep that is cut into slices."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, fake_clock.FakeClockLoop)
        began = loop.time()
        for at in (1.0, 2.0, 3.0):
            loop.call_later(at, loop.advance, 0.4)
        await cancellable_sleep(10, check_interval=0.5)
        return loop.time() - began

    assert fake_clock.run(main()) == pytest.approx(10, abs=0.001)


def test_sleep_is_never_short_when_a_timer_fires_early(monkeypatch: pytest.MonkeyPatch) -> None:
    real_sleep = asyncio.sleep

    async def early(delay: float) -> None:
        await real_sleep(delay * 0.9)

    async def main() -> float:
        began = fake_clock.now()
        await cancellable_sleep(5)
        return fake_clock.now() - began

    monkeypatch.setattr(asyncio, "sleep", early)
    assert fake_clock.run(main()) >= 5


@pytest.mark.parametrize("seconds", [-1, -0.001, -math.inf, math.nan])
async def test_sleep_refuses_what_is_no_duration(seconds: float) -> None:
    with pytest.raises(ValueError, match="seconds must be 0 or more"):
        await cancellable_sleep(seconds)


async def test_sleep_takes_the_check_interval_of_the_guide() -> None:
    await cancellable_sleep(0.001, check_interval=0.5)
    await cancellable_sleep(0.001, 0)


@pytest.mark.parametrize("seconds", [30, math.inf])
@by_fake_clock
async def test_cancel_ends_a_sleep_at_once(seconds: float) -> None:
    assert await cancelled_after(asyncio.create_task(cancellable_sleep(seconds))) < AT_ONCE_S


@by_fake_clock
async def test_cancel_ends_a_sleep_of_no_time() -> None:
    """A loop of such sleeps must let the event loop in, and see a cancel."""

    async def spin() -> None:
        while True:
            await cancellable_sleep(0)

    assert await cancelled_after(asyncio.create_task(spin())) < AT_ONCE_S


# cancellable_poll


class Answers:
    """A condition that gives one answer after the other, the last one for ever."""

    def __init__(self, *answers: object) -> None:
        self._answers = list(answers)
        self.looks: list[float] = []

    def __call__(self) -> object:
        self.looks.append(fake_clock.now())
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    async def later(self) -> object:
        await asyncio.sleep(0)
        return self()


FORMS: list[Callable[[Answers], Callable[[], Any]]] = [
    lambda answers: answers,
    lambda answers: answers.later,
    lambda answers: lambda: answers.later(),  # noqa: PLW0108 - a lambda is the case
    lambda answers: lambda: asyncio.ensure_future(answers.later()),
]
IDS = ["function", "coroutine function", "lambda with a coroutine", "lambda with a future"]


@pytest.mark.parametrize("form", FORMS, ids=IDS)
def test_poll_returns_the_truthy_value(form: Callable[[Answers], Callable[[], Any]]) -> None:
    answers = Answers(False, None, 0, {"ready": True})

    async def main() -> Any:
        return await cancellable_poll(form(answers), timeout=30, poll_interval=2)

    assert fake_clock.run(main()) == {"ready": True}
    first = answers.looks[0]
    assert [look - first for look in answers.looks] == pytest.approx([0, 2, 4, 6], abs=0.01)


@pytest.mark.parametrize("form", FORMS, ids=IDS)
def test_poll_looks_once_more_at_the_deadline(
    form: Callable[[Answers], Callable[[], Any]],
) -> None:
    answers = Answers(0)

    async def main() -> None:
        with pytest.raises(TimeoutError, match=r"^Element not visible$"):
            await cancellable_poll(
                form(answers), timeout=5, poll_interval=2, error_message="Element not visible"
            )

    fake_clock.run(main())
    first = answers.looks[0]
    assert [look - first for look in answers.looks] == pytest.approx([0, 2, 4, 5], abs=0.01)


def test_poll_takes_a_condition_that_is_met_at_the_deadline_only() -> None:
    answers = Answers(False, False, "in time")

    async def main() -> Any:
        return await cancellable_poll(answers, timeout=1.5, poll_interval=1)

    assert fake_clock.run(main()) == "in time"


@pytest.mark.parametrize("form", FORMS, ids=IDS)
def test_poll_without_time_looks_once(form: Callable[[Answers], Callable[[], Any]]) -> None:
    answers = Answers(False)

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await cancellable_poll(form(answers), timeout=0)
        assert await cancellable_poll(form(Answers("yes")), timeout=0) == "yes"

    fake_clock.run(main())
    assert len(answers.looks) == 1


def test_poll_has_a_message_of_its_own() -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError, match="Condition not met in time"):
            await cancellable_poll(lambda: False, timeout=1)

    fake_clock.run(main())


@pytest.mark.parametrize("error", [RuntimeError("gone"), TimeoutError("its own"), KeyError("x")])
async def test_an_error_in_a_condition_propagates(error: Exception) -> None:
    async def failing() -> bool:
        raise error

    def failing_at_once() -> bool:
        raise error

    for condition in (failing, failing_at_once):
        with pytest.raises(type(error)) as raised:
            await cancellable_poll(condition, timeout=5)
        assert raised.value is error


def test_a_condition_that_hangs_is_given_up_soon_after_the_deadline() -> None:
    begun: list[float] = []

    async def hang() -> bool:
        begun.append(fake_clock.now())
        await asyncio.sleep(3600)
        return True

    async def main() -> float:
        began = fake_clock.now()
        with pytest.raises(TimeoutError, match="never up"):
            await cancellable_poll(hang, timeout=10, error_message="never up")
        return fake_clock.now() - began

    assert 10 <= fake_clock.run(main()) <= 10 + LAST_LOOK_S + 0.01
    assert begun


def test_a_slow_answer_that_comes_just_after_the_deadline_counts() -> None:
    async def slow() -> bool:
        await asyncio.sleep(10.2)
        return True

    async def main() -> None:
        assert await cancellable_poll(slow, timeout=10)

    fake_clock.run(main())


@pytest.mark.parametrize("timeout", [-1, math.nan, -math.inf])
async def test_poll_refuses_what_is_no_timeout(timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout must be 0 or more"):
        await cancellable_poll(lambda: True, timeout=timeout)


@pytest.mark.parametrize("interval", [0, -1, math.nan])
async def test_poll_refuses_what_is_no_interval(interval: float) -> None:
    with pytest.raises(ValueError, match="poll_interval must be more than 0"):
        await cancellable_poll(lambda: True, timeout=1, poll_interval=interval)


@by_fake_clock
async def test_cancel_ends_a_poll_at_once_between_looks() -> None:
    poll = asyncio.create_task(cancellable_poll(lambda: False, timeout=30, poll_interval=5))
    assert await cancelled_after(poll) < AT_ONCE_S


@pytest.mark.parametrize("timeout", [30, math.inf])
@by_fake_clock
async def test_cancel_ends_a_poll_at_once_while_it_looks(timeout: float) -> None:
    async def hang() -> bool:
        await asyncio.sleep(3600)
        return True

    assert await cancelled_after(asyncio.create_task(cancellable_poll(hang, timeout))) < AT_ONCE_S


def test_cancel_that_comes_with_the_timeout_is_not_lost() -> None:
    """asyncio.wait_for of Python 3.11 loses it; a timeout scope does not."""

    async def hang() -> bool:
        await asyncio.sleep(3600)
        return True

    async def main() -> None:
        poll = asyncio.ensure_future(cancellable_poll(hang, timeout=1))
        asyncio.get_running_loop().call_later(1 + LAST_LOOK_S, poll.cancel)
        with pytest.raises(asyncio.CancelledError):
            await poll

    fake_clock.run(main())


# with_cancellation_check


async def value_of(value: object) -> object:
    await asyncio.sleep(0)
    return value


class Stubborn:
    """Work that swallows cancellations until it is told to end."""

    def __init__(self) -> None:
        self.end = asyncio.Event()
        self.swallowed = 0

    async def work(self) -> str:
        while not self.end.is_set():
            try:
                await self.end.wait()
            except asyncio.CancelledError:
                self.swallowed += 1
        return "done after all"


@asynccontextmanager
async def stubborn() -> AsyncIterator[Stubborn]:
    """Give such work, and end it."""
    stuck = Stubborn()
    try:
        yield stuck
    finally:
        stuck.end.set()
        await poll_until_async(lambda: not abandoned_work())


async def test_the_result_is_passed_through() -> None:
    assert await with_cancellation_check(value_of({"a": 1})) == {"a": 1}


async def test_any_awaitable_can_be_wrapped() -> None:
    class Custom:
        def __await__(self) -> Any:
            yield from asyncio.sleep(0).__await__()
            return "custom"

    assert await with_cancellation_check(Custom()) == "custom"
    assert await with_cancellation_check(asyncio.ensure_future(value_of("future"))) == "future"


async def test_the_error_is_passed_through() -> None:
    error = RuntimeError("target closed")

    async def fail() -> None:
        raise error

    with pytest.raises(RuntimeError) as raised:
        await with_cancellation_check(fail())
    assert raised.value is error


@by_fake_clock
async def test_cancel_ends_the_wrapped_work_and_raises_at_once() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    took = await cancelled_after(asyncio.create_task(with_cancellation_check(work())))
    assert took < AT_ONCE_S
    assert ended.is_set()
    assert not abandoned_work()


async def test_a_cancel_is_not_lost_when_the_work_ends_at_the_same_time() -> None:
    release = asyncio.Event()
    task = asyncio.create_task(with_cancellation_check(release.wait()))
    await asyncio.sleep(0.01)
    release.set()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@by_fake_clock
async def test_swallowed_cancel_is_raised_within_the_bound() -> None:
    async with stubborn() as stuck:
        took = await cancelled_after(asyncio.create_task(with_cancellation_check(stuck.work())))
        assert took == pytest.approx(CANCEL_BOUND_S, abs=AT_ONCE_S)
        assert stuck.swallowed == 2


@by_fake_clock
async def test_abandoned_work_is_reported_until_it_ends() -> None:
    async with stubborn() as stuck:
        task = asyncio.create_task(with_cancellation_check(stuck.work(), bound=0.01))
        await cancelled_after(task)
        (line,) = abandoned_work()
        assert "abandoned" in line
        assert "test_cancellation.py" in line
        stuck.end.set()
        await poll_until_async(lambda: not abandoned_work())


@by_fake_clock
async def test_abandoned_work_that_fails_later_is_forgotten_without_complaint() -> None:
    end = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            while not end.is_set():
                try:
                    await end.wait()
                except asyncio.CancelledError:
                    continue
        raise RuntimeError("much later")

    complaints: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: complaints.append(context))
    await cancelled_after(asyncio.create_task(with_cancellation_check(work(), bound=0.01)))
    assert abandoned_work()
    end.set()
    await poll_until_async(lambda: not abandoned_work())
    assert not complaints


@by_fake_clock
async def test_bound_is_the_callers_to_choose() -> None:
    async with stubborn() as stuck:
        task = asyncio.create_task(with_cancellation_check(stuck.work(), bound=0.02))
        assert await cancelled_after(task) == pytest.approx(0.02, abs=AT_ONCE_S)


@pytest.mark.parametrize("bound", [0, -1, math.nan])
async def test_bound_must_be_a_time(bound: float) -> None:
    with pytest.raises(ValueError, match="bound must be more than 0"):
        await with_cancellation_check(value_of(1), bound=bound)


@by_fake_clock
async def test_a_second_cancel_raises_at_once() -> None:
    async with stubborn() as stuck:
        task = asyncio.create_task(with_cancellation_check(stuck.work(), bound=30))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.sleep(0.01)
        assert not task.done()
        assert await cancelled_after(task) < AT_ONCE_S
        assert abandoned_work()


@pytest.mark.parametrize("is_async", [False, True])
@by_fake_clock
async def test_clean_up_runs_on_a_cancel_only(is_async: bool) -> None:
    cleaned: list[str] = []

    async def clean() -> None:
        await asyncio.sleep(0)
        cleaned.append("async")

    def on_cancel() -> Awaitable[None] | None:
        return clean() if is_async else cleaned.append("sync")  # type: ignore[func-returns-value]

    assert await with_cancellation_check(value_of(1), on_cancel=on_cancel) == 1
    assert not cleaned
    work = with_cancellation_check(asyncio.sleep(3600), on_cancel=on_cancel)
    assert await cancelled_after(asyncio.create_task(work)) < AT_ONCE_S
    assert cleaned == ["async" if is_async else "sync"]


@pytest.mark.parametrize("is_async", [False, True])
@by_fake_clock
async def test_a_failing_clean_up_is_logged_and_does_not_hide_the_cancel(
    is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail_later() -> None:
        raise RuntimeError("page already closed")

    def fail() -> Awaitable[None]:
        if is_async:
            return fail_later()
        raise RuntimeError("page already closed")

    work = with_cancellation_check(asyncio.sleep(3600), on_cancel=fail)
    await cancelled_after(asyncio.create_task(work))
    (record,) = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert "clean-up after a cancel failed" in record.message
    assert "page already closed" in caplog.text


@by_fake_clock
async def test_a_hanging_clean_up_is_given_up_within_the_bound() -> None:
    async with stubborn() as stuck:
        work = with_cancellation_check(asyncio.sleep(3600), on_cancel=stuck.work, bound=0.05)
        took = await cancelled_after(asyncio.create_task(work))
        assert took == pytest.approx(0.05, abs=AT_ONCE_S)
        assert len(abandoned_work()) == 1


@by_fake_clock
async def test_clean_up_runs_beside_work_that_does_not_end() -> None:
    """A browser page is closed so that the click which hangs in it ends."""
    async with stubborn() as stuck:

        async def close() -> None:
            stuck.end.set()

        work = with_cancellation_check(stuck.work(), on_cancel=close, bound=5)
        assert await cancelled_after(asyncio.create_task(work)) < AT_ONCE_S
        assert not abandoned_work()


# The guide's own examples


async def test_the_guides_examples_work_as_written() -> None:
    class Element:
        def is_visible(self) -> bool:
            return True

    class Page:
        async def click(self, selector: str, timeout: int) -> str:
            return f"{selector} {timeout}"

    element, page = Element(), Page()
    await cancellable_sleep(0.001)
    await cancellable_poll(
        condition=lambda: element.is_visible(),  # noqa: PLW0108 - as the guide has it
        timeout=30,
        poll_interval=1.0,
        error_message="Element not visible",
    )
    assert await with_cancellation_check(page.click("#save", timeout=30000)) == "#save 30000"


def test_no_utility_asks_a_task_whether_it_is_cancelled() -> None:
    """`current_task().cancelled()` is always false inside the task."""
    import inspect

    assert "current_task" not in inspect.getsource(cancellation)
