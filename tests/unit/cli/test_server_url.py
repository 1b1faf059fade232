"""A command finds its server: the one named, the one that owns the folder, or the default."""

from pathlib import Path

import pytest

from ignition_toolkit.cli.server_url import DEFAULT_URL, checked_url, is_loopback, server_url
from ignition_toolkit.errors import OperatorError
from ignition_toolkit.execution.owner import FolderLock


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The default data folder, which nobody owns."""
    monkeypatch.delenv("ITK_SERVER", raising=False)
    monkeypatch.setenv("ITK_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def test_the_option_beats_the_variable_beats_the_owner_beats_the_default(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert server_url(None) == DEFAULT_URL
    lock = FolderLock.take(folder, kind="server", url="http://127.0.0.1:5123")
    try:
        assert server_url(None) == "http://127.0.0.1:5123"
        monkeypatch.setenv("ITK_SERVER", "http://plant:5000")
        assert server_url(None) == "http://plant:5000"
        assert server_url("http://other:5000/") == "http://other:5000"
    finally:
        lock.release()


def test_an_owner_that_is_no_server_is_not_asked(folder: Path) -> None:
    lock = FolderLock.take(folder, kind="run")
    try:
        assert server_url(None) == DEFAULT_URL
    finally:
        lock.release()


def test_a_folder_that_cannot_be_read_does_not_keep_a_command_from_a_server(folder: Path) -> None:
    folder.mkdir()
    (folder / "owner.lock").symlink_to("elsewhere")
    assert server_url(None) == DEFAULT_URL


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("https://plant.example/itk/", "https://plant.example/itk"),
        (" http://[::1]:5000 ", "http://[::1]:5000"),
    ],
)
def test_addresses_are_understood_as_people_write_them(text: str, url: str) -> None:
    assert checked_url(text, "--server") == url


@pytest.mark.parametrize(
    "text",
    ["", "ftp://x", "http://", "http://x:0", "http://x:99999", "http://x:port", "http://[::1",
     "http://x?y=1", "http://user:password@x"],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_its_origin(text: str) -> None:
    with pytest.raises(OperatorError, match=r"^ITK_SERVER: expected the address of a server"):
        checked_url(text, "ITK_SERVER")


@pytest.mark.parametrize(
    ("host", "only_here"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("[::1]", True),
        ("LocalHost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
        ("example.com", False),
        ("", False),
    ],
)
def test_this_machine_alone_is_told_from_all_others(host: str, only_here: bool) -> None:
    assert is_loopback(host) is only_here
