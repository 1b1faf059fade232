"""`itk prune`: by the server that owns the data folder, or by itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ignition_toolkit.cli.app import run_app
from ignition_toolkit.cli.exits import Exit
from ignition_toolkit.cli.login import login_name
from ignition_toolkit.cli.text import byte_size
from ignition_toolkit.execution.owner import FolderLock
from tests.unit.cli.fake_server import FakeServer, problem
from tests.unit.storage.samples import START, add, execution, open_store

PRUNE = "POST /api/prune"


@pytest.fixture
def data(data: Path) -> Path:
    """A data folder that exists."""
    data.mkdir()
    return data


# Any: JSON.
def report(**changes: Any) -> dict[str, Any]:
    """Return what a server says of one execution that was removed."""
    return {
        "dry_run": False,
        "before": "2026-10-23T12:00:00Z",
        "failures_before": "2026-08-24T12:00:00Z",
        "executions": 1,
        "artifact_folders": 1,
        "artifact_bytes": 2048,
        "database_bytes": 1024,
        "more": False,
        "problems": [],
        **changes,
    }


def test_a_server_does_the_work_until_nothing_is_left(
    server: FakeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    server.on(PRUNE, report(more=True), report(more=True), report())
    assert run_app(["prune", "--older-than", "7"]) == Exit.COMPLETED
    assert server.asked() == [PRUNE] * 3
    body = {"dry_run": False, "older_than_days": 7}
    assert [json.loads(request.content) for request in server.requests] == [body] * 3
    first, *others = capfd.readouterr().out.splitlines()
    assert first.startswith("3 executions removed: completed before 2026-10-2")
    assert others == ["  artifacts  6.0 KiB in 3 folders", "  database   3.0 KiB less"]


def test_a_dry_run_is_asked_once_and_says_what_would_be(
    server: FakeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    server.on(PRUNE, report(dry_run=True, more=True, database_bytes=None, executions=9))
    assert run_app(["prune", "--dry-run"]) == Exit.COMPLETED
    (request,) = server.requests
    assert json.loads(request.content) == {"dry_run": True}
    first, second = capfd.readouterr().out.splitlines()
    assert first.startswith("at least 9 executions would be removed: ")
    assert second == "  artifacts  at least 2.0 KiB in 1 folder"


def test_json_is_the_sum_of_all_pieces(
    server: FakeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    server.on(PRUNE, report(more=True, problems=["one"]), report(problems=["one", "two"]))
    assert run_app(["prune", "--json"]) == Exit.FAILED
    out, err = capfd.readouterr()
    told = json.loads(out)
    assert (told["executions"], told["artifact_bytes"], told["more"]) == (2, 4096, False)
    assert told["problems"] == ["one", "two"]
    assert err == "itk: one\nitk: two\n"


def test_what_a_server_refuses_is_said(
    server: FakeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    server.on(PRUNE, problem(409, "refused", "ITK_KEEP_DAYS is 0, so that all is kept"))
    assert run_app(["prune"]) == Exit.WRONG_INPUT
    assert capfd.readouterr().err == "itk: ITK_KEEP_DAYS is 0, so that all is kept\n"


def fill(data: Path) -> None:
    """Put an old execution with an artifact into a data folder, and one that runs."""
    with open_store(data / "itk.db") as store:
        old = START.replace(year=2020)
        add(store, execution("old", status="completed", created_at=old, completed_at=old))
        add(store, execution("runs", status="running", created_at=old))
    for name in ("old", "runs"):
        (data / "artifacts" / name).mkdir(parents=True)
        (data / "artifacts" / name / "file").write_bytes(b"x" * 2000)


def test_without_a_server_it_does_the_work_itself(
    data: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fill(data)
    assert run_app(["prune", "--dry-run"]) == Exit.COMPLETED
    assert capfd.readouterr().out.startswith("1 execution would be removed: ")
    assert run_app(["prune"]) == Exit.COMPLETED
    out = capfd.readouterr().out
    assert out.startswith("1 execution removed: completed before ")
    assert "\n  artifacts  2.0 KiB in 1 folder\n" in out
    assert [entry.name for entry in (data / "artifacts").iterdir()] == ["runs"]
    assert FolderLock.owner(data) is None
    with open_store(data / "itk.db") as store:
        assert [row.id for row in store.executions()[0]] == ["runs"]
        (note,) = store.audit()
    assert (note.action, note.source, note.actor) == ("prune", "cli", login_name())
    assert run_app(["prune", "--older-than", "0"]) == Exit.COMPLETED
    assert capfd.readouterr().out.startswith("nothing to remove: no execution ended before ")


def test_a_folder_of_somebody_elses_run_is_left_alone(
    data: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fill(data)
    lock = FolderLock.take(data, "run")
    assert run_app(["prune"]) == Exit.WRONG_INPUT
    lock.release()
    assert "belongs to an `itk run`" in capfd.readouterr().err
    assert (data / "artifacts" / "old").is_dir()


def test_a_folder_that_is_not_there_is_not_made(
    tmp_path: Path, data: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "missing"
    assert run_app(["prune", "--data-dir", str(missing)]) == Exit.WRONG_INPUT
    assert f"there is no data folder {missing}" in capfd.readouterr().err
    assert not missing.exists()


def test_everything_is_kept_where_that_is_wanted(
    data: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    fill(data)
    monkeypatch.setenv("ITK_KEEP_DAYS", "0")
    assert run_app(["prune"]) == Exit.WRONG_INPUT
    assert "ITK_KEEP_DAYS is 0" in capfd.readouterr().err
    assert (data / "artifacts" / "old").is_dir()
    assert FolderLock.owner(data) is None


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 KiB"),
        (1024 * 1000, "1.0 MiB"),
        (5 * 1024**3, "5.0 GiB"),
        (5 * 1024**4, "5120.0 GiB"),
    ],
)
def test_bytes_are_told_with_a_unit(count: int, text: str) -> None:
    assert byte_size(count) == text
