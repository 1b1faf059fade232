"""The tests' own desktop ends with the tests, however these end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.execution.rig import SOON_S, is_alive
from tests.polling import poll_until

ROOT = Path(__file__).parents[3]

#: A test that fails, and one that waits until it is interrupted.
TESTS = """
import time
import pytest
from pathlib import Path
from tests.integration.designer.desktop import window_manager, x_server

@pytest.fixture(scope="module")
def pids():
    with x_server() as server, window_manager(server.name) as manager:
        yield [server.pid, manager]

def test_fails(pids):
    assert not pids

def test_waits(pids):
    part = Path(__file__).with_name("part")
    part.write_text("\\n".join(map(str, pids)))
    part.rename(Path(__file__).with_name("pids"))
    time.sleep(600)
"""


@contextmanager
def running(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """Run the tests above; give their process and those of their desktop, which is up."""
    file = folder / "test_inner.py"
    file.write_text(TESTS)
    # As few plug-ins as there can be: they take longer to load than all the rest.
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull]
    command += ["--rootdir", str(folder), str(file)]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
    with (
        (folder / "said").open("wb") as said,
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=said, stderr=said, process_group=0
        ) as tests,
    ):
        try:
            poll_until((folder / "pids").exists, SOON_S)
            yield tests, [int(line) for line in (folder / "pids").read_text().split()]
        finally:
            tests.kill()


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.stress)]
)
def test_nothing_is_left_of_the_desktop_of_tests_that_fail_and_are_killed(
    tmp_path: Path, number: signal.Signals
) -> None:
    with running(tmp_path) as (tests, pids):
        assert [is_alive(pid) for pid in pids] == [True, True]
        os.kill(tests.pid, number)
        poll_until(lambda: not any(map(is_alive, pids)), SOON_S)
        tests.wait(SOON_S)
    said = (tmp_path / "said").read_text()
    if number == signal.SIGINT:
        assert "1 failed" in said
        assert "KeyboardInterrupt" in said
