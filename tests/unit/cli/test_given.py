"""`-p` takes values from the command line, files and the environment, and shows none of them."""

from pathlib import Path

import pytest

from ignition_toolkit.cli.given import MAX_FILE_BYTES, parse_given
from ignition_toolkit.errors import OperatorError

SECRET = "hunter2-hunter2"


def test_values_are_taken_as_they_are() -> None:
    given = ["url=http://a:1/?x=y", "empty=", "spaced= two words ", "mail=a@b"]
    assert parse_given(given) == {
        "url": "http://a:1/?x=y",
        "empty": "",
        "spaced": " two words ",
        "mail": "a@b",
    }


def test_nothing_given_is_nothing() -> None:
    assert parse_given([]) == {}


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_files_value_ends_before_its_line_end(ending: str, tmp_path: Path) -> None:
    file = tmp_path / "value"
    file.write_bytes(f"first\nlast{ending}".encode())
    assert parse_given([f"x=@{file}"]) == {"x": "first\nlast"}


def test_only_one_line_end_is_taken_away(tmp_path: Path) -> None:
    file = tmp_path / "value"
    file.write_text("text\n\n")
    assert parse_given([f"x=@{file}"]) == {"x": "text\n"}


def test_a_variable_gives_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_PASSWORD", SECRET)
    assert parse_given(["x=@env:GATEWAY_PASSWORD"]) == {"x": SECRET}
    monkeypatch.setenv("GATEWAY_PASSWORD", "")
    assert parse_given(["x=@env:GATEWAY_PASSWORD"]) == {"x": ""}


def test_a_doubled_at_sign_is_one_at_the_beginning_of_a_value() -> None:
    assert parse_given(["x=@@env:HOME", "y=@@"]) == {"x": "@env:HOME", "y": "@"}


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (SECRET, r"^-p number 2 has no '=': write -p key=value, -p key=@file or"),
        (f"={SECRET}", r"^-p number 2 does not begin with the name of a parameter"),
        (f"a b={SECRET}", r"^-p number 2 does not begin with the name"),
        (f"first={SECRET}", r"^-p first is given twice"),
        (f"x=@{SECRET}", r"^-p x=@\.\.\.: .* cannot be read: No such file.* written x=@@\.\.\.$"),
        (f"x=@~{SECRET}/y", r"^-p x=@\.\.\.: .* cannot be read: "),
        ("x=@env:NOT_SET_ANYWHERE", r"no environment variable 'NOT_SET_ANYWHERE'"),
        ("x=@env:", r"no environment variable ''"),
    ],
)
def test_what_cannot_be_understood_is_named_without_its_value(option: str, message: str) -> None:
    with pytest.raises(OperatorError, match=message) as seen:
        parse_given(["first=1", option])
    assert SECRET not in str(seen.value)


def test_a_folder_is_no_value(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="Is a directory"):
        parse_given([f"x=@{tmp_path}"])


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(OperatorError, match="is no text in UTF-8"):
        parse_given([f"x=@{tmp_path / 'binary'}"])


def test_a_file_that_no_server_would_take_is_refused(tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_bytes(b"x" * MAX_FILE_BYTES)
    assert len(parse_given([f"x=@{big}"])["x"]) == MAX_FILE_BYTES
    big.write_bytes(b"x" * (MAX_FILE_BYTES + 1))
    with pytest.raises(OperatorError, match=r"bigger than 900 KiB; give .* the path"):
        parse_given([f"x=@{big}"])
