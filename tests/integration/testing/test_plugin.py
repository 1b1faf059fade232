"""The test kit as its users enable it: a project of its own, with one line in its conftest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CONFTEST = 'pytest_plugins = ["ignition_toolkit.testing"]\n'
TESTS = """
import urllib.error
import urllib.request

import pytest

from ignition_toolkit.simulator import Settings


@pytest.fixture(scope="module")
def simulated_gateway_settings():
    return Settings(restart_s=30)


def test_it_answers_and_tells_what_it_was_asked(simulated_gateway):
    url = simulated_gateway.base_url + "/StatusPing"
    assert b"RUNNING" in urllib.request.urlopen(url, timeout=10).read()
    (entry,) = simulated_gateway.requests("GET", "/StatusPing")
    assert not entry.is_open


def test_its_time_passes_when_it_is_told_to(simulated_gateway):
    before = simulated_gateway.now
    simulated_gateway.restart()
    simulated_gateway.pass_time(300)
    assert simulated_gateway.now == before + 300
    assert simulated_gateway.settings.restart_s == 30
"""


def test_one_line_enables_the_simulated_gateway(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_gateway.py").write_text(TESTS)
    # Without the plug-ins that happen to be installed here.
    others = [f"no:{name}" for name in ("asyncio", "cacheprovider", "schemathesis")]
    options = [word for name in others for word in ("-p", name)]
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", *options]
    run = subprocess.run(
        [*command, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "2 passed" in run.stdout


KINDS = """
import time

from ignition_toolkit.playbook.cancellation import cancellable_sleep
from ignition_toolkit.playbook.step_handler import StepHandler


class Good(StepHandler):
    type = "press.good"

    async def execute(self, params):
        await cancellable_sleep(60)
        return {}


class Bad(StepHandler):
    type = "press.bad"

    async def execute(self, params):
        time.sleep(0.3)
        return {}
"""
CONTRACT = """
def test_a_kind_keeps_the_step_contract(step_kind, step_contract):
    step_contract(step_kind)
"""
ENTRIES = "[ignition_toolkit.steps]\nkinds = press_kinds\n"


def test_one_function_holds_every_kind_of_a_package_to_the_step_contract(tmp_path: Path) -> None:
    info = tmp_path / "press_kinds-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: press-kinds\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRIES)
    (tmp_path / "press_kinds.py").write_text(KINDS)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_kinds.py").write_text(CONTRACT)
    (tmp_path / "pytest.ini").write_text("[pytest]\nstep_kinds = press.*\n")
    others = [f"no:{name}" for name in ("asyncio", "cacheprovider", "schemathesis")]
    options = [word for name in others for word in ("-p", name)]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-W", "error", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "contract[press.good] PASSED" in run.stdout, run.stdout + run.stderr
    assert "contract[press.bad] FAILED" in run.stdout
    assert "press_kinds.py:20 in execute" in run.stdout
