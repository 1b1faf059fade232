"""Files that executions leave: only those inside the folder, and only regular ones."""

import os
from pathlib import Path

import pytest

from ignition_toolkit.errors import NotFound
from ignition_toolkit.execution import artifacts
from ignition_toolkit.execution.artifacts import count_bytes, list_artifacts, open_artifact


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "artifacts" / "one"
    (folder / "deep").mkdir(parents=True)
    (folder / "b.txt").write_text("bb")
    (folder / "deep" / "a & ü.html").write_text("aaa")
    (tmp_path / "outside.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    (folder / "away").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    return folder


def read(folder: Path, name: str) -> bytes:
    descriptor = open_artifact(folder, name)
    try:
        return os.read(descriptor, 100)
    finally:
        os.close(descriptor)


def test_regular_files_are_listed_by_name_with_their_sizes(folder: Path) -> None:
    assert [(file.name, file.size) for file in list_artifacts(folder)] == [
        ("b.txt", 2),
        ("deep/a & ü.html", 3),
    ]
    assert list_artifacts(folder / "nothing") == ()


def test_a_listed_file_can_be_read(folder: Path) -> None:
    assert read(folder, "deep/a & ü.html") == b"aaa"


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "deep",
        "nothing",
        "link.txt",
        "away/outside.txt",
        "../../outside.txt",
        "pipe",
        "a\0b",
    ],
)
def test_nothing_else_can_be_opened(folder: Path, name: str) -> None:
    with pytest.raises(NotFound, match="no artifact"):
        open_artifact(folder, name)
    with pytest.raises(NotFound, match="no artifact"):
        open_artifact(folder, str(folder.parent.parent / "outside.txt"))


def test_the_bytes_of_all_are_counted_unless_that_takes_long(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert count_bytes(folder.parent) == 5
    monkeypatch.setattr(artifacts, "COUNT_S", -1.0)
    assert count_bytes(folder.parent) is None
