"""The fixtures that watch every test do catch what they are there for."""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

REPO = Path(__file__).parents[2]

GUILTY = """
import asyncio
import os
import subprocess
import threading
import warnings

import ignition_toolkit
from tests import leaks

leaks.SETTLE_S = 0.2
kept = []
ours = {}
source = "import time\\ndef block(): time.sleep(0)"
exec(compile(source, ignition_toolkit.__path__[0] + "/blocks.py", "exec"), ours)

def test_thread():
    threading.Thread(target=threading.Event().wait, name="lost", daemon=True).start()

def test_child():
    kept.append(subprocess.Popen(["sleep", "30"]))

def test_zombie():
    os.posix_spawn("/bin/true", ["true"], {})

def test_handle():
    os.pipe()

async def test_task():
    kept.append(asyncio.create_task(asyncio.sleep(30)))

async def test_blocking_call():
    ours["block"]()

def test_warning():
    warnings.warn("old", DeprecationWarning, stacklevel=1)
"""

INNOCENT = """
import asyncio
import socket
import subprocess
import threading

from hypothesis import given, strategies as st

def test_that_cleans_up_in_a_plain_function():
    thread = threading.Thread(target=subprocess.run, args=(["true"],))
    thread.start()
    thread.join()
    for end in socket.socketpair():
        end.close()

async def test_that_cleans_up_in_a_coroutine():
    process = await asyncio.create_subprocess_exec("true")
    await process.wait()
    await asyncio.get_running_loop().run_in_executor(None, int)
    await asyncio.create_task(asyncio.sleep(0))

@given(st.integers())
async def test_that_draws_examples(number):
    assert number == number

async def test_that_polls(poll_until, poll_until_async):
    assert poll_until(lambda: 3, deadline_s=0) == 3
    assert await poll_until_async(lambda: asyncio.sleep(0, 4), deadline_s=1) == 4
"""


def run_as_unit_tests(folder: Path, source: str) -> dict[str, str]:
    """Run one test file under the fixtures of tests/unit and the settings of the project.

    Returns:
        What pytest says of each test, by the test's name: empty when it passed.
    """
    unit = folder / "unit"
    unit.mkdir()
    (unit / "test_it.py").write_text(source)
    report = folder / "report.xml"
    plugins = ["-p", "tests.conftest", "-p", "tests.unit.conftest", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(REPO / "pyproject.toml")]
    command += ["--rootdir", str(folder), f"--junit-xml={report}", *plugins, str(unit)]
    subprocess.run(command, cwd=REPO, capture_output=True, timeout=90, check=False)
    said: dict[str, str] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        complaints = [complaint.get("message", "") for complaint in case]
        name = case.get("name", "")
        said[name] = said.get(name, "") + " ".join(complaints)
    return said


@pytest.fixture(scope="module")
def said_of_guilty(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What pytest says of the tests that each leave something."""
    return run_as_unit_tests(tmp_path_factory.mktemp("guilty"), GUILTY)


@pytest.mark.parametrize(
    ("test", "complaint"),
    [
        ("test_thread", "left behind: thread 'lost'"),
        ("test_child", "left behind: child [0-9]+ 'sleep 30'"),
        ("test_zombie", "left behind: child [0-9]+ ''"),
        ("test_handle", "left behind: handle [0-9]+ on pipe:"),
        ("test_task", "left tasks behind: <Task"),
        ("test_blocking_call", "Blocking call to time.sleep"),
        ("test_warning", "DeprecationWarning: old"),
    ],
)
def test_a_guilty_unit_test_is_caught(
    test: str, complaint: str, said_of_guilty: dict[str, str]
) -> None:
    assert re.search(complaint, said_of_guilty[test]), said_of_guilty


def test_a_unit_test_that_cleans_up_passes(tmp_path: Path) -> None:
    said = run_as_unit_tests(tmp_path, INNOCENT)
    assert len(said) == INNOCENT.count("def test_")
    assert not any(said.values()), said
