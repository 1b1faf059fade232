"""Which files the store opens, how it makes them, and what it says of those it cannot open."""

import os
import stat
import threading
from pathlib import Path

import pytest

from ignition_toolkit.errors import StoreError
from ignition_toolkit.storage import Store, database_url
from tests.leaks import handles
from tests.unit.storage.samples import add, execution, open_store


def test_the_files_are_for_their_user_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with open_store(tmp_path / "itk.db") as store:
            add(store, execution("one"))
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(["itk.db", "itk.db-wal", "itk.db-shm"], 0o600)


def test_a_closed_store_is_one_file(tmp_path: Path) -> None:
    with open_store(tmp_path / "itk.db") as store:
        add(store, execution("one"))
        assert store.execution("one") is not None
    assert [path.name for path in tmp_path.iterdir()] == ["itk.db"]


@pytest.mark.parametrize("name", ["a b", "100%25", "what?", "#1", "ü", "a=b&c;d", "'\"", "x\n"])
def test_any_path_can_be_opened(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    with open_store(folder / "itk.db") as store:
        add(store, execution("one"))
    assert (folder / "itk.db").stat().st_size > 0


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("sqlite:///relative.db", "the path 'relative.db', which is not absolute"),
        ("sqlite://", "the path '.', which is not absolute"),
        ("sqlite:///:memory:", "':memory:', which is not absolute"),
        ("postgresql://localhost/itk", "one for 'postgresql'"),
        ("/var/lib/itk.db", "text that is no URL"),
    ],
)
def test_another_url_is_refused_with_the_one_expected(url: str, found: str) -> None:
    with pytest.raises(StoreError, match="Expected a database URL like sqlite:////abs") as caught:
        Store.open(url)
    assert found in str(caught.value)


def test_a_password_in_a_refused_url_is_not_shown() -> None:
    with pytest.raises(StoreError) as caught:
        Store.open("postgresql://itk:hunter2@localhost/itk")
    assert "hunter2" not in str(caught.value)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"No such file or directory.*folder exists") as caught:
        Store.open(database_url(tmp_path / "nowhere" / "itk.db"))
    assert str(tmp_path / "nowhere" / "itk.db") in str(caught.value)


def test_a_folder_in_the_files_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="Is a directory"):
        Store.open(database_url(tmp_path))


def test_a_folder_that_cannot_be_written_is_named(readable_folder: Path) -> None:
    with pytest.raises(StoreError, match=r"Permission denied.*this user may write there"):
        Store.open(database_url(readable_folder / "itk.db"))
    assert not list(readable_folder.iterdir())


def test_many_openings_leave_no_handle_and_no_thread(tmp_path: Path) -> None:
    with open_store(tmp_path / "itk.db") as store:
        add(store, execution("one"))
    before = (len(handles()), threading.active_count())
    for _ in range(20):
        with open_store(tmp_path / "itk.db") as store:
            assert store.execution("one") is not None
    assert (len(handles()), threading.active_count()) == before


def test_a_refused_opening_leaves_no_handle_and_no_thread(tmp_path: Path) -> None:
    path = tmp_path / "itk.db"
    path.write_bytes(b"no database" * 1000)
    before = (len(handles()), threading.active_count())
    for _ in range(5):
        with pytest.raises(StoreError):
            Store.open(database_url(path))
    assert (len(handles()), threading.active_count()) == before
