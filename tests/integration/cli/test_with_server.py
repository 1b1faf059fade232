"""`itk` beside `itk serve`: runs are handed over, and executions are looked at and steered."""

import json
import signal
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from junitparser import JUnitXml

from ignition_toolkit.execution.owner import FolderLock
from tests.e2e.server import Server, free_port, launch
from tests.integration.cli.command import Command, done, itk
from tests.integration.conftest import Called
from tests.polling import poll_until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that owns a data folder, for the tests that leave it running."""
    running = launch(tmp_path_factory.mktemp("server") / "data")
    yield running
    running.clean_up()


def execution_of(command: Command) -> str:
    """Return the id that a run has told."""
    return command.stdout().splitlines()[0].rpartition(" ")[2]


def test_a_run_goes_to_the_server_that_owns_the_folder(
    server: Server, tmp_path: Path, shelf: Path
) -> None:
    data = str(server.data_dir)
    playbook = str(shelf / "tells.yaml")
    told = done(tmp_path / "run", "run", playbook, "-p", "who=you", ITK_DATA_DIR=data)
    assert told.returncode == 0
    assert told.stderr == (
        f"itk: the data folder belongs to the server at {server.url}, which runs it\n"
    )
    assert "info       greet: hello you" in told.stdout
    assert told.stdout.splitlines()[-1].startswith("completed after ")


def test_a_detached_run_goes_on_without_its_command(
    server: Server, shelf: Path, called: Called
) -> None:
    playbook, data = str(shelf / "sleeps.yaml"), str(server.data_dir)
    told = called("run", playbook, "--detach", ITK_DATA_DIR=data)
    assert told.returncode == 0
    (execution_id,) = told.stdout.splitlines()
    step_is(server, execution_id, "running")
    server.client.cancel(execution_id)
    assert server.client.wait(execution_id)["status"] == "cancelled"


def test_a_failed_run_with_hostile_texts_is_exported_and_run_again(
    server: Server, tmp_path: Path, shelf: Path, called: Called
) -> None:
    text = "]]></failure><testcase/>\\x00\\x1b[2J\\ud800 \U0001f6d1"
    (shelf / "hostile.yaml").write_text(
        f'name: "<&> {text[:24]}"\nsteps:\n  - id: fail\n    name: "Fail {text[:24]}"\n'
        "    type: utility.python\n    parameters:\n      script: |\n"
        f'        raise ValueError("first line\\n{text}")\n'
        "  - {id: never, name: Never, type: utility.log, parameters: {message: x}}\n",
        "utf-8",
    )
    report = tmp_path / "run.xml"
    arguments = ("run", str(shelf / "hostile.yaml"), "--junit", str(report))
    told = called(*arguments, ITK_SERVER=server.url)
    assert told.returncode == 1
    (suite,) = JUnitXml.fromfile(str(report))
    fail, never = suite
    assert (suite.failures, suite.errors, suite.skipped) == (1, 0, 1)
    assert "]]></failure><testcase/>" in fail.result[0].message
    assert never.result[0].message == "not run"
    execution_id = told.stdout.splitlines()[0].rpartition(" ")[2]
    shown = called("show", execution_id, "--junit", ITK_SERVER=server.url)
    assert ET.canonicalize(shown.stdout) == ET.canonicalize(report.read_text("utf-8"))
    again = called("rerun", execution_id, "--from", "never", ITK_SERVER=server.url)
    assert again.returncode == 0
    found = server.client.wait(again.stdout.split()[0])
    assert (found["status"], found["rerun_of"]) == ("completed", execution_id)
    refused = called("rerun", execution_id, "--from", "nevr", ITK_SERVER=server.url)
    assert refused.returncode == 2
    assert "did you mean 'never'?" in refused.stderr


def test_ctrl_c_cancels_it_there(server: Server, tmp_path: Path) -> None:
    report = tmp_path / "run.xml"
    playbook = "tests/test_cancellation.yaml"
    run = itk(tmp_path / "run", "run", playbook, "--server", server.url, "--junit", str(report))
    with run as command:
        command.wait_for("running    step1: Long Sleep")
        execution_id = execution_of(command)
        command.send(signal.SIGINT)
        assert command.process.wait(30) == 130
        assert "\n  outcome      cooperative: " in command.stdout()
    ((case,),) = JUnitXml.fromfile(str(report))
    assert case.result[0].type == "cancelled"
    record = server.client.execution(execution_id)["cancellation"]
    assert record["source"] == "cli"
    assert record["step_stopped_ms"] < 500


def test_a_second_ctrl_c_leaves_and_the_server_goes_on_cancelling(
    server: Server, tmp_path: Path, shelf: Path
) -> None:
    run = itk(tmp_path / "run", "run", str(shelf / "tidies.yaml"), "--server", server.url)
    with run as command:
        command.wait_for("running    nap: Nap")
        execution_id = execution_of(command)
        command.send(signal.SIGINT)
        command.wait_for("running    on_cancel/tidy: Tidy")
        command.press_again()
        assert command.process.wait(30) == 130
        assert command.stderr().splitlines()[-1] == (
            f"itk: the server goes on cancelling {execution_id}; `itk show` has the record"
        )
    assert server.client.execution(execution_id)["status"] == "cancelling"
    server.client.cancel(execution_id)
    assert server.client.wait(execution_id)["status"] == "cancelled"


def test_what_the_server_refuses_is_said_as_here(
    server: Server, shelf: Path, called: Called
) -> None:
    told = called("run", str(shelf / "tells.yaml"), "--server", server.url)
    assert told.returncode == 2
    assert "  who: expected text, found nothing: it is required" in told.stderr
    told = called("run", "tests/test_cancelation.yaml", ITK_SERVER=server.url)
    assert told.returncode == 2
    assert "did you mean 'tests/test_cancellation.yaml'?" in told.stderr
    (shelf / "bad.yaml").write_text("name: [\n")
    told = called("run", str(shelf / "bad.yaml"), "--server", server.url)
    assert told.returncode == 2
    assert "/bad.yaml:2:1: " in told.stderr


def test_an_execution_is_listed_shown_and_its_log_followed(
    server: Server, tmp_path: Path, shelf: Path, called: Called
) -> None:
    execution_id = server.client.start_text((shelf / "tells.yaml").read_text(), who="you")
    with itk(tmp_path / "logs", "logs", "-f", execution_id, ITK_SERVER=server.url) as command:
        assert command.process.wait(30) == 0
        lines = [line[9:] for line in command.stdout().splitlines()]
    assert lines[0] == "info       greet: hello you"
    assert lines[1:201] == [f"out        write: line {n}" for n in range(200)]
    again = called("logs", execution_id, ITK_SERVER=server.url)
    assert [line[9:] for line in again.stdout.splitlines()] == lines
    listed = called("list", "--status", "completed", ITK_SERVER=server.url)
    assert any(line.startswith(f"{execution_id}  completed") for line in listed.stdout.splitlines())
    shown = called("show", execution_id, ITK_SERVER=server.url)
    assert f"execution  {execution_id}\n" in shown.stdout
    assert "completed  greet: Greet (" in shown.stdout
    as_json = called("show", "--json", execution_id, ITK_SERVER=server.url)
    assert json.loads(as_json.stdout) == server.client.execution(execution_id)


def test_the_log_of_a_running_execution_is_what_there_is(
    server: Server, shelf: Path, called: Called
) -> None:
    execution_id = server.client.start_text((shelf / "sleeps.yaml").read_text())
    server.client.wait(execution_id, {"running"})
    begun = time.monotonic()
    told = called("logs", execution_id, ITK_SERVER=server.url)
    assert (told.returncode, told.stdout) == (0, "")
    assert time.monotonic() - begun < 20
    server.client.cancel(execution_id)


def test_an_execution_is_paused_resumed_skipped_and_cancelled(
    server: Server, shelf: Path, called: Called
) -> None:
    execution_id = server.client.start_text((shelf / "sleeps.yaml").read_text())
    server.client.wait(execution_id, {"running"})
    step_is(server, execution_id, "running")
    for verb in ("pause", "resume", "pause", "skip"):
        assert called(verb, execution_id, ITK_SERVER=server.url).returncode == 0
    server.client.wait(execution_id, {"paused"})
    step_is(server, execution_id, "skipped")
    assert called("cancel", execution_id, ITK_SERVER=server.url).returncode == 0
    assert server.client.wait(execution_id)["status"] == "cancelled"
    assert called("cancel", execution_id, ITK_SERVER=server.url).returncode == 2
    assert called("resume", execution_id, ITK_SERVER=server.url).returncode == 2


def step_is(server: Server, execution_id: str, status: str) -> None:
    """Wait until the first step is in a status."""
    poll_until(
        lambda: server.client.execution(execution_id)["step_results"][0]["status"] == status, 30
    )


def test_all_are_cancelled_with_one_word(server: Server, shelf: Path, called: Called) -> None:
    text = (shelf / "sleeps.yaml").read_text()
    ids = [server.client.start_text(text) for _ in range(3)]
    told = called("cancel", "--all", "--server", server.url)
    assert told.returncode == 0
    assert set(ids) <= set(told.stdout.split())
    for execution_id in ids:
        assert server.client.wait(execution_id)["status"] == "cancelled"


def test_an_unknown_id_is_exit_code_2(server: Server, called: Called) -> None:
    for verb in ("show", "logs", "cancel", "pause", "resume", "skip"):
        told = called(verb, "0192-none", ITK_SERVER=server.url)
        assert told.returncode == 2, verb
        assert "0192-none" in told.stderr


def test_a_second_server_on_the_folder_or_the_port_is_refused(
    server: Server, tmp_path: Path
) -> None:
    data = str(server.data_dir)
    told = done(tmp_path / "1", "serve", "--port", str(free_port()), "--data-dir", data)
    assert told.returncode == 2
    assert told.stderr.startswith(
        f"itk: the data folder {data} belongs to a server at {server.url}"
    )
    told = done(tmp_path / "2", "serve", "--port", str(server.port))
    assert told.returncode == 2
    assert f"127.0.0.1:{server.port}" in told.stderr
    assert "--port" in told.stderr
    # It is told before anything is started.
    assert not (tmp_path / "2/data").exists()
    assert "Traceback" not in told.stderr


def test_a_server_that_owns_the_folder_and_is_stuck_is_not_called_absent(
    tmp_path: Path, shelf: Path, called: Called
) -> None:
    lock = FolderLock.take(tmp_path / "called/data", kind="server", url="http://127.0.0.1:1")
    try:
        told = called("run", str(shelf / "sleeps.yaml"))
    finally:
        lock.release()
    assert told.returncode == 3
    assert "belongs to a server at http://127.0.0.1:1 (process " in told.stderr
    assert "does not answer" in told.stderr


def test_a_run_outlives_a_restart_of_its_server_and_tells_the_truth(
    server: Server, tmp_path: Path, shelf: Path
) -> None:
    # The last of this file: it kills the server that the others use.
    run = itk(tmp_path / "run", "run", str(shelf / "sleeps.yaml"), "--server", server.url)
    with run as command:
        command.wait_for("running    nap: Nap")
        server.look()
        server.kill()
        again = launch(server.data_dir, port=server.port)
        try:
            assert command.process.wait(60) == 1
            assert command.stdout().splitlines()[-1].startswith("interrupted")
        finally:
            again.clean_up()
