"""A Designer that was started: what is ended of it, and what a person gets."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ignition_toolkit.designer.manager import DesignerManager, Launch
from ignition_toolkit.designer.processes import is_marked, new_mark
from ignition_toolkit.protocol import HAND_OVER_MARK
from tests.polling import poll_until
from tests.subreaper import adopt_orphans

#: A launcher that starts another program in a session of its own, and ends. That one has started
#: something too, with an empty environment, which is nobody's child.
LAUNCHER = """
import subprocess
designer = "(env -i sleep 60 & exit); exec sleep 60"
subprocess.Popen(["sh", "-c", designer], start_new_session=True)
"""


@pytest.fixture
def launch() -> Iterator[Launch]:
    """A launch whose launcher has ended, and whose Designer has left its group."""
    mark = new_mark()
    adopt_orphans(True)
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER],
        env={**os.environ, HAND_OVER_MARK: mark},
        start_new_session=True,
    )
    made = Launch(launcher, mark, keep_open=True)
    launcher.wait(30)
    poll_until(lambda: [one.name for one in made.processes()] == ["sleep", "sleep"], 30.0)
    started = made.processes()
    try:
        yield made
    finally:
        for process in made.processes():
            os.kill(process.pid, signal.SIGKILL)
        for process in started:
            os.waitpid(process.pid, 0)
        adopt_orphans(False)


def test_what_a_designer_has_started_belongs_to_it_whatever_its_environment(
    launch: Launch,
) -> None:
    marks = [is_marked(process.pid, launch._mark) for process in launch.processes()]
    assert sorted(marks) == [False, True]


def test_all_of_a_launch_that_failed_is_ended(launch: Launch) -> None:
    assert launch.processes()
    launch.end()
    poll_until(lambda: not launch.processes(), 30.0)


def test_a_person_gets_a_designer_that_is_up_and_no_other(launch: Launch) -> None:
    manager = DesignerManager()
    manager._launches.append(launch)
    assert manager.handed_over() == ()
    launch.is_up = True
    assert manager.handed_over() == launch.processes()
