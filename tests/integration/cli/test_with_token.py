"""`itk` and a server for other machines, which asks everybody for its access token."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ignition_toolkit.cli.app import run_app
from tests.e2e.observer import below
from tests.e2e.server import Server, launch
from tests.integration.cli.command import done

SAYS = """\
name: Says
steps: [{id: say, name: Say, type: utility.log, parameters: {message: "hello"}}]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = launch(tmp_path_factory.mktemp("server") / "data", playbooks=(), host="0.0.0.0")
    yield running
    running.clean_up()


def token(server: Server) -> str:
    """Return the token that the server has made."""
    return (server.data_dir / "token").read_text("ascii").strip()


def test_the_token_is_in_its_file_and_nowhere_else(server: Server) -> None:
    text = server.text()
    assert f"it is in the file {server.data_dir / 'token'}\n" in text
    assert "the token travels unencrypted" in text
    assert token(server) not in text
    for pid in [server.pid, *(one.pid for one in below([server.pid]))]:
        for name in ("cmdline", "environ"):
            assert token(server).encode() not in Path(f"/proc/{pid}/{name}").read_bytes()


def test_a_stranger_hears_whether_it_works_and_no_more(server: Server) -> None:
    http = server.client.http
    assert http.get("/api/health").json() == {"status": "ok"}
    for path in ("/api/executions", "/api/events", "/metrics", "/openapi.json", "/"):
        assert http.get(path).status_code == 401
    known = {"authorization": f"Bearer {token(server)}"}
    assert http.get("/api/health", headers=known).json()["database"] == "ok"


def test_who_owns_the_folder_needs_no_more_than_that(server: Server, tmp_path: Path) -> None:
    playbook = tmp_path / "says.yaml"
    playbook.write_text(SAYS)
    data = str(server.data_dir)
    told = done(tmp_path / "run", "run", str(playbook), ITK_DATA_DIR=data)
    assert told.returncode == 0, told.stderr
    assert f"belongs to the server at {server.url}, which runs it" in told.stderr
    assert "info       say: hello" in told.stdout


def test_who_has_no_token_is_told_what_to_do(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    # In this process: what it does is the same, and another one takes seconds to start.
    monkeypatch.setenv("ITK_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("ITK_TOKEN", raising=False)
    assert run_app(["list", "--server", server.url]) == 2
    assert capfd.readouterr().err == (
        f"itk: the server at {server.url} asks for its access token, and none was found: set "
        "ITK_TOKEN to what the file `token` in its data folder holds, or to the ITK_TOKEN that it "
        "was started with\n"
    )
    monkeypatch.setenv("ITK_TOKEN", token(server))
    assert run_app(["list", "--server", server.url]) == 0
    monkeypatch.delenv("ITK_TOKEN")
    monkeypatch.setenv("ITK_DATA_DIR", str(server.data_dir))
    assert run_app(["list"]) == 0
    assert "token" not in capfd.readouterr().err
