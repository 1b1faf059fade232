"""The observer sees what it is there to see; else the proofs that rest on it are none."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.observer import (
    MARKER,
    Identity,
    Witness,
    below,
    end,
    entry,
    is_alive,
    mark,
    read_beats,
)
from tests.e2e.server import REPO
from tests.polling import poll_until

BEATS = REPO / "examples" / "stuck-steps" / "src" / "stuck_steps" / "beats.py"

Run = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def run() -> Iterator[Run]:
    """Give a function that starts a program, which is ended with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(arguments, env={**os.environ, **environment}))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def beating(run: Run, tmp_path: Path) -> tuple[subprocess.Popen[bytes], Witness]:
    """Give a process that beats and bears a marker, and the witness that watches it."""
    witness = Witness(tmp_path / "beat")
    program = (sys.executable, "-S", str(BEATS), "beat", str(witness.path))
    process = run(*program, **{MARKER: "observed.1.1"})
    witness.wait_acting()
    return process, witness


def test_a_process_that_acts_fails_the_claim_that_it_is_gone(
    beating: tuple[subprocess.Popen[bytes], Witness],
) -> None:
    process, witness = beating
    with pytest.raises(AssertionError, match=f"still alive.*{process.pid}"):
        witness.assert_gone()
    process.kill()
    process.wait()
    witness.assert_gone()


def test_a_process_that_acts_on_fails_the_claim_that_nothing_acts(
    beating: tuple[subprocess.Popen[bytes], Witness],
) -> None:
    process, witness = beating
    with pytest.raises(AssertionError, match="signs of life of 1 processes after the end"):
        witness.assert_silent(since=time.monotonic())
    process.kill()
    process.wait()
    witness.assert_silent(since=time.monotonic())


def test_a_process_that_no_longer_acts_is_not_acting(
    beating: tuple[subprocess.Popen[bytes], Witness],
) -> None:
    process, witness = beating
    assert {one.pid for one in witness.acting_now()} == {process.pid}
    process.kill()
    process.wait()
    assert not witness.acting_now()
    with pytest.raises(AssertionError, match="not true within"):
        witness.wait_acting(deadline_s=0.05)


def test_what_bears_the_same_marker_is_seen_although_it_never_beats(
    beating: tuple[subprocess.Popen[bytes], Witness], run: Run
) -> None:
    _, witness = beating
    silent = run("sleep", "60", **{MARKER: "observed.1.1"})
    stranger = run("sleep", "60", **{MARKER: "observed.1.10"})
    poll_until(lambda: mark(silent.pid) and mark(stranger.pid))
    alive = {one.pid for one in witness.alive()}
    assert silent.pid in alive
    assert stranger.pid not in alive


def test_a_child_without_the_marker_is_seen_by_its_lineage(run: Run, tmp_path: Path) -> None:
    witness = Witness(tmp_path / "beat")
    beat = f'"{sys.executable}" -S "{BEATS}" beat "{witness.path}"'
    run("sh", "-c", f"env -i sleep 60 & {beat} & wait", **{MARKER: "observed.2.1"})
    witness.wait_acting()
    names = {found.name for one in witness.tree if (found := entry(one.pid))}
    assert "sleep" in names
    for one in witness.tree:
        os.kill(one.pid, 9)
    poll_until(lambda: not witness.alive())


def test_a_zombie_counts_as_gone(run: Run) -> None:
    process = run("true")
    identity = Identity(process.pid, started(process.pid))
    poll_until(lambda: not is_alive(identity))
    assert entry(process.pid), "it was not reaped, so it is still in the table"


THREAD_OUTLIVES_MAIN = """
import ctypes, sys, threading
sys.path.insert(0, sys.argv[1])
from beats import beat_on
threading.Thread(target=beat_on, args=(sys.argv[2],)).start()
ctypes.PyDLL(None).pthread_exit(None)
"""


def test_a_zombie_whose_threads_go_on_counts_as_alive(run: Run, tmp_path: Path) -> None:
    witness = Witness(tmp_path / "beat")
    process = run(sys.executable, "-c", THREAD_OUTLIVES_MAIN, str(BEATS.parent), str(witness.path))
    identity = Identity(process.pid, started(process.pid))
    poll_until(lambda: (found := entry(process.pid)) and found.state == "Z")
    assert is_alive(identity)
    with pytest.raises(AssertionError, match="still alive"):
        Witness(witness.path, {identity}).assert_gone()


def test_a_pid_that_was_given_away_is_another_process(run: Run) -> None:
    process = run("sleep", "60")
    start = started(process.pid)
    assert is_alive(Identity(process.pid, start))
    assert not is_alive(Identity(process.pid, start - 1))


def test_descendants_are_found_through_every_generation(run: Run) -> None:
    process = run("sh", "-c", "sh -c 'sleep 60 & wait' & wait")
    poll_until(lambda: len(below([process.pid])) == 2)
    end(below([process.pid]))


def test_beats_of_a_shell_are_put_on_the_same_clock(tmp_path: Path) -> None:
    path = tmp_path / "beat"
    uptime = Path("/proc/uptime").read_text("ascii").split()[0]
    path.write_text(f"1 2 b{uptime}\n3 4 {time.monotonic():.6f}\n5 6 1234.5", "ascii")
    shell, python = read_beats(path)
    assert (shell.identity, python.identity) == (Identity(1, 2), Identity(3, 4))
    assert abs(python.at - shell.at) < 0.1


def started(pid: int) -> int:
    """Return the clock tick at which a process started."""
    found = entry(pid)
    assert found
    return found.identity.start
