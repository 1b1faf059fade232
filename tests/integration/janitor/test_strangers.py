"""Who is not of a run is never touched, however alike it looks."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.janitor.driver import (
    STUCK,
    Runner,
    assert_silent,
    start_of,
    subreaper,
    working,
)
from tests.polling import poll_until

REPO = Path(__file__).parents[3]


@contextmanager
def stranger(folder: Path, marker: str | None) -> Iterator[Path]:
    """Have a process of somebody else, with a child in its session; give what they beat into."""
    folder.mkdir()
    environ = {key: value for key, value in os.environ.items() if key != "ITK_RUN"}
    process = subprocess.Popen(
        [sys.executable, "-S", "-E", str(STUCK), "child", str(folder)],
        env=environ | ({"ITK_RUN": marker} if marker else {}),
        start_new_session=True,
    )
    try:
        poll_until(lambda: len(list(folder.glob("*.*"))) == 2)
        yield folder
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def assert_beats_on(folder: Path) -> None:
    """Fail unless everybody who has beaten here still does."""
    first = {path: path.stat().st_size for path in folder.glob("*.*")}
    poll_until(lambda: all(path.stat().st_size > size for path, size in first.items()))


@pytest.mark.parametrize("marker", [None, "f0.w1.99", "f0.w1.11", "f0.w2.1", "f1.w1.1"])
def test_a_process_of_somebody_else_is_not_touched(tmp_path: Path, marker: str | None) -> None:
    """Neither an unmarked child of the worker nor one marked for another run, ended or swept."""
    with (
        subreaper(),
        stranger(tmp_path / "stranger", marker) as folder,
        working(tmp_path) as worker,
    ):
        runner = worker.start("daemon_then_exit")
        runner.await_beats("daemon")
        worker.end(runner)
        worker.await_over(runner)
        assert_silent(runner)
        assert_beats_on(folder)
        if marker != "f0.w2.1":
            worker.say("sweep")
            assert worker.await_answer("swept")["killed"] == []
            assert_beats_on(folder)


def test_a_process_with_another_start_time_is_never_killed(tmp_path: Path) -> None:
    with subreaper(), stranger(tmp_path / "stranger", None) as folder, working(tmp_path) as worker:
        pid = int(next(folder.glob("runner.*")).suffix[1:])
        worker.say("watch", token="f0.w1.7", pid=pid, start=start_of(pid) + 1)
        worker.say("end", token="f0.w1.7", at=0.0, ask_at=0.0)
        assert worker.await_answer("clean", token="f0.w1.7")["killed"] == []
        assert_beats_on(folder)


@pytest.mark.parametrize("who", ["worker", "janitor", "init"])
def test_worker_janitor_and_init_are_never_killed(tmp_path: Path, who: str) -> None:
    """Not even when the worker says that they are runners."""
    with working(tmp_path) as worker:
        pid = {"worker": os.getpid(), "janitor": worker.janitor.pid, "init": 1}[who]
        worker.say("watch", token="f0.w1.7", pid=pid, start=start_of(pid))
        worker.say("end", token="f0.w1.7", at=0.0)
        assert worker.await_answer("clean", token="f0.w1.7")["killed"] == []
        assert worker.janitor.poll() is None


def test_other_runners_live_on_when_one_is_ended(tmp_path: Path) -> None:
    with working(tmp_path) as worker:
        ended, other = worker.start("daemon_then_exit"), worker.start("daemon")
        ended.await_beats("daemon")
        other.await_beats("runner", "daemon")
        worker.end(ended)
        worker.await_over(ended)
        assert_silent(ended)
        other.await_beats("runner", "daemon")


def test_a_runner_that_is_being_started_is_not_taken_for_an_orphan(tmp_path: Path) -> None:
    with working(tmp_path) as worker:
        dead = worker.start("daemon_then_exit")
        dead.await_beats("daemon")
        worker.say("spawning", token="f0.w1.50")
        fresh = Runner("", "sleep", tmp_path / "fresh")
        worker.runners.append(fresh)
        fresh.await_beats("runner")
        worker.end(dead)
        worker.ping()
        assert not worker.heard("clean")
        worker.say("watch", token="f0.w1.50", pid=fresh.pid, start=fresh.start)
        worker.await_over(dead)
        assert_silent(dead)
        fresh.await_beats("runner")


def test_a_sweep_ends_the_leftovers_of_another_worker(tmp_path: Path) -> None:
    with subreaper(), stranger(tmp_path / "old", "f0.w0.3") as old, working(tmp_path) as worker:
        runner = worker.start("sleep")
        runner.await_beats("runner")
        worker.say("sweep")
        swept = worker.await_answer("swept")
        pids = {int(path.suffix[1:]) for path in old.glob("*.*")}
        assert {entry["pid"] for entry in swept["killed"]} == pids
        assert swept["leftovers"] == []
        runner.await_beats("runner")


def test_a_second_sweep_finds_nothing(tmp_path: Path) -> None:
    with working(tmp_path) as worker:
        worker.say("sweep")
        worker.say("sweep")
        poll_until(lambda: len(worker.heard("swept", killed=[], leftovers=[])) == 2)


def test_a_worker_that_was_started_inside_an_old_run_is_not_swept(tmp_path: Path) -> None:
    """Its ancestors carry the marker of the run that started it."""
    script = (
        "import sys, pathlib\n"
        "from tests.integration.janitor.driver import working\n"
        "with working(pathlib.Path(sys.argv[1])) as worker:\n"
        "    worker.say('sweep')\n"
        "    print(worker.await_answer('swept')['killed'])\n"
    )
    done = subprocess.run(
        ["sh", "-c", f'{sys.executable} -c "$SCRIPT" {tmp_path}; true'],
        cwd=REPO,
        env={**os.environ, "ITK_RUN": "f0.w0.1", "SCRIPT": script},
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.stdout == b"[]\n", done.stderr
