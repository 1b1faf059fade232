"""A server goes first for as long as it serves, and only where nobody has chosen otherwise."""

import os
import subprocess
import sys

import pytest

from ignition_toolkit.execution import priority
from ignition_toolkit.execution.priority import NICENESS, going_first

#: Prints the niceness of the process and of its session before, within and after the block.
LOOKS = """
import os, sys
from ignition_toolkit.execution import priority
def look():
    print(os.getpriority(os.PRIO_PROCESS, 0), priority._session_niceness())
os.nice(int(sys.argv[1]))
look()
with priority.going_first():
    look()
look()
"""


def looks(raised_by: int) -> list[tuple[str, str]]:
    """Return what a process sees whose niceness is raised first, in a session of its own."""
    answer = subprocess.run(
        [sys.executable, "-c", LOOKS, str(raised_by)],
        start_new_session=True,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    lines = (line.split() for line in answer.stdout.splitlines())
    return [(own, session) for own, session in lines]


def test_it_goes_first_within_the_block_where_it_may_and_as_before_afterwards() -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    expected = str(NICENESS if own == 0 and os.geteuid() == 0 else own)
    before, within, after = looks(0)
    assert before[0] == after[0] == str(own)
    assert within[0] == expected
    assert before[1] == after[1]
    assert within[1] in (expected, before[1])


def test_a_niceness_that_somebody_chose_stays() -> None:
    before, within, after = looks(7)
    assert before == within == after


def test_who_may_not_ask_goes_on_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(which: int, who: int, niceness: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "getpriority", lambda which, who: 0)
    monkeypatch.setattr(os, "setpriority", refuse)
    said: list[int] = []
    monkeypatch.setattr(priority, "_set_session_niceness", said.append)
    with going_first():
        pass
    assert said == []
