"""`itk run` without a server: what it shows, what its exit code says, what it leaves."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from junitparser import JUnitXml

from ignition_toolkit.execution.owner import FolderLock
from tests.e2e.server import ITK, environment
from tests.e2e.used_folder import make_used
from tests.integration.cli.command import SOON_S, itk
from tests.integration.conftest import Called


def test_a_failed_run_says_why_and_is_exit_code_1(
    tmp_path: Path, shelf: Path, called: Called
) -> None:
    report = tmp_path / "run.xml"
    told = called("run", str(shelf / "fails.yaml"), "--junit", str(report))
    assert told.returncode == 1
    assert "ValueError: no" in told.stdout
    assert told.stdout.splitlines()[-1].startswith("failed after ")
    (suite,) = JUnitXml.fromfile(str(report))
    (case,) = suite
    assert (case.classname, case.name) == ("fails", "fail: Fail")
    assert case.result[0].message == "ValueError: no (line 1 of the script)"


def test_json_is_one_object_a_line_and_the_execution_as_the_last(
    shelf: Path, called: Called
) -> None:
    told = called("run", str(shelf / "tells.yaml"), "-p", "who=you", "--json")
    assert (told.returncode, told.stderr) == (0, "")
    *events, last = map(json.loads, told.stdout.splitlines())
    assert [event["id"] for event in events] == sorted({event["id"] for event in events})
    assert {event["kind"] for event in events} >= {"execution", "step", "log"}
    assert events[-1]["data"]["status"] == "completed"
    assert last["status"] == "completed"
    assert [step["status"] for step in last["step_results"]] == ["completed", "completed"]
    assert last["step_results"][1]["output"]["KEY"] == "value"


def test_a_reader_that_stops_reading_does_not_stop_the_run(tmp_path: Path, shelf: Path) -> None:
    written = tmp_path / "written"
    make_used(tmp_path / "data")
    playbook = shelf / "tells.yaml"
    line = f'"$0" run "{playbook}" -p who=you -p "file={written}" | head -1'
    run = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line, str(ITK)],
        env=environment(ITK_DATA_DIR=str(tmp_path / "data")),
        capture_output=True,
        text=True,
        timeout=SOON_S,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert len(run.stdout.splitlines()) == 1
    assert written.read_text() == "written"
    assert FolderLock.owner(tmp_path / "data") is None


def test_closed_descriptors_do_not_disturb_a_run(tmp_path: Path, shelf: Path) -> None:
    written = tmp_path / "written"
    make_used(tmp_path / "data")
    line = f'exec 0<&- 1>&- 2>&-; exec "$0" run "{shelf}/tells.yaml" -p who=you -p file="{written}"'
    run = subprocess.run(
        ["sh", "-c", line, str(ITK)],
        env=environment(ITK_DATA_DIR=str(tmp_path / "data")),
        timeout=SOON_S,
        check=False,
    )
    assert run.returncode == 0
    assert written.read_text() == "written"


@pytest.mark.parametrize(
    ("playbook", "said"),
    [
        ("nowhere.yaml", "itk: there is no playbook 'nowhere.yaml' in the library, and no file"),
        ("../shelf", "itk: ../shelf: "),
        ("tests/test_cancelation.yaml", "did you mean 'tests/test_cancellation.yaml'?"),
        ("{shelf}/bad.yaml", "/bad.yaml:2:1: "),
        ("{shelf}/empty.yaml", "/empty.yaml:2:8: "),
    ],
)
def test_a_playbook_that_cannot_be_run_is_exit_code_2_and_starts_nothing(
    playbook: str, said: str, shelf: Path, called: Called
) -> None:
    (shelf / "bad.yaml").write_text("name: [\n")
    (shelf / "empty.yaml").write_text("name: Empty\nsteps: []\n")
    told = called("run", playbook.format(shelf=shelf))
    assert (told.returncode, told.stdout) == (2, "")
    assert said in told.stderr
    assert "Traceback" not in told.stderr


def test_every_wrong_parameter_is_named_and_no_secret_is_shown(shelf: Path, called: Called) -> None:
    (shelf / "typed.yaml").write_text(
        "name: Typed\nparameters:\n"
        "  - {name: who, type: string}\n"
        "  - {name: number, type: integer}\n"
        "  - {name: account, type: credential}\n"
        "steps: [{id: a, name: A, type: utility.sleep, parameters: {seconds: 0}}]\n"
    )
    secret = "{username: me, pasword: hunter2-hunter2}"
    given = ("whom=x", "number=many", f"account={secret}")
    arguments = [part for one in given for part in ("-p", one)]
    told = called("run", str(shelf / "typed.yaml"), *arguments)
    assert (told.returncode, told.stdout) == (2, "")
    for said in (
        "who: expected text, found nothing: it is required",
        "whom: the playbook has no such parameter",
        "number: expected a whole number",
        "account: expected ",
    ):
        assert f"\n  {said}" in told.stderr
    assert "hunter2" not in told.stderr
    assert "Traceback" not in told.stderr


def test_a_data_folder_that_cannot_be_is_said(tmp_path: Path, called: Called) -> None:
    (tmp_path / "file").write_text("")
    told = called("run", "tests/test_cancellation.yaml", ITK_DATA_DIR=str(tmp_path / "file"))
    assert told.returncode == 2
    assert told.stderr == (
        f"itk: the data folder {tmp_path}/file cannot be used: it is a file; "
        "mend that, or name another folder with --data-dir or ITK_DATA_DIR\n"
    )


def test_a_second_run_waits_for_the_first_says_so_and_is_then_told_line_by_line(
    tmp_path: Path, shelf: Path
) -> None:
    data = str(tmp_path / "data")
    first = itk(tmp_path / "first", "run", str(shelf / "sleeps.yaml"), ITK_DATA_DIR=data)
    second = itk(
        tmp_path / "second", "run", str(shelf / "tells.yaml"), "-p", "who=you", ITK_DATA_DIR=data
    )
    with first as sleeper:
        sleeper.wait_for("running    nap: Nap")
        with second as waiter:
            waiter.wait_to_say(f"waiting for an `itk run` (process {sleeper.process.pid})")
            assert waiter.stdout() == ""
            sleeper.send(signal.SIGINT)
            assert sleeper.end() == 130
            assert waiter.end() == 0
            assert len(waiter.stderr().splitlines()) == 1
            assert_tells(waiter.stdout(), shelf)


def assert_tells(shown: str, shelf: Path) -> None:
    """Fail unless this is what a person is shown of the playbook `tells.yaml`."""
    opening, *lines, ending = shown.splitlines()
    assert opening.startswith(f"Tells ({shelf}/tells.yaml), execution ")
    # On a busy machine it may have to wait for its runner, and says so first.
    texts = [line[9:] for line in lines if " waits for runner " not in line]
    assert texts[:2] == ["running    greet: Greet", "info       greet: hello you"]
    assert [t for t in texts if t.startswith("out ")][:2] == [
        "out        write: line 0",
        "out        write: line 1",
    ]
    assert texts[-1].startswith("completed  write: Write (")
    assert ending.startswith("completed after ")


def test_a_run_that_waits_can_be_left(tmp_path: Path, shelf: Path) -> None:
    lock = FolderLock.take(tmp_path / "run/data", kind="run")
    try:
        playbook = str(shelf / "tells.yaml")
        with itk(tmp_path / "run", "run", playbook, "-p", "who=you") as waiter:
            waiter.wait_to_say(f"waiting for an `itk run` (process {os.getpid()})")
            waiter.send(signal.SIGTERM)
            assert waiter.end() == 130
            assert waiter.stderr().splitlines()[-1] == "itk: nothing was started"
    finally:
        lock.release()
