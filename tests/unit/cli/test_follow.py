"""Following ends with the final state, passes on what is asked, and waits for no reader."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from ignition_toolkit.cli import follow as follow_module
from ignition_toolkit.cli.follow import Abandoned, Follower
from ignition_toolkit.cli.output import Output
from ignition_toolkit.cli.screens import PlainScreen
from ignition_toolkit.cli.worker_log import WorkerLog, worker_log
from ignition_toolkit.errors import NotFound, ServerUnreachable, StoreError, ToolkitError
from ignition_toolkit.execution.stop_signals import StopSignals
from ignition_toolkit.execution.views import ExecutionView
from tests.polling import PollUntilAsync
from tests.unit.cli.fake_place import FakePlace
from tests.unit.cli.samples import (
    Pipe,
    after,
    execution,
    execution_event,
    log_event,
    pipe,
    plain,
    record,
    step_event,
)


class Wishes(StopSignals):
    """Wishes that a test makes, without signals."""

    def wish(self) -> None:
        """Press Ctrl-C."""
        self.wishes += 1
        self.first = "SIGINT"
        self._bell.set()


class Following:
    """A follower at work, and all its ends."""

    def __init__(self, place: FakePlace, out: Pipe, err: Pipe) -> None:
        self.place = place
        self.out = out
        self.err = err
        self.wishes = Wishes()
        self.task: asyncio.Task[ExecutionView] | None = None

    def begin(self) -> None:
        """Follow in a task of its own."""
        screen = PlainScreen(plain)
        follower = Follower(
            self.place, screen, self.out.output, self.err.output, self.wishes, WorkerLog()
        )
        self.task = asyncio.get_running_loop().create_task(follower.follow(self.place.view))

    async def end(self) -> ExecutionView:
        """Return what following returned, soon."""
        assert self.task
        async with asyncio.timeout(10):
            return await self.task

    def finish(self, status: str) -> None:
        """Let the execution be over, and say so by an event."""
        self.place.view = execution(status, completed_at=after(2))
        self.place.news.put_nowait([execution_event(99, status)])


@pytest.fixture(autouse=True)
def short_farewell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait long for last lines that no test sends."""
    monkeypatch.setattr(follow_module, "LAST_LINES_S", 0.2)


@pytest.fixture
def pipes() -> Iterator[tuple[Pipe, Pipe]]:
    """Pipes for standard output and standard error."""
    with pipe() as out, pipe() as err:
        yield out, err


@asynccontextmanager
async def followed(place: FakePlace, pipes: tuple[Pipe, Pipe]) -> AsyncIterator[Following]:
    """Follow, and end the task whatever the test does."""
    following = Following(place, *pipes)
    following.begin()
    try:
        yield following
    finally:
        assert following.task
        following.task.cancel()
        await asyncio.wait({following.task})


async def test_what_happens_is_shown_to_the_end(pipes: tuple[Pipe, Pipe]) -> None:
    async with followed(FakePlace(), pipes) as following:
        following.place.news.put_nowait([step_event(1, "wait", "running"), log_event(2, "hello")])
        following.finish("completed")
        final = await following.end()
    assert final.status == "completed"
    opening, *told, ending = following.out.read_all().splitlines()
    assert opening.startswith("Wait and tell")
    assert [line[9:] for line in told] == [
        "running    wait: The step wait",
        "info       wait: hello",
    ]
    assert ending == "completed after 2.0 s"
    assert following.err.read_all() == ""


async def test_the_final_state_is_the_places_and_not_the_last_events(
    pipes: tuple[Pipe, Pipe],
) -> None:
    async with followed(FakePlace(), pipes) as following:
        following.place.view = execution("failed", completed_at=after(2))
        following.place.news.put_nowait([execution_event(99, "completed")])
        assert (await following.end()).status == "failed"


async def test_an_end_that_no_event_tells_is_noticed(pipes: tuple[Pipe, Pipe]) -> None:
    async with followed(FakePlace(), pipes) as following:
        following.place.view = execution("failed", completed_at=after(2))
        assert (await following.end()).status == "failed"
    assert following.out.read_all().endswith("failed after 2.0 s\n")


async def test_the_first_wish_cancels_and_the_record_is_shown(
    pipes: tuple[Pipe, Pipe], poll_until_async: PollUntilAsync
) -> None:
    async with followed(FakePlace(), pipes) as following:
        following.wishes.wish()
        await poll_until_async(lambda: following.place.done == ["cancel"])
        following.place.view = execution("cancelled", cancellation=record())
        assert (await following.end()).status == "cancelled"
    assert "cancel asked for by anna (cli)" in following.out.read_all()
    assert following.err.read_all() == "itk: SIGINT: cancelling; Ctrl-C again kills at once\n"


async def test_the_second_wish_kills_and_the_end_is_still_awaited(
    pipes: tuple[Pipe, Pipe], poll_until_async: PollUntilAsync
) -> None:
    async with followed(FakePlace(), pipes) as following:
        following.wishes.wish()
        await poll_until_async(lambda: following.place.done == ["cancel"])
        following.wishes.wish()
        await poll_until_async(lambda: following.place.done == ["cancel", "kill"])
        following.wishes.wish()
        await poll_until_async(lambda: following.place.done == ["cancel", "kill", "kill"])
        following.finish("cancelled")
        assert (await following.end()).status == "cancelled"


async def test_a_place_that_cannot_kill_is_left(
    pipes: tuple[Pipe, Pipe], poll_until_async: PollUntilAsync
) -> None:
    async with followed(FakePlace(can_kill=False), pipes) as following:
        following.wishes.wish()
        await poll_until_async(lambda: following.place.done == ["cancel"])
        following.wishes.wish()
        with pytest.raises(Abandoned) as left:
            await following.end()
    assert left.value.delivered


async def test_a_cancel_that_does_not_arrive_is_tried_again(
    pipes: tuple[Pipe, Pipe], monkeypatch: pytest.MonkeyPatch, poll_until_async: PollUntilAsync
) -> None:
    monkeypatch.setattr(follow_module, "CANCEL_RETRY_S", 0.0)
    away: list[ToolkitError] = [ServerUnreachable("no server answers") for _ in range(3)]
    async with followed(FakePlace(cancel_errors=away), pipes) as following:
        following.wishes.wish()
        await poll_until_async(lambda: following.place.done == ["cancel"])
        following.finish("cancelled")
        await following.end()
    assert "the cancel is not delivered yet: no server answers" in following.err.read_all()


async def test_leaving_before_a_cancel_arrived_says_that_it_did_not(
    pipes: tuple[Pipe, Pipe], poll_until_async: PollUntilAsync
) -> None:
    away: list[ToolkitError] = [ServerUnreachable("no server answers") for _ in range(1000)]
    place = FakePlace(can_kill=False, cancel_errors=away)
    async with followed(place, pipes) as following:
        following.wishes.wish()
        await poll_until_async(lambda: len(away) < 1000)
        following.wishes.wish()
        with pytest.raises(Abandoned) as left:
            await following.end()
    assert not left.value.delivered


async def test_a_place_that_is_away_for_a_while_is_asked_again(pipes: tuple[Pipe, Pipe]) -> None:
    errors = [ServerUnreachable("away"), StoreError("locked")]
    async with followed(FakePlace(look_errors=errors), pipes) as following:
        following.place.view = execution("interrupted")
        assert (await following.end()).status == "interrupted"


async def test_a_place_that_stays_away_is_given_up(
    pipes: tuple[Pipe, Pipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow_module, "PATIENCE_S", 0.05)
    place = FakePlace(look_errors=[ServerUnreachable("gone for good")] * 1000)
    async with followed(place, pipes) as following:
        with pytest.raises(ServerUnreachable, match="gone for good"):
            await following.end()


async def test_an_execution_that_is_no_longer_known_is_an_error(pipes: tuple[Pipe, Pipe]) -> None:
    async with followed(FakePlace(look_errors=[NotFound("no such execution")]), pipes) as following:
        with pytest.raises(NotFound, match="no such execution"):
            await following.end()


async def test_a_reader_that_has_gone_cancels_nothing(pipes: tuple[Pipe, Pipe]) -> None:
    async with followed(FakePlace(), pipes) as following:
        pipes[0].close_reader()
        following.place.news.put_nowait([log_event(1, "nobody reads this")])
        following.place.news.put_nowait([log_event(2, "nor this")])
        following.finish("completed")
        assert (await following.end()).status == "completed"
    assert following.place.done == []
    assert following.err.read_all() == ""


async def test_a_full_disk_is_said_once_and_the_run_goes_on(pipes: tuple[Pipe, Pipe]) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        out = Pipe(Output(full), pipes[0].read_end)
        async with followed(FakePlace(), (out, pipes[1])) as following:
            following.place.news.put_nowait([log_event(1, "lost")])
            following.finish("completed")
            await following.end()
    finally:
        os.close(full)
    said = following.err.read_all()
    assert said == "itk: output is lost, the run goes on: No space left on device\n"


def fill(end: Pipe) -> None:
    """Leave no room in a pipe, as a paused pager does."""
    os.set_blocking(end.output._descriptor, False)
    try:
        while os.write(end.output._descriptor, b"x" * 4096):
            pass
    except BlockingIOError:
        os.set_blocking(end.output._descriptor, True)


async def test_a_reader_that_does_not_read_holds_back_neither_cancel_nor_end(
    pipes: tuple[Pipe, Pipe], poll_until_async: PollUntilAsync
) -> None:
    fill(pipes[0])
    fill(pipes[1])
    async with followed(FakePlace(), pipes) as following:
        following.place.news.put_nowait([log_event(1, "not read")])
        following.wishes.wish()
        await poll_until_async(lambda: following.place.done == ["cancel"])
        following.finish("cancelled")
        begun = time.monotonic()
        assert (await following.end()).status == "cancelled"
    assert time.monotonic() - begun < 8


async def test_a_slow_reader_gets_every_line_when_nobody_presses_ctrl_c(
    pipes: tuple[Pipe, Pipe],
) -> None:
    fill(pipes[0])
    async with followed(FakePlace(), pipes) as following:
        following.place.news.put_nowait([log_event(n, f"line {n}") for n in range(5000)])
        following.finish("completed")
        assert following.task
        done, _ = await asyncio.wait({following.task}, timeout=0.6)
        assert not done
        parts = []
        while not following.task.done():
            parts.append(pipes[0].read_all())
            await asyncio.sleep(0)
        parts.append(pipes[0].read_all())
    lines = "".join(parts).lstrip("x").splitlines()
    assert sum("info       wait: line" in line for line in lines) == 5000
    assert lines[-1] == "completed after 2.0 s"


async def test_ctrl_c_ends_the_wait_for_a_slow_reader(pipes: tuple[Pipe, Pipe]) -> None:
    fill(pipes[0])
    async with followed(FakePlace(), pipes) as following:
        following.place.news.put_nowait([log_event(1, "not read")])
        following.finish("completed")
        assert following.task
        done, _ = await asyncio.wait({following.task}, timeout=0.4)
        assert not done
        following.wishes.wish()
        assert (await following.end()).status == "completed"


async def test_what_the_worker_logs_is_a_note(pipes: tuple[Pipe, Pipe]) -> None:
    logger = logging.getLogger("ignition_toolkit.execution.something")
    with worker_log() as log:
        screen = PlainScreen(plain)
        place = FakePlace()
        follower = Follower(place, screen, pipes[0].output, pipes[1].output, Wishes(), log)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(follower.follow(place.view))
            await asyncio.sleep(0)
            await asyncio.get_running_loop().run_in_executor(None, logger.warning, "too slow")
            place.view = execution("completed", completed_at=after(2))
            await task
    assert pipes[1].read_all() == "itk: warning: too slow\n"
