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
