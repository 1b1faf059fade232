"""The disk of the data folder is full in the middle of a run, and then it is not."""

import io
import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.e2e.client import FINAL
from tests.e2e.conftest import NewWitness
from tests.e2e.server import Server, launch
from tests.e2e.test_cancel import assert_in_time, assert_truthful
from tests.e2e.used_folder import fill_used
from tests.e2e.ways import STUCK
from tests.integration.cli.command import SOON_S, itk
from tests.polling import poll_until

SIZE = "4m"
FILLER = "filler"
STUCK_STEP = next(stuck for stuck in STUCK if stuck.id == "time_sleep-handler")
PLAYBOOK = (
    "name: Writes a line\n"
    "steps: [{id: a, name: A, type: utility.log, parameters: {message: done}}]\n"
)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Give a data folder that is a disk of its own, a small one."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "itk-test", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.fail(
            f"this test needs the right to mount a tmpfs of {SIZE}, as root has outside of "
            f"containers and in those with CAP_SYS_ADMIN; mount said: {mounted.stderr.strip()}"
        )
    try:
        yield folder
    finally:
        # Lazily: a failed test may have left a process that has a file open there.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def server(disk: Path) -> Iterator[Server]:
    fill_used(disk)
    running = launch(disk)
    yield running
    running.clean_up()


def fill(disk: Path) -> None:
    """Leave no space on a disk."""
    with (disk / FILLER).open("wb", buffering=0) as filler:
        for size in (1 << 16, 1):
            with pytest.raises(OSError, match="No space left"):
                write_on(filler, bytes(size))
    assert os.statvfs(disk).f_bavail == 0


def write_on(file: io.FileIO, data: bytes) -> NoReturn:
    while True:
        file.write(data)


# Any: JSON.
def health(server: Server) -> tuple[int, dict[str, Any]]:
    answer = server.client.http.get("/api/health")
    return answer.status_code, answer.json()


def test_a_run_is_cancelled_in_time_all_is_told_and_it_is_stored_when_there_is_space(
    server: Server, disk: Path, witness: NewWitness, tmp_path: Path
) -> None:
    client, watched = server.client, witness()
    stuck = client.start(STUCK_STEP.path, beat=str(watched.path))
    STUCK_STEP.wait_acting(watched)
    fill(disk)

    asked = client.cancel(stuck)
    ended = client.wait(stuck, {"cancelled"})
    watched.assert_gone()
    time.sleep(0.25)
    assert_in_time(asked, ended, watched)
    assert_truthful(ended, STUCK_STEP)
    assert stored(disk) == {stuck: "running"}

    status, said = health(server)
    assert (status, said["status"], said["database"]) == (503, "down", "behind")
    assert said["unsaved"] > 0
    why = f"database or disk is full ({disk}/itk.db). Make space on that disk."
    assert [problem for problem in said["problems"] if why in problem], said
    refused(server, tmp_path, why)

    (disk / FILLER).unlink()
    poll_until(lambda: health(server)[0] == 200)
    assert health(server)[1]["problems"] == []
    assert client.execution(stuck) == ended
    found = stored(disk)
    assert found.pop(stuck) == "cancelled"
    assert set(found.values()) == {"failed"}, "what was refused has run"
    assert len(found) == 2
    for execution_id in found:
        assert_never_begun(client.execution(execution_id))
        assert not (disk / "artifacts" / execution_id).exists()
    again = client.wait(client.start_text(PLAYBOOK), FINAL)
    assert again["status"] == "completed"
    assert server.stop() == 0


def refused(server: Server, folder: Path, why: str) -> None:
    """Fail unless a start is refused over HTTP and on the command line, and says why."""
    playbook = folder / "line.yaml"
    playbook.write_text(PLAYBOOK)
    # Both wait for the database for some seconds, and so they do it together.
    with itk(folder / "cli", "run", str(playbook), "--server", server.url) as command:
        answer = server.client.http.post("/api/executions", json={"playbook_text": PLAYBOOK})
        code = command.process.wait(SOON_S)
    text = f"the database did not take the execution in time, so it was not started: {why}"
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == text
    assert answer.json()["type"].endswith(":database")
    assert (code, command.stdout(), command.stderr()) == (1, "", f"itk: {text}\n")


def stored(disk: Path) -> dict[str, str]:
    """Return the statuses in the database by execution, read past the server."""
    connection = sqlite3.connect(f"{(disk / 'itk.db').as_uri()}?mode=ro", uri=True)
    try:
        return dict(connection.execute("SELECT id, status FROM executions"))
    finally:
        connection.close()


# Any: JSON.
def assert_never_begun(execution: dict[str, Any]) -> None:
    assert execution["error"].endswith("so it was not started")
    assert execution["started_at"] is None
    assert [step["status"] for step in execution["step_results"]] == ["pending"]
