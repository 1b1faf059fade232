"""Dead orphans are reaped, and nobody else's children."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from ignition_toolkit.execution.reaper import Reaper, become_subreaper
from tests.polling import PollUntil
from tests.subreaper import adopt_orphans

Child = Callable[..., int]


def state(pid: int) -> str:
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rpartition(")")[2].split()[0]


@pytest.fixture
def dead(poll_until: PollUntil) -> Iterator[Child]:
    """Give a function that makes a dead child which nobody has reaped."""
    made: list[subprocess.Popen[bytes]] = []

    def make(*, own_session: bool = True) -> int:
        process = subprocess.Popen(
            [sys.executable, "-S", "-E", "-c", ""], start_new_session=own_session
        )
        made.append(process)
        poll_until(lambda: state(process.pid) == "Z", 20.0)
        return process.pid

    yield make
    for process in made:
        process.wait()


def is_reaped(pid: int) -> bool:
    return not os.path.exists(f"/proc/{pid}")


def reaper(own: set[int] | None = None, *, starting: bool = False) -> Reaper:
    return Reaper(lambda: own or set(), lambda: starting)


def test_a_dead_orphan_is_reaped(dead: Child) -> None:
    pid = dead()
    assert reaper().reap() == 1
    assert is_reaped(pid)


def test_a_child_that_somebody_waits_for_is_left_alone(dead: Child) -> None:
    pid = dead()
    assert reaper({pid}).reap() == 0
    assert state(pid) == "Z"


def test_a_child_of_this_session_is_somebodys_who_waits_for_it(dead: Child) -> None:
    pid = dead(own_session=False)
    assert reaper().reap() == 0
    assert state(pid) == "Z"


def test_what_may_be_a_runner_that_is_being_started_is_left_for_later(dead: Child) -> None:
    pid = dead()
    assert reaper(starting=True).reap() == 0
    assert state(pid) == "Z"
    assert reaper().reap() == 1


@pytest.fixture
def adopting() -> Iterator[None]:
    become_subreaper()
    yield
    adopt_orphans(False)


def test_while_a_runner_is_started_what_cannot_be_one_is_reaped(
    adopting: None, dead: Child, poll_until: PollUntil
) -> None:
    # A shell that leads a session and leaves a child of that session behind.
    shell = subprocess.Popen(
        ["sh", "-c", "sleep 0.01 & echo $!"], stdout=subprocess.PIPE, start_new_session=True
    )
    output, _ = shell.communicate()
    orphan = int(output)
    poll_until(lambda: state(orphan) == "Z")
    assert reaper(starting=True).reap() == 1
    assert is_reaped(orphan)


def test_a_child_that_lives_is_left_alone() -> None:
    with subprocess.Popen(
        ["sleep", "60"], start_new_session=True, stdin=subprocess.DEVNULL
    ) as process:
        try:
            assert reaper().reap() == 0
            assert process.poll() is None
        finally:
            process.kill()
