"""Folders of artifacts are measured and removed, and nothing beside them is."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ignition_toolkit.execution.artifact_folders import (
    Pace,
    Tally,
    TimeUp,
    measure_folder,
    remove_folder,
)


@pytest.fixture
def pace() -> Pace:
    """All the time that a test may need."""
    return Pace(threading.Event(), 60.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three files of 30 bytes in all, on two levels."""
    made = tmp_path / "artifacts" / "one"
    (made / "deep" / "deeper").mkdir(parents=True)
    (made / "empty").mkdir()
    for number, name in enumerate(("a", "deep/b", "deep/deeper/c"), 1):
        (made / name).write_bytes(b"x" * 5 * number)
    return made


def test_a_folder_is_removed_with_all_that_is_in_it(folder: Path, pace: Pace) -> None:
    tally = Tally()
    remove_folder(folder, tally, pace)
    assert not folder.exists()
    assert folder.parent.is_dir()
    assert tally == Tally(folders=1, size=30)


def test_a_measured_folder_stays_as_it_is(folder: Path, pace: Pace) -> None:
    tally = Tally()
    measure_folder(folder, tally, pace)
    assert tally == Tally(folders=1, size=30)
    assert (folder / "deep" / "deeper" / "c").read_bytes() == b"x" * 15


def test_what_a_link_leads_to_is_left(folder: Path, tmp_path: Path, pace: Pace) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "precious").write_text("kept")
    (folder / "to-folder").symlink_to(other)
    (folder / "deep" / "to-file").symlink_to(other / "precious")
    (folder / "to-nothing").symlink_to(tmp_path / "nothing")
    remove_folder(folder, Tally(), pace)
    assert not folder.exists()
    assert (other / "precious").read_text() == "kept"


def test_a_folder_that_is_a_link_itself_is_an_error(folder: Path, pace: Pace) -> None:
    link = folder.with_name("link")
    link.symlink_to(folder)
    with pytest.raises(NotADirectoryError):
        remove_folder(link, Tally(), pace)
    assert (folder / "a").exists()


def test_no_folder_is_nothing_to_do(tmp_path: Path, pace: Pace) -> None:
    tally = Tally()
    remove_folder(tmp_path / "none", tally, pace)
    measure_folder(tmp_path / "none", tally, pace)
    assert tally == Tally()


def test_what_may_not_be_removed_is_an_error(readable_folder: Path, pace: Pace) -> None:
    with pytest.raises(PermissionError):
        remove_folder(readable_folder, Tally(), pace)
    assert readable_folder.is_dir()


@pytest.mark.parametrize("is_stopped", [True, False])
def test_a_piece_of_work_ends_when_it_has_to_or_took_long_enough(
    folder: Path, is_stopped: bool
) -> None:
    stop = threading.Event()
    if is_stopped:
        stop.set()
    with pytest.raises(TimeUp):
        remove_folder(folder, Tally(), Pace(stop, 60.0 if is_stopped else 0.0))
    assert (folder / "a").exists()


def test_a_long_piece_of_work_rests(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    rests: list[float | None] = []

    class Watched(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            rests.append(timeout)
            return False

    monkeypatch.setattr("ignition_toolkit.execution.artifact_folders.TURN_S", 0.0)
    remove_folder(folder, Tally(), Pace(Watched(), 60.0))
    assert len(rests) >= 3
