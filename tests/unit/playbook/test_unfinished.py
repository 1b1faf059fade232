"""Files that are not complete are removed, also by others than who writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ignition_toolkit.playbook.unfinished import MARK, remove_unfinished, unfinished


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def test_a_file_is_removed_with_its_mark_at_the_end(temporary: Path, tmp_path: Path) -> None:
    part = tmp_path / "part"

    def stop_in_the_middle() -> None:
        with unfinished(part):
            part.write_text("half")
            assert len(list(temporary.iterdir())) == 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_in_the_middle()
    assert list(tmp_path.iterdir()) == [temporary]
    assert list(temporary.iterdir()) == []


def test_a_file_that_was_completed_stays(temporary: Path, tmp_path: Path) -> None:
    with unfinished(tmp_path / "part"):
        (tmp_path / "part").write_text("whole")
        (tmp_path / "part").rename(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "whole"


def test_what_a_killed_process_has_marked_is_removed(
    temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with unfinished(Path("part")):
        Path("part").write_text("half")
        remove_unfinished(temporary)
        assert not Path("part").exists()


def test_only_regular_files_are_removed_and_only_by_marks(temporary: Path, tmp_path: Path) -> None:
    folder, file = tmp_path / "folder", tmp_path / "file"
    folder.mkdir()
    file.write_text("x")
    for number, target in enumerate([folder, tmp_path / "none"]):
        (temporary / f"{MARK}{number}").symlink_to(target)
    (temporary / "other").symlink_to(file)
    (temporary / f"{MARK}file").write_text("no link")
    remove_unfinished(temporary)
    remove_unfinished(tmp_path / "none")
    assert folder.exists()
    assert file.exists()


def test_without_room_for_a_mark_the_file_is_removed_at_the_end(
    temporary: Path, tmp_path: Path
) -> None:
    temporary.rmdir()
    with unfinished(tmp_path / "part"):
        (tmp_path / "part").write_text("half")
    assert list(tmp_path.iterdir()) == []
