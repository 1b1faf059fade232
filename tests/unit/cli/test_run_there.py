"""`itk run` on a server: what is sent, and how it is left there."""

import json
import os
from pathlib import Path
from typing import Literal, NoReturn

import httpx2
import pytest

from ignition_toolkit.cli.app import run_app
from ignition_toolkit.cli.commands import run as run_module
from ignition_toolkit.cli.exits import Exit
from ignition_toolkit.cli.follow import Abandoned, Follower
from ignition_toolkit.cli.junit_file import JunitFile
from ignition_toolkit.execution.owner import FolderLock
from ignition_toolkit.execution.views import ExecutionView
from tests.unit.cli.fake_server import FakeServer, problem, stream
from tests.unit.cli.samples import EXECUTION_ID, execution, execution_event, step

URL = "http://127.0.0.1:5000"
START = "POST /api/executions"
TEXT = "name: x\nsteps: []\n"
PENDING = execution("pending", started_at=None).model_dump(mode="json")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeServer:
    """The server that a run is sent to."""
    fake = FakeServer()
    fake.on(START, PENDING, status=202)
    monkeypatch.setattr(run_module, "ServerClient", lambda *_: fake.client())
    monkeypatch.setenv("ITK_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("ITK_SERVER", raising=False)
    monkeypatch.chdir(tmp_path)
    return fake


def accepted() -> httpx2.Response:
    """Accept a start."""
    return httpx2.Response(202, json=PENDING)


def sent(server: FakeServer) -> list[dict[str, object]]:
    """Return the bodies that the server was sent."""
    return [json.loads(request.content) for request in server.requests if request.content]


def test_a_detached_run_prints_its_id_and_asks_for_nothing_more(
    server: FakeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_app(["run", "a.yaml", "--server", URL, "--detach"]) == 0
    assert capfd.readouterr() == (f"{EXECUTION_ID}\n", "")
    assert server.asked() == [START]


def test_a_detached_run_is_one_line_of_json_when_that_is_wanted(
    server: FakeServer, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ITK_SERVER", URL)
    assert run_app(["run", "a.yaml", "--detach", "--json"]) == 0
    (line,) = capfd.readouterr().out.splitlines()
    assert json.loads(line) == PENDING


def test_a_run_is_left_to_the_server_that_owns_the_data_folder(
    server: FakeServer, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lock = FolderLock.take(tmp_path / "data", kind="server", url=URL)
    try:
        assert run_app(["run", "a.yaml", "--detach"]) == 0
    finally:
        lock.release()
    assert capfd.readouterr().out == f"{EXECUTION_ID}\n"


def test_a_gateway_of_this_terminal_is_said_not_to_count_on_a_server(
    server: FakeServer, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IGNITION_GATEWAY_URL", "http://test-plant:8088")
    monkeypatch.setenv("IGNITION_API_TOKEN", "itk:secret-of-the-plant")
    assert run_app(["run", "a.yaml", "--server", URL, "--detach"]) == 0
    err = capfd.readouterr().err
    assert "IGNITION_GATEWAY_URL and IGNITION_API_TOKEN of this terminal do not count there" in err
    assert "-p gateway=NAME" in err
    assert "secret-of-the-plant" not in err
    assert server.asked() == [START]


@pytest.mark.parametrize("kind", ["run", "server"])
def test_where_no_server_answers_a_run_cannot_be_left(
    kind: Literal["run", "server"],
    server: FakeServer,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    # A server has no address until it is up.
    lock = FolderLock.take(tmp_path / "data", kind=kind)
    try:
        assert run_app(["run", "a.yaml", "--detach"]) == Exit.WRONG_INPUT
    finally:
        lock.release()
    err = capfd.readouterr().err
    assert f"found that {'an `itk run`' if kind == 'run' else 'a server'} (process " in err
    assert "start `itk serve`, or name a server with --server or ITK_SERVER" in err
    assert server.requests == []


def test_what_the_server_refuses_is_no_detached_run(
    server: FakeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    server.on(START, problem(404, "not-found", "there is no playbook 'a.yaml'"))
    assert run_app(["run", "a.yaml", "--server", URL, "--detach"]) == Exit.WRONG_INPUT
    assert capfd.readouterr() == ("", "itk: there is no playbook 'a.yaml'\n")


def test_a_file_goes_as_text_when_the_servers_library_has_none_of_its_path(
    server: FakeServer, tmp_path: Path
) -> None:
    (tmp_path / "a.yaml").write_text(TEXT)
    unknown = problem(404, "not-found", "there is no playbook 'a.yaml'")
    server.on(START, unknown, accepted)
    assert run_app(["run", "a.yaml", "--server", URL, "--detach"]) == 0
    first, second = sent(server)
    assert "playbook_text" not in first
    assert (second["playbook_path"], second["playbook_text"]) == ("a.yaml", TEXT)


def test_a_file_whose_name_is_no_text_is_sent_all_the_same(
    server: FakeServer, tmp_path: Path
) -> None:
    name = os.fsdecode(b"./caf\xe9.yaml")
    Path(name).write_text(TEXT)
    assert run_app(["run", name, "--server", URL, "--detach"]) == 0
    assert sent(server) == [
        {"playbook_path": "./caf\\udce9.yaml", "playbook_text": TEXT, "parameters": {}}
    ]


def test_a_value_that_is_no_text_is_told_by_the_parameters_name(
    server: FakeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    given = os.fsdecode(b"who=hunter\xff")
    assert run_app(["run", "a.yaml", "--server", URL, "-p", given]) == Exit.WRONG_INPUT
    err = capfd.readouterr().err
    assert err.startswith("itk: -p who: the value is no text in UTF-8")
    assert "hunter" not in err
    assert server.requests == []


@pytest.mark.parametrize(
    ("status", "code"), [("completed", 0), ("failed", 1), ("cancelled", 130), ("interrupted", 1)]
)
def test_the_junit_file_is_written_whatever_the_end_and_the_code_is_the_runs(
    status: str, code: int, server: FakeServer, tmp_path: Path
) -> None:
    final = execution(status, step_results=(step("wait", "completed"),))
    follow(server, final.model_dump(mode="json"), status)
    arguments = ["run", "a.yaml", "--server", URL, "--junit", "out/run.xml"]
    assert run_app(arguments) == code
    text = (tmp_path / "out/run.xml").read_text()
    assert f'value="{status}"' in text


@pytest.mark.parametrize(("status", "code"), [("completed", 0), ("cancelled", 130)])
def test_a_junit_file_that_cannot_be_written_is_told_and_the_code_is_still_the_runs(
    status: str,
    code: int,
    server: FakeServer,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    follow(server, execution(status).model_dump(mode="json"), status)
    whole = JunitFile.write

    def write(report: JunitFile, final: ExecutionView) -> None:
        # The folder has gone while it ran.
        (tmp_path / "out").rmdir()
        (tmp_path / "out").write_text("")
        whole(report, final)

    monkeypatch.setattr(JunitFile, "write", write)
    arguments = ["run", "a.yaml", "--server", URL, "--junit", "out/run.xml"]
    assert run_app(arguments) == code
    err = capfd.readouterr().err
    assert f"itk: the JUnit file {tmp_path}/out/run.xml cannot be written: Not a directory" in err
    assert f"`itk show {EXECUTION_ID} --junit`" in err


def test_a_run_that_is_left_before_its_end_has_no_junit_file(
    server: FakeServer,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def leave(*_: object) -> NoReturn:
        raise Abandoned(delivered=True)

    monkeypatch.setattr(Follower, "follow", leave)
    assert run_app(["run", "a.yaml", "--server", URL, "--junit", "run.xml"]) == Exit.CANCELLED
    assert f"itk: {tmp_path}/run.xml was not written: the run is not over" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def follow(server: FakeServer, final: dict[str, object], status: str) -> None:
    """Have the execution be over at once."""
    server.on(f"GET /api/executions/{EXECUTION_ID}", final)
    server.on(f"GET /api/executions/{EXECUTION_ID}/events", stream(execution_event(1, status)))
