"""When the worker has gone, politely or not, everything of it is ended and the janitor leaves."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import leaks
from tests.integration.janitor.driver import Worker, assert_silent, subreaper, working
from tests.polling import poll_until

REPO = Path(__file__).parents[3]
#: What the design promises after the death of a server.
GONE_S = 1.5

Identities = set[tuple[int, int]]


@contextmanager
def mortal_worker(folder: Path, *ways: str) -> Iterator[tuple[subprocess.Popen[bytes], Identities]]:
    """Give a worker in a process of its own, and who its janitor and its runners are."""
    command = [sys.executable, "-m", "tests.integration.janitor.worker", str(folder), *ways]
    with subreaper(), subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        pids = [said["janitor"], *said["runners"]]
        try:
            yield process, {(pid, leaks.start_time(pid) or 0) for pid in pids}
        finally:
            process.kill()


def beats(folder: Path) -> dict[Path, int]:
    """Return how often everybody below a folder has beaten."""
    return {path: path.stat().st_size for path in folder.glob("*/*.*")}


def await_beats(folder: Path, *names: str) -> None:
    """Wait until somebody of each name has beaten: the positive control."""
    poll_until(lambda: all(list(folder.glob(f"*/{name}.*")) for name in names), 10)


def are_gone(who: Identities) -> bool:
    """Say whether none of these processes is there, zombies not counted."""
    return not any(
        leaks.start_time(pid) == start and "\nState:\tZ" not in status_of(pid) for pid, start in who
    )


def status_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return ""


@pytest.mark.parametrize("extra", [[], ["fork"], ["spawning"]])
def test_nothing_is_left_1500_ms_after_the_worker_was_killed(
    tmp_path: Path, extra: list[str]
) -> None:
    ways = ["child", "daemon", "deaf", "stopped", "wiped_chain", "marked_daemon_then_exit"]
    with mortal_worker(tmp_path, *ways, *extra) as (process, who):
        await_beats(tmp_path, "runner", "child", "daemon", "chain")
        process.kill()
        poll_until(lambda: are_gone(who), GONE_S)
        last = beats(tmp_path)
        time.sleep(0.25)
        assert beats(tmp_path) == last


def test_a_killed_worker_without_runners_takes_its_janitor_along(tmp_path: Path) -> None:
    with mortal_worker(tmp_path, "sleep") as (process, who):
        process.kill()
        poll_until(lambda: are_gone(who), GONE_S)


def test_a_polite_end_ends_everything_and_exits_with_0(tmp_path: Path) -> None:
    with subreaper():
        worker = Worker(tmp_path)
        runners = [worker.start(way) for way in ("child", "daemon", "daemon_then_exit")]
        for runner in runners:
            runner.await_beats("daemon" if "daemon" in str(runner.folder) else "child")
        began = time.monotonic()
        assert worker.close() == 0
        assert time.monotonic() - began < GONE_S
        assert_silent(*runners)


def test_an_end_under_way_does_not_hold_up_the_leave(tmp_path: Path) -> None:
    with subreaper():
        worker = Worker(tmp_path)
        runner = worker.start("child")
        runner.await_beats("child")
        worker.end(runner)
        assert worker.close() == 0
        assert_silent(runner)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR2])
def test_a_signal_does_not_end_the_janitor(tmp_path: Path, number: signal.Signals) -> None:
    with working(tmp_path) as worker:
        os.kill(worker.janitor.pid, number)
        assert worker.ping()
        assert worker.janitor.poll() is None


def test_a_closed_stdout_does_not_keep_the_janitor_from_its_work(tmp_path: Path) -> None:
    with working(tmp_path, reads=False) as worker:
        assert worker.janitor.stdout is not None
        worker.janitor.stdout.close()
        runner = worker.start("child")
        runner.await_beats("child")
        worker.end(runner)
        assert runner.process.wait(10) == -signal.SIGKILL
        poll_until(lambda: "child" not in alive_names(runner.folder), 5)
        assert_silent(runner)
        assert worker.janitor.poll() is None


def alive_names(folder: Path) -> set[str]:
    """Return the names of those that beat into a folder and are alive."""
    files = [path.name.split(".") for path in folder.glob("*.[0-9]*")]
    return {name for name, pid in files if status_of(int(pid)) and not is_zombie(int(pid))}


def is_zombie(pid: int) -> bool:
    return "\nState:\tZ" in status_of(pid)
