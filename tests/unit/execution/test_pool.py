"""Runners are kept warm, handed out once, and never lost."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest

from ignition_toolkit.errors import InternalError
from ignition_toolkit.execution import pool as pool_module
from ignition_toolkit.execution import questions as questions_module
from ignition_toolkit.execution import runner_birth
from ignition_toolkit.execution.janitor_link import JanitorLink
from ignition_toolkit.execution.owner import ProcessIdentity
from ignition_toolkit.execution.pool import RunnerPool
from ignition_toolkit.execution.questions import Questions
from ignition_toolkit.execution.runner_process import RunnerProcess
from ignition_toolkit.playbook.models import Program
from tests.polling import poll_until_async
from tests.unit.execution import fakes

SCRIPT = Path(__file__).with_name("scripted_runner.py")
UP_S = 30.0
ME = ProcessIdentity.mine()

MakePool = Callable[..., RunnerPool]


@pytest.fixture
async def make_pool(tmp_path: Path) -> AsyncIterator[MakePool]:
    """Give a function that makes a pool with a real janitor."""
    janitor = JanitorLink("f", "w", ME, lambda: None)
    await janitor.start()
    pools: list[RunnerPool] = []

    def make(way: str = "ready", warm: int = 1) -> RunnerPool:
        command = [sys.executable, "-S", "-E", str(SCRIPT), way]
        pools.append(RunnerPool(janitor, "f.w.", tmp_path / "run", warm, command))
        return pools[-1]

    yield make
    for pool in pools:
        await pool.close()
    await janitor.close()
    for pool in pools:
        await pool.release()
    await asyncio.get_running_loop().shutdown_default_executor()


async def warm(pool: RunnerPool, count: int = 1) -> None:
    pool.refill()
    await poll_until_async(lambda: len(pool.warm_pids) == count, UP_S)


def _note(order: list[int], number: int, _: object) -> None:
    order.append(number)


def lives(runner: RunnerProcess) -> bool:
    return os.path.exists(f"/proc/{runner.pid}")


async def test_a_taken_runner_is_replaced(make_pool: MakePool) -> None:
    pool = make_pool(warm=2)
    await warm(pool, 2)
    first, second = await pool.take(), await pool.take()
    assert first.pid != second.pid
    await poll_until_async(lambda: len(pool.warm_pids) == 2, UP_S)
    assert not {first.pid, second.pid} & set(pool.warm_pids)
    assert len(pool.pids) == 4
    assert (pool.starts, pool.failed_starts) == (4, 0)


async def test_who_waits_gets_the_next_runner_in_the_order_of_asking(make_pool: MakePool) -> None:
    pool = make_pool(warm=1)
    taking = [asyncio.create_task(pool.take()) for _ in range(3)]
    order: list[int] = []
    for number, task in enumerate(taking):
        task.add_done_callback(partial(_note, order, number))
    runners = await asyncio.gather(*taking)
    assert order == [0, 1, 2]
    assert len({runner.pid for runner in runners}) == 3


async def test_a_cancelled_take_takes_nothing(make_pool: MakePool) -> None:
    pool = make_pool(warm=1)
    task = asyncio.create_task(pool.take())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    # The one that was started for it is warm as well: none of them is lost.
    await warm(pool, 2)
    assert set(pool.warm_pids) == set(pool.pids)


async def test_a_runner_handed_to_a_take_that_is_cancelled_in_that_moment_is_not_lost(
    make_pool: MakePool,
) -> None:
    pool = make_pool(warm=1)
    await warm(pool)
    runner = await pool.take()
    pool._closed = True  # nothing is started in its place
    first, second = (asyncio.create_task(pool.take()) for _ in range(2))
    await asyncio.sleep(0)
    pool.give_back(runner)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await asyncio.wait_for(second, UP_S) is runner
    pool._closed = False


async def test_a_runner_that_is_given_back_is_handed_out_again(make_pool: MakePool) -> None:
    pool = make_pool(warm=1)
    await warm(pool)
    runner = await pool.take()
    pool.give_back(runner)
    assert runner.pid in pool.warm_pids
    assert await pool.take() in (runner,)


async def test_a_warm_runner_that_dies_is_cleaned_up_and_replaced(
    make_pool: MakePool, tmp_path: Path
) -> None:
    pool = make_pool(warm=1)
    await warm(pool)
    (pid,) = pool.warm_pids
    os.kill(pid, signal.SIGKILL)
    await poll_until_async(lambda: pool.warm_pids and pid not in pool.warm_pids, UP_S)
    await poll_until_async(lambda: pid not in pool.pids, UP_S)
    await poll_until_async(lambda: not (tmp_path / "run" / "1").exists(), UP_S)


async def test_a_runner_that_died_in_a_takers_hand_is_not_given_to_another(
    make_pool: MakePool,
) -> None:
    pool = make_pool(warm=1)
    await warm(pool)
    runner = await pool.take()
    os.kill(runner.pid, signal.SIGKILL)
    await asyncio.wait_for(runner.ended.wait(), UP_S)
    pool.give_back(runner)
    assert runner.pid not in pool.warm_pids
    await poll_until_async(lambda: runner.pid not in pool.pids, UP_S)


async def test_discarding_ends_the_process_and_removes_its_folder(
    make_pool: MakePool, tmp_path: Path
) -> None:
    pool = make_pool(warm=1)
    await warm(pool)
    runner = await pool.take()
    assert runner.folder.exists()
    ended = await pool.discard(runner)
    assert ended is not None
    assert ended.runner is not None
    assert not lives(runner)
    await poll_until_async(lambda: not runner.folder.exists(), UP_S)


@pytest.mark.parametrize(
    ("way", "problem"),
    [
        ("dies", "a runner ended while it was starting: ImportError: no such thing"),
        ("closes", "a runner ended while it was starting: closed its own mouth"),
        ("old", "a runner speaks version 99 of the protocol, expected 1"),
        ("mute", "a runner did not come up within 0.3 s"),
    ],
)
async def test_a_runner_that_does_not_come_up_is_a_problem_with_its_reason(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch, way: str, problem: str
) -> None:
    if way == "mute":
        monkeypatch.setattr(runner_birth, "READY_S", 0.3)
    pool = make_pool(way)
    pool.refill()
    await poll_until_async(lambda: pool.problem, UP_S)
    assert (pool.problem or "").startswith(problem)
    assert not pool.has_started
    await poll_until_async(lambda: not pool.pids, UP_S)


async def test_a_problem_is_logged_once_and_ends_with_the_first_runner_that_comes_up(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pool_module, "RETRY_S", 0.01)
    pool = make_pool("dies")
    taking = asyncio.create_task(pool.take())
    pool.refill()
    await poll_until_async(lambda: pool._count >= 4, UP_S)
    assert len([r for r in caplog.records if "no runner" in r.message]) == 1
    assert pool._command is not None
    pool._command = [*pool._command[:-1], "ready"]
    await asyncio.wait_for(taking, UP_S)
    assert pool.problem is None
    assert pool.has_started
    assert pool.starts >= 1
    assert pool.failed_starts >= 3


async def test_a_start_that_fails_in_an_unknown_way_is_tried_again_and_not_at_once(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[bool] = []

    def no_thread(*arguments: object) -> None:
        tries.append(True)
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(pool_module, "spawn", no_thread)
    pool = make_pool()
    pool.refill()
    await poll_until_async(lambda: pool.problem == "can't start new thread", UP_S)
    assert len(tries) <= 2


async def test_closing_while_runners_are_being_started_leaves_none(
    make_pool: MakePool, tmp_path: Path
) -> None:
    pool = make_pool(warm=2)
    pool.refill()
    await asyncio.sleep(0)
    assert pool.is_spawning
    await pool.close()
    assert not pool.is_spawning
    assert len(pool.pids) == 2


async def test_closing_ends_the_waiting_of_who_takes(make_pool: MakePool) -> None:
    pool = make_pool("mute")
    taking = asyncio.create_task(pool.take())
    await asyncio.sleep(0)
    await pool.close()
    with pytest.raises(asyncio.CancelledError):
        await taking


async def test_nothing_is_started_after_the_close(make_pool: MakePool) -> None:
    pool = make_pool()
    await pool.close()
    pool.refill()
    assert not pool.is_spawning


# Questions.


def named(name: str) -> Program:
    program = fakes.program()
    return program.model_copy(update={"main": program.main.model_copy(update={"name": name})})


async def test_one_runner_answers_all_questions(make_pool: MakePool) -> None:
    pool = make_pool()
    questions = Questions(pool)
    assert (await questions.describe()).key == "k"
    assert await questions.check(named("good"), {}) == []
    (problem,) = await questions.check(named("bad"), {})
    assert problem.message == "bad"
    assert len(pool.pids) <= 2


async def test_questions_at_the_same_time_have_their_own_answers(make_pool: MakePool) -> None:
    questions = Questions(make_pool())
    answers = await asyncio.gather(*(questions.check(named(name), {}) for name in "abcdef"))
    assert ["".join(problem.message for problem in answer) for answer in answers] == list("abcdef")


async def test_the_answer_to_a_question_that_was_given_up_is_not_the_next_ones(
    make_pool: MakePool,
) -> None:
    questions = Questions(make_pool())
    given_up = asyncio.create_task(questions.check(named("slow"), {}))
    await poll_until_async(lambda: questions._number == 1 and questions._runner, UP_S)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    (problem,) = await questions.check(named("next"), {})
    assert problem.message == "next"


async def test_a_question_without_an_answer_is_an_error_and_the_next_has_one(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = make_pool()
    questions = Questions(pool)
    await questions.check(named("good"), {})
    monkeypatch.setattr(questions_module, "ANSWER_S", 0.2)
    with pytest.raises(InternalError, match=r"no answer within 0\.2 s: .*hangs on import"):
        await questions.check(named("hangs"), {})
    monkeypatch.setattr(questions_module, "ANSWER_S", UP_S)
    assert await questions.check(named("good"), {}) == []


async def test_a_runner_that_dies_of_a_question_is_an_error_and_the_next_has_one(
    make_pool: MakePool,
) -> None:
    questions = Questions(make_pool())
    with pytest.raises(InternalError, match="the step kinds could not be asked"):
        await questions.check(named("dies"), {})
    assert await questions.check(named("good"), {}) == []


async def test_a_runner_that_died_between_two_questions_is_replaced_and_cleaned_up(
    make_pool: MakePool,
) -> None:
    pool = make_pool()
    questions = Questions(pool)
    await questions.check(named("good"), {})
    assert questions._runner is not None
    pid = questions._runner.pid
    os.kill(pid, signal.SIGKILL)
    await asyncio.wait_for(questions._runner.ended.wait(), UP_S)
    assert await questions.check(named("good"), {}) == []
    assert pid not in pool.pids


async def test_a_question_does_not_wait_for_ever_for_a_runner(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = make_pool("dies")
    questions = Questions(pool)
    pool.refill()
    await poll_until_async(lambda: pool.problem, UP_S)
    monkeypatch.setattr(questions_module, "RUNNER_S", 0.1)
    with pytest.raises(InternalError, match=r"no runner came up within .*ImportError"):
        await questions.check(named("good"), {})
