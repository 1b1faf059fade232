"""The janitor as a process: what it hears, what it answers and when, and what it survives."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ignition_toolkit.janitor.__main__ import PRIORITY
from ignition_toolkit.janitor.wire import MAX_WAITING_BYTES
from tests.integration.janitor.driver import Worker, assert_silent, working
from tests.polling import poll_until


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    with working(tmp_path) as worker:
        yield worker


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with working(tmp_path_factory.mktemp("lasting")) as worker:
        yield worker


def test_the_first_line_says_who_it_is_and_how_it_looks(worker: Worker) -> None:
    ready = worker.await_answer("ready")
    assert ready["pid"] == worker.janitor.pid
    assert ready["child_lists"] is Path(f"/proc/self/task/{os.getpid()}/children").exists()


def test_it_goes_before_those_that_it_ends_where_that_is_allowed(lasting: Worker) -> None:
    step = str(PRIORITY - os.getpriority(os.PRIO_PROCESS, 0))
    command = ["nice", "-n", step, "nice"]
    allowed = subprocess.run(command, capture_output=True, text=True, check=True)
    assert os.getpriority(os.PRIO_PROCESS, lasting.janitor.pid) == int(allowed.stdout)
    share = Path(f"/proc/{lasting.janitor.pid}/autogroup")
    if share.exists():
        assert share.read_text().split()[-1] == allowed.stdout.strip()


def test_fifty_ends_at_once_get_one_answer_each_from_one_hunt(worker: Worker) -> None:
    runners = [worker.start("child") for _ in range(50)]
    for runner in runners:
        runner.await_beats("runner", "child")
    scans = worker.ping()["scans"]
    worker.end(*runners, in_s=0.5)
    answers = [worker.await_over(runner) for runner in runners]
    assert_silent(*runners)
    for runner, answer in zip(runners, answers, strict=True):
        assert worker.heard("clean", token=runner.token) == [answer]
        own = {int(name.rpartition(".")[2]) for name in runner.beats()}
        assert {entry["pid"] for entry in answer["killed"]} == own
    # Two do when nothing else moves on the machine; two for each would be a hundred.
    assert worker.ping()["scans"] - scans <= 25


def test_a_tree_is_ended_at_its_time_and_not_before(worker: Worker) -> None:
    runner = worker.start("child")
    runner.await_beats("child")
    at = time.monotonic() + 0.4
    worker.say("end", token=runner.token, at=at, ask_at=None)
    runner.await_beats("child")
    answer = worker.await_over(runner)
    assert at <= answer["began"] < at + 0.2


def test_of_two_ends_the_earlier_counts(worker: Worker) -> None:
    runner = worker.start("child")
    runner.await_beats("child")
    worker.end(runner, in_s=30)
    worker.end(runner, in_s=0)
    worker.end(runner, in_s=30)
    assert worker.await_over(runner)["killed"]


def test_a_runner_is_asked_where_it_is_before_it_is_frozen(worker: Worker) -> None:
    runner = worker.start("asked")
    runner.await_beats("runner", "child")
    worker.end(runner, in_s=0.5, ask_in_s=0.1)
    stack = runner.folder / "stack.txt"
    poll_until(lambda: "in beat" in stack.read_text())
    assert not worker.heard("clean")
    runner.await_beats("runner", "child")
    worker.await_over(runner)
    assert stack.read_text().count("most recent call first") == 1


def test_a_spared_runner_lives_on(worker: Worker) -> None:
    runner = worker.start("child")
    runner.await_beats("child")
    at = time.monotonic() + 0.3
    worker.say("end", token=runner.token, at=at, ask_at=at)
    worker.say("spare", token=runner.token)
    worker.await_answer("spared", token=runner.token)
    poll_until(lambda: time.monotonic() > at + 0.2)
    worker.ping()
    runner.await_beats("runner", "child")
    assert not worker.heard("clean")
    worker.end(runner)
    assert worker.await_over(runner)["killed"]


def test_a_spare_that_comes_too_late_is_not_granted(worker: Worker) -> None:
    runner = worker.start("child")
    runner.await_beats("child")
    worker.end(runner)
    worker.await_over(runner)
    worker.say("spare", token=runner.token)
    worker.ping()
    assert not worker.heard("spared")


def test_a_runner_that_ends_by_itself_in_between_is_not_listed_as_killed(worker: Worker) -> None:
    runner = worker.start("child")
    runner.await_beats("child")
    worker.end(runner, in_s=0.3)
    runner.process.kill()
    answer = worker.await_over(runner)
    assert_silent(runner)
    child = next(int(name.rpartition(".")[2]) for name in runner.beats() if "child" in name)
    assert [entry["pid"] for entry in answer["killed"]] == [child]


def test_an_end_can_be_asked_for_again(worker: Worker) -> None:
    runner = worker.start("child")
    runner.await_beats("child")
    worker.end(runner)
    worker.await_over(runner)
    worker.end(runner)
    assert worker.await_over(runner, count=2)["killed"] == []


def test_what_a_forgotten_token_left_is_found_by_its_marker(worker: Worker) -> None:
    runner = worker.start("child")
    runner.await_beats("child")
    worker.say("forget", token=runner.token)
    worker.end(runner)
    assert len(worker.await_over(runner)["killed"]) == 2


@pytest.mark.parametrize(
    "line",
    [
        b"garbage",
        b"\xff\xfe\x00",
        b"[]",
        b"{}",
        b'{"op": "kill"}',
        b'{"op": ["end"]}',
        b'{"op": "end"}',
        b'{"op": "end", "token": "f0.w1.1", "at": "now"}',
        b'{"op": "end", "token": "f0.w1.1", "at": NaN}',
        b'{"op": "end", "token": "f0.w1.1", "at": 1e999}',
        b'{"op": "end", "token": "f1.w1.1", "at": 1}',
        b'{"op": "end", "token": "", "at": 1}',
        b'{"op": "watch", "token": "f0.w1.1", "pid": -1, "start": 1}',
        b'{"op": "watch", "token": "f0.w1.1", "pid": 99999999999, "start": 1}',
        b'{"op": "watch", "token": "f0.w1.1", "pid": true, "start": 1}',
        b'{"op": "hello", "folder": "f0", "worker": "w1", "worker_pid": 1, "worker_start": 1}',
        b"[" * 60000,
        b"x" * 1000000,
    ],
    ids=lambda line: repr(line[:70]),
)
def test_garbage_is_answered_with_an_error_and_survived(lasting: Worker, line: bytes) -> None:
    before = len(lasting.heard("error"))
    lasting.say_raw(line + b"\n")
    lasting.ping()
    (error,) = lasting.heard("error")[before:]
    assert "expected" in error["message"]


def test_what_comes_before_hello_is_refused(tmp_path: Path) -> None:
    with working(tmp_path, hello=False) as worker:
        worker.say_raw(b'nonsense\n{"op": "ping", "id": 99}\n')
        poll_until(lambda: len(worker.heard("error")) == 2)
        worker.say_hello()
        assert not worker.heard("pong", id=99)


def test_a_hello_of_a_worker_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with working(tmp_path, hello=False) as worker:
        worker.say("hello", folder="f0", worker="w1", worker_pid=os.getpid(), worker_start=1)
        assert "expected a live worker" in worker.await_answer("error")["message"]
        worker.ping()


def test_a_worker_that_does_not_read_holds_nothing_up(tmp_path: Path) -> None:
    with working(tmp_path, reads=False) as worker:
        # Each is answered with over a hundred bytes.
        worker.say_raw(b"x\n" * (MAX_WAITING_BYTES // 100))
        runner = worker.start("child")
        runner.await_beats("child")
        worker.end(runner)
        assert runner.process.wait(10) == -signal.SIGKILL
        assert_silent(runner)
        worker.start_reading()
        worker.ping()
        # It is told when all that had waited is written, which the answer to the ping may be.
        poll_until(lambda: "answers were dropped" in worker.heard("error")[-1]["message"], 10)


def test_an_idle_janitor_uses_no_processor_time(worker: Worker) -> None:
    runner = worker.start("sleep")
    worker.end(runner, in_s=30)
    worker.ping()
    before = ticks(worker.janitor.pid)
    time.sleep(1.0)
    assert ticks(worker.janitor.pid) == before


def ticks(pid: int) -> int:
    """Return the hundredths of a second of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_an_end_of_stdin_before_hello_ends_it() -> None:
    command = [sys.executable, "-m", "ignition_toolkit.janitor"]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["op"] == "ready"
    assert not done.stderr


def test_a_runner_without_server_and_janitor_ends_what_it_started(worker: Worker) -> None:
    runner = worker.start("own_end")
    assert runner.process.wait(15) == 0
    killed = (runner.folder / "killed.txt").read_text().splitlines()
    assert len(killed) >= 3
    assert {name.partition(".")[0] for name in runner.beats()} == {"child", "daemon", "chain"}
    assert_silent(runner)
