"""The shipped examples do what they say when a person runs them, and leave nothing half done."""

import os
import signal
import socket
import subprocess
import time
import zipfile
from pathlib import Path
from typing import Protocol

import pytest

from tests.integration.cli.command import itk
from tests.integration.conftest import Called
from tests.polling import poll_until

DAY_S = 86400


class Run(Protocol):
    """Runs one of the examples to its end."""

    def __call__(self, playbook: str, **parameters: object) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def run(called: Called) -> Run:
    """Give a function that runs one of the examples by `itk run`, inside this process."""
    return lambda playbook, **parameters: called(*arguments(playbook, parameters))


def arguments(playbook: str, parameters: dict[str, object]) -> list[str]:
    """Return the command line for one of the examples."""
    given = [part for name, value in parameters.items() for part in ("-p", f"{name}={value}")]
    return ["run", f"examples/{playbook}.yaml", *given]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with an old file, a new one with a hard name, and a link to elsewhere."""
    made = tmp_path / "it's a folder"
    (made / "sub").mkdir(parents=True)
    old = made / "sub" / "old.txt"
    old.write_text("x" * 2000, "utf-8")
    os.utime(old, (0, time.time() - 40 * DAY_S))
    (made / "new 'quoted' {{ parameter.x }}.txt").write_text("new", "utf-8")
    (made / "link").symlink_to("/etc")
    return made


def test_the_disk_report_tells_the_old_files(tmp_path: Path, folder: Path, run: Run) -> None:
    report = tmp_path / "report.txt"
    ended = run("disk_report", folder=folder, min_free_percent=0, report_file=report)
    assert ended.returncode == 0, ended.stdout
    text = report.read_text("utf-8")
    assert "of them 1 not changed for 30 days" in text
    assert str(folder / "sub" / "old.txt") in text
    assert "new 'quoted'" not in text
    assert [path.name for path in tmp_path.glob("report*")] == ["report.txt"]


def test_the_disk_report_fails_when_too_little_is_free(folder: Path, run: Run) -> None:
    ended = run("disk_report", folder=folder, min_free_percent=100.1)
    assert ended.returncode == 1
    assert "expected at least 100.1 %" in ended.stdout + ended.stderr


def test_the_nightly_archive_holds_the_folder_and_rotation_deletes_its_own_only(
    tmp_path: Path, folder: Path, run: Run
) -> None:
    target = tmp_path / "target"
    target.mkdir()
    mine = [target / f"{folder.name}-2020010{day}-000000.zip" for day in range(1, 5)]
    others = [
        target / "other-20200101-000000.zip",
        target / f"{folder.name}-20200101-000000.zip.txt",
        target / f"{folder.name}-by-hand.zip",
    ]
    for path in (*mine, *others):
        path.write_text("old", "utf-8")
    ended = run("zip_folder", folder=folder, target=target, keep=3)
    assert ended.returncode == 0, ended.stdout
    left = set(target.iterdir())
    (archive,) = left - {*mine, *others}
    assert left == {*mine[2:], *others, archive}
    with zipfile.ZipFile(archive) as packed:
        names = {name.partition("/")[2] for name in packed.namelist()}
    assert names == {"sub/old.txt", "new 'quoted' {{ parameter.x }}.txt"}


def test_the_nightly_archive_deletes_nothing_as_given(
    tmp_path: Path, folder: Path, run: Run
) -> None:
    target = tmp_path / "target"
    target.mkdir()
    old = target / f"{folder.name}-20200101-000000.zip"
    old.write_text("old", "utf-8")
    assert run("zip_folder", folder=folder, target=target).returncode == 0
    assert old.exists()


def test_a_cancelled_archive_leaves_no_half_file(tmp_path: Path, folder: Path) -> None:
    target = tmp_path / "target"
    with (folder / "large").open("wb") as large:
        large.truncate(20 * 2**30)
    command = arguments("zip_folder", {"folder": folder, "target": target})
    with itk(tmp_path / "run", *command) as process:
        poll_until(lambda: list(target.glob("*.part")), 60.0)
        process.send(signal.SIGINT)
        assert process.end() == 130, process.stdout()
    assert list(target.iterdir()) == []


def test_the_port_watch_returns_when_something_listens(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        ended = run("wait_for_port", port=port, deadline=30, interval=0.01)
    assert ended.returncode == 0, ended.stdout
    assert f"127.0.0.1:{port} answers" in ended.stdout


def test_the_port_watch_fails_with_the_last_reason(run: Run) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        ended = run("wait_for_port", port=port, deadline=0.3, interval=0.05)
    assert ended.returncode == 1
    assert "did not answer 3 times in a row within 0.3 s" in ended.stdout + ended.stderr
    assert "refused" in ended.stdout + ended.stderr
