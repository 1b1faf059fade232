"""`itk credentials` and `itk gateways`: by the server that owns the data folder, or by itself."""

from __future__ import annotations

import getpass
import io
import json
import sys
from pathlib import Path

import pytest

from ignition_toolkit.cli.app import run_app
from ignition_toolkit.cli.exits import Exit
from ignition_toolkit.cli.login import login_name
from ignition_toolkit.credentials import Secret
from ignition_toolkit.execution.opened_inventory import open_vault
from ignition_toolkit.execution.owner import FolderLock
from ignition_toolkit.execution.settings import Settings
from tests.unit.cli.fake_server import FakeServer, problem
from tests.unit.storage.samples import open_store

VALUE = "correct horse battery"
VIEW = {
    "name": "plant",
    "type": "password",
    "username": "admin",
    "changed_at": "2026-11-22T12:00:00Z",
}


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A file with a secret, as an editor leaves it."""
    path = tmp_path / "secret"
    path.write_text(f"{VALUE}\n")
    return str(path)


def answers(monkeypatch: pytest.MonkeyPatch, *texts: str) -> None:
    """Have a person at a terminal who answers with these texts."""
    left = list(texts)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(getpass, "getpass", lambda _prompt: left.pop(0))


def test_without_a_server_what_is_stored_is_listed_noted_and_removed(
    data: Path, file: str, capfd: pytest.CaptureFixture[str]
) -> None:
    add = ["credentials", "add", "plant", "--username", "admin", "--file", file]
    assert run_app(add) == Exit.COMPLETED
    gateway = ["http://plant:8088", "https://plant:8043", "--credential", "plant", "--tag", "line"]
    assert run_app(["gateways", "add", "main", *gateway]) == Exit.COMPLETED
    assert run_app(["credentials", "list"]) == run_app(["gateways", "list"]) == Exit.COMPLETED
    out, err = capfd.readouterr()
    assert "stored the credential plant" in err
    assert "registered the gateway main at http://plant:8088, https://plant:8043" in err
    assert [line.split()[:3] for line in out.splitlines()[:2]] == [
        ["NAME", "TYPE", "USER"],
        ["plant", "password", "admin"],
    ]
    assert "main  http://plant:8088, https://plant:8043  plant       verify  line" in out
    assert VALUE not in out + err
    stored = open_vault(Settings.from_environment()).read()["plant"]
    assert stored.secret == Secret(VALUE)
    assert run_app(["credentials", "remove", "plant"]) == Exit.WRONG_INPUT
    assert run_app(["gateways", "remove", "main"]) == Exit.COMPLETED
    assert run_app(["credentials", "remove", "plant"]) == Exit.COMPLETED
    with open_store(data / "itk.db") as store:
        notes = [(row.action, row.actor, row.source) for row in reversed(store.audit())]
    actions = ("credential_add", "gateway_add", "gateway_remove", "credential_remove")
    assert notes == [(action, login_name(), "cli") for action in actions]


def test_a_server_gets_what_is_to_be_stored(
    server: FakeServer, file: str, capfd: pytest.CaptureFixture[str]
) -> None:
    server.on("POST /api/credentials", VIEW, status=201)
    add = ["credentials", "add", "plant", "--username", "admin", "--file", file, "--json"]
    assert run_app(add) == Exit.COMPLETED
    assert json.loads(server.requests[0].content) == {
        "name": "plant",
        "type": "password",
        "username": "admin",
        "secret": VALUE,
        "replace": False,
    }
    out, err = capfd.readouterr()
    assert json.loads(out)["name"] == "plant"
    assert VALUE not in out + err


def test_a_server_lists_and_removes(server: FakeServer, capfd: pytest.CaptureFixture[str]) -> None:
    entry = {"name": "main", "urls": ["http://plant:8088"], "ca_file": "/etc/plant.pem"}
    server.on("GET /api/credentials", {"items": [VIEW]})
    server.on("GET /api/gateways", {"items": [entry]})
    server.on("DELETE /api/credentials/plant", {"name": "plant"})
    server.on("DELETE /api/gateways/main", {"name": "main"})
    for words in (["credentials", "list"], ["gateways", "list", "--json"]):
        assert run_app(words) == Exit.COMPLETED
    assert run_app(["credentials", "remove", "plant"]) == Exit.COMPLETED
    assert run_app(["gateways", "remove", "main"]) == Exit.COMPLETED
    out = capfd.readouterr().out
    assert "plant  password  admin" in out
    assert '"ca_file": "/etc/plant.pem"' in out


@pytest.mark.parametrize("name", ["name-taken", "vault", "names-unknown", "parameters-invalid"])
def test_what_a_server_refuses_is_said_in_its_words(
    server: FakeServer, file: str, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    fields = {"parameters": {"name": "said why"}}
    server.on("POST /api/credentials", problem(409, name, "said why", **fields))
    assert run_app(["credentials", "add", "plant", "--file", file]) == Exit.WRONG_INPUT
    assert capfd.readouterr().err == "itk: said why\n"


def test_a_secret_is_asked_for_twice_at_a_terminal(
    data: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    answers(monkeypatch, "itk:0123456789", "itk:0123456789")
    assert run_app(["credentials", "add", "key", "--api-token"]) == Exit.COMPLETED
    assert open_vault(Settings.from_environment()).read()["key"].fields == {
        "api_token": Secret("itk:0123456789")
    }
    answers(monkeypatch, "itk:first", "itk:second")
    assert run_app(["credentials", "add", "other"]) == Exit.WRONG_INPUT
    err = capfd.readouterr().err
    assert "the two answers differ; nothing was stored" in err
    assert "itk:first" not in err


def test_without_a_terminal_a_file_is_asked_for_and_standard_input_is_one(
    data: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{VALUE}\r\n".encode())))
    assert run_app(["credentials", "add", "plant"]) == Exit.WRONG_INPUT
    assert "give --file FILE" in capfd.readouterr().err
    assert run_app(["credentials", "add", "plant", "--file", "-"]) == Exit.COMPLETED
    assert open_vault(Settings.from_environment()).read()["plant"].secret == Secret(VALUE)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"\xff\xfe\xfd\xfc", "is no text in UTF-8"),
        (b"abc\n", "expected at least 4 characters"),
        (b"x" * 300_000, "holds more than 256 KiB"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused(
    data: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    content: bytes | None,
    said: str,
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    assert run_app(["credentials", "add", "plant", "--file", str(path)]) == Exit.WRONG_INPUT
    assert said in capfd.readouterr().err


@pytest.mark.parametrize("family", ["credentials", "gateways"])
def test_a_look_makes_no_data_folder(
    data: Path, capfd: pytest.CaptureFixture[str], family: str
) -> None:
    assert run_app([family, "list"]) == Exit.COMPLETED
    assert f"there are no {family} yet" in capfd.readouterr().err
    assert run_app([family, "remove", "x"]) == Exit.WRONG_INPUT
    assert "there is no data folder" in capfd.readouterr().err
    assert not data.exists()


def test_a_folder_that_a_run_owns_is_told(
    data: Path, file: str, capfd: pytest.CaptureFixture[str]
) -> None:
    lock = FolderLock.take(data, "run")
    try:
        assert run_app(["credentials", "add", "x", "--file", file]) == Exit.WRONG_INPUT
    finally:
        lock.release()
    assert "belongs to an `itk run`" in capfd.readouterr().err


@pytest.mark.parametrize("family", ["credentials", "gateways"])
def test_a_family_alone_points_to_its_help(family: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_app([family]) == Exit.WRONG_INPUT
    assert f"itk {family} --help says how it is used" in capfd.readouterr().err


def test_a_secret_cannot_be_an_argument(data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_app(["credentials", "add", "plant", VALUE]) == Exit.WRONG_INPUT
    assert VALUE not in capfd.readouterr().err
