"""`itk drill` as a person has it: what it prints, its file, its exit codes, and Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.e2e.observer import below
from tests.polling import poll_until

#: Seconds for what takes a few on an idle machine.
SOON_S = 60.0
#: The command itself, which becomes the drill.
DRILL = [str(Path(sys.executable).with_name("itk")), "drill"]

#: A step kind of somebody else's that blocks the event loop.
BAD = """
import time

from ignition_toolkit.playbook.step_handler import StepHandler


class Bad(StepHandler):
    type = "press.bad"

    async def execute(self, params):
        time.sleep(0.5)
        return {}
"""


def test_a_kind_is_drilled_and_the_results_are_written(tmp_path: Path) -> None:
    file = tmp_path / "drill.xml"
    options = ["--kinds", "utility.set_*", "--format", "json", "--junit", str(file)]
    run = subprocess.run(
        [*DRILL, *options], capture_output=True, text=True, check=False, timeout=SOON_S
    )
    assert run.returncode == 0, run.stderr
    (result,) = json.loads(run.stdout)["results"]
    assert (result["kind"], result["mark"]) == ("utility.set_variable", "kept")
    suite = ElementTree.fromstring(file.read_bytes())
    assert [case.get("name") for case in suite.iter("testcase")] == ["utility.set_variable"]


@pytest.mark.parametrize(
    "kind",
    [
        "browser.click",
        pytest.param("browser.*", marks=pytest.mark.stress),
        pytest.param("perspective.*", marks=pytest.mark.stress),
        pytest.param("gateway.*", marks=pytest.mark.stress),
    ],
)
def test_kinds_of_the_outside_are_kept_waiting_and_stopped(kind: str) -> None:
    run = subprocess.run(
        [*DRILL, "--kinds", kind, "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=10 * SOON_S,
    )
    assert run.returncode == 0, run.stdout
    results = json.loads(run.stdout)["results"]
    assert {one["kind"]: one["lines"] for one in results if one["mark"] != "kept"} == {}
    # The browser was open, and the step under way in it.
    assert kind != "browser.click" or results[0]["took_s"]


def test_what_takes_no_notice_is_ended_by_the_ladder_in_time() -> None:
    names = ["ladder.blocks", "ladder.daemon"]
    kinds = [word for name in names for word in ("--kinds", name)]
    run = subprocess.run(
        [*DRILL, *kinds, "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * SOON_S,
    )
    assert run.returncode == 0, run.stdout
    results = json.loads(run.stdout)["results"]
    assert [(one["kind"], one["mark"], one["lines"]) for one in results] == [
        (name, "kept", []) for name in names
    ]
    assert all(one["took_s"] for one in results)


def test_ctrl_c_ends_it_with_all_that_it_has_started() -> None:
    # utility.python has a process of its own below that of its try.
    process = subprocess.Popen(
        [*DRILL, "--kinds", "utility.python", "--times", "1000"], stderr=subprocess.PIPE
    )
    try:
        poll_until(lambda: len(below([process.pid])) > 1, SOON_S)
        started = below([process.pid])
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=SOON_S)
        assert process.returncode == 130, said
        assert b"are ended" in said
        poll_until(lambda: not any(_lives(one.pid) for one in started), SOON_S)
    finally:
        process.kill()
        process.wait()


def test_the_command_says_a_breach_by_its_exit_code_and_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "press_kinds.py").write_text(BAD)
    info = tmp_path / "press_kinds-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: press-kinds\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ignition_toolkit.steps]\nkinds = press_kinds\n")
    file = tmp_path / "drill.xml"
    run = subprocess.run(
        [*DRILL, "--kinds", "press.*", "--junit", str(file)],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=SOON_S,
    )
    assert run.returncode == 1, run.stderr
    assert "0 kept, 1 broken, 0 not tried" in run.stdout
    suite = ElementTree.fromstring(file.read_bytes())
    (failure,) = suite.iter("failure")
    assert "press_kinds.py:11 in execute" in str(failure.get("message"))


def _lives(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}")
