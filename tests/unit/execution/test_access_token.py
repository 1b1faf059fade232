"""The access token: made once, kept for its owner alone, never shown."""

import os
import stat
from pathlib import Path

import pytest

from ignition_toolkit.credentials import Secret
from ignition_toolkit.errors import OperatorError
from ignition_toolkit.execution.access_token import (
    token_for_server,
    token_from_environment,
    token_from_folder,
    token_is_demanded,
)
from ignition_toolkit.execution.child_process import own_environment
from ignition_toolkit.execution.runner_spawn import runner_environment

GIVEN = "a-token-of-more-than-20"


@pytest.fixture(autouse=True)
def no_token_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ITK_TOKEN", raising=False)
    monkeypatch.delenv("ITK_REQUIRE_TOKEN", raising=False)


def test_a_token_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    os.umask(before := os.umask(0))
    os.umask(0)
    try:
        made = token_for_server(tmp_path)
    finally:
        os.umask(before)
    file = tmp_path / "token"
    assert made.file == file
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == made.value.reveal() + "\n"
    assert len(made.value.reveal()) == 43
    assert token_for_server(tmp_path) == made == token_from_folder(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["token"]


def test_two_folders_have_two_tokens(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    assert token_for_server(one).value != token_for_server(other).value


def test_what_an_interrupted_start_has_left_is_replaced(tmp_path: Path) -> None:
    left = tmp_path / "token.new"
    left.write_text("half")
    left.chmod(0o644)
    made = token_for_server(tmp_path)
    assert not left.exists()
    assert token_from_folder(tmp_path) == made


def test_the_variable_beats_the_file_and_writes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ITK_TOKEN", GIVEN)
    assert token_for_server(tmp_path).value == Secret(GIVEN)
    assert token_for_server(tmp_path).origin == "ITK_TOKEN"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text", ["short", "x" * 19, "x" * 513, "a token with blanks in it", "ünvisible-ascii-it-is-not"]
)
def test_a_token_that_cannot_be_used_is_refused_and_not_shown(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ITK_TOKEN", text)
    with pytest.raises(OperatorError, match="ITK_TOKEN cannot be used: expected 20 to 512") as seen:
        token_from_environment()
    assert text not in seen.value.message


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_can_read_is_no_secret(tmp_path: Path, mode: int) -> None:
    token_for_server(tmp_path)
    (tmp_path / "token").chmod(mode)
    with pytest.raises(OperatorError, match=r"/token is not a secret: .* remove it"):
        token_for_server(tmp_path)
    assert token_from_folder(tmp_path) is None


@pytest.mark.parametrize(
    "content", [b"", b"short\n", b"\xff" * 30, b"x" * 5000, b"a" * 30 + b"\n\n"]
)
def test_a_file_that_holds_no_token_is_refused_not_replaced(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(OperatorError, match="/token cannot be used: expected 20 to 512 visible"):
        token_for_server(tmp_path)
    assert file.read_bytes() == content


def test_a_link_and_a_pipe_are_not_read(tmp_path: Path) -> None:
    token_for_server(tmp_path).value.reveal()
    for name, make in (("link", os.symlink), ("pipe", lambda _, path: os.mkfifo(path, 0o600))):
        folder = tmp_path / name
        folder.mkdir()
        make(tmp_path / "token", folder / "token")
        with pytest.raises(OperatorError, match="/token"):
            token_for_server(folder)


def test_a_folder_that_cannot_be_written_is_said(readable_folder: Path) -> None:
    with pytest.raises(OperatorError, match=r"cannot be read or made: .*ITK_TOKEN"):
        token_for_server(readable_folder)
    assert token_from_folder(readable_folder) is None


@pytest.mark.parametrize(("text", "demanded"), [("1", True), ("0", False), ("", False)])
def test_a_token_is_demanded_by_a_word_that_is_understood(
    text: str, demanded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ITK_REQUIRE_TOKEN", text)
    assert token_is_demanded() is demanded
    monkeypatch.setenv("ITK_REQUIRE_TOKEN", "yes")
    with pytest.raises(OperatorError, match="ITK_REQUIRE_TOKEN is 'yes': expected 1"):
        token_is_demanded()


def test_no_text_of_it_shows_it(tmp_path: Path) -> None:
    made = token_for_server(tmp_path)
    assert made.value.reveal() not in f"{made} {made!r} {made.origin}"


@pytest.mark.parametrize("name", ["ITK_TOKEN", "IGNITION_API_TOKEN"])
def test_no_child_is_given_a_token(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, GIVEN)
    monkeypatch.setenv("ITK_RUNNER_ENV", name)
    assert name not in own_environment()
    assert name not in runner_environment()
