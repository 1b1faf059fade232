"""A Designer that was started: what is ended of it, and what a person gets."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ignition_toolkit.designer.manager import DesignerManager, Launch
from ignition_toolkit.designer.processes import MARK, new_mark
from tests.polling import poll_until
from tests.subreaper import adopt_orphans

#: A launcher that starts another program in a session of its own, and ends.
LAUNCHER = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
"""


@pytest.fixture
def launch() -> Iterator[Launch]:
    """A launch whose launcher has ended, and whose Designer has left its group."""
    mark = new_mark()
    adopt_orphans(True)
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER], env={**os.environ, MARK: mark}, start_new_session=True
    )
    made = Launch(launcher, mark, keep_open=True)
    launcher.wait(30)
    [designer] = poll_until(made.processes, 30.0)
    try:
        yield made
    finally:
        for process in made.processes():
            os.kill(process.pid, signal.SIGKILL)
        os.waitpid(designer.pid, 0)
        adopt_orphans(False)


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
