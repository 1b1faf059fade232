"""The simulator as a program: what it prints, its signals, its state file, threads."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ignition_toolkit.cli.app import run_app
from ignition_toolkit.simulator import SimulatedGateway, StateFileUnusable, serving_in_thread
from ignition_toolkit.simulator.__main__ import main
from tests.integration.simulator.conftest import NO_CERTIFICATES
from tests.polling import PollUntil, PollUntilAsync


def test_the_program_serves_until_its_signal_and_keeps_its_state(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    command = [sys.executable, "-m", "ignition_toolkit.simulator", "--port", "0"]
    command += ["--token", "me:hunter2-hunter2", "--state", str(state)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = "".join(iter(process.stdout.readline, "\n"))
        url = re.search(r"http://127\.0\.0\.1:\d+", said)
        assert url is not None
        headers = {"X-Ignition-API-Token": "me:hunter2-hunter2"}
        answer = httpx2.get(url[0] + "/data/api/v1/gateway-info", headers=headers, trust_env=False)
        assert answer.status_code == 200
        assert "hunter2" not in said
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()
    assert json.loads(state.read_bytes())["format"] == 1
    assert state.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_the_controls_work_from_another_thread(poll_until: PollUntil) -> None:
    with serving_in_thread(SimulatedGateway(clock_factor=0)) as gateway:
        gateway.configure(restart_delay_s=0)
        gateway.restart()
        ping = poll_until(
            lambda: httpx2.get(gateway.base_url + "/StatusPing", trust_env=False).json()
        )
        assert ping == {"state": "STARTING"}
        with pytest.raises(ValueError, match="restart_mode"):
            gateway.configure(restart_mode="sideways")


def test_a_thread_passes_on_what_went_wrong_at_the_start_and_at_the_end(tmp_path: Path) -> None:
    state = tmp_path / "folder" / "state.json"
    state.parent.mkdir()
    with (
        pytest.raises(StateFileUnusable, match="cannot be written"),
        serving_in_thread(SimulatedGateway(state_file=state)),
    ):
        shutil.rmtree(state.parent)
    state.parent.write_text("no folder")
    with (
        pytest.raises(StateFileUnusable, match="cannot be read"),
        serving_in_thread(SimulatedGateway(state_file=state)),
    ):
        pass


async def test_the_state_is_saved_while_it_changes_and_is_there_the_next_time(
    tmp_path: Path, poll_until_async: PollUntilAsync
) -> None:
    path = tmp_path / "state.json"
    names = "/data/api/v1/projects/names"
    async with SimulatedGateway(state_file=path) as gateway:
        await asked(gateway, "DELETE", "/data/api/v1/projects/demo?confirm=true")
        await poll_until_async(lambda: path.exists() and '"demo"' not in path.read_text())
        gateway.expire_trial()
    async with SimulatedGateway(state_file=path) as gateway:
        listed = await asked(gateway, "GET", names)
        assert [item["name"] for item in listed["items"]] == ["base"]
        assert (await asked(gateway, "GET", "/data/api/v1/trial"))["expired"]


# Any: JSON values.
async def asked(gateway: SimulatedGateway, method: str, path: str) -> Any:
    """Return the body that a gateway answers with."""
    headers = {"X-Ignition-API-Token": gateway.token}
    async with httpx2.AsyncClient(verify=NO_CERTIFICATES, headers=headers) as client:
        return (await client.request(method, gateway.base_url + path)).json()


async def test_a_bad_state_file_is_told_and_left_alone(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    for text, told in [("{", "JSON"), ('{"format": 2}', "format"), ('{"modules": 3}', "modules")]:
        state.write_text(text)
        with pytest.raises(StateFileUnusable, match=told):
            async with SimulatedGateway(state_file=state):
                pass
        assert state.read_text() == text


async def test_a_state_that_cannot_be_saved_any_more_is_an_error_at_the_end(tmp_path: Path) -> None:
    state = tmp_path / "folder" / "state.json"
    state.parent.mkdir()
    gateway = SimulatedGateway(state_file=state)
    await gateway.__aenter__()
    assert json.loads(state.read_bytes())["format"] == 1
    shutil.rmtree(state.parent)
    with pytest.raises(StateFileUnusable, match="cannot be written"):
        await gateway.__aexit__()


# The kernel's folder takes no files from anybody, root included.
@pytest.mark.parametrize("path", ["gone/state.json", "/proc/state.json"])
async def test_nothing_is_simulated_whose_state_could_not_be_saved(
    tmp_path: Path, path: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    gateway = SimulatedGateway(port=port, state_file=tmp_path / path)
    with pytest.raises(StateFileUnusable, match=r"cannot be written: .*that you may write into"):
        async with gateway:
            pytest.fail("it has started")
    with socket.create_server(("127.0.0.1", port)):
        assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_said_by_the_command(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run_app(["simulate-gateway", "--port", str(port)]) == 2
    assert f"itk: port {port} of 127.0.0.1 cannot be had" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--token", "x"], "NAME:KEY"),
        (["--port", "0", "--state", "/"], "/: cannot be read"),
        (["--port", "0", "--state", "/proc/x"], "/proc/x: cannot be written"),
    ],
)
def test_the_program_says_what_is_wrong_with_its_input(
    arguments: list[str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["simulator", *arguments])
    assert main() == 2
    assert told in capfd.readouterr().err
