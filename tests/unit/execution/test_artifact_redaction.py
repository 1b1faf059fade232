"""Taking secrets out of the files that an execution left."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.errors import WrongState
from ignition_toolkit.execution.artifact_redaction import PIECE_BYTES, redact_files, redacted_copy

SECRET = "s3cret-of-the-plant"
REDACTOR = Redactor([SECRET])


def test_secrets_are_taken_out_wherever_they_stand_in_a_text(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    file = tmp_path / "deep" / "a.log"
    border = "x" * (PIECE_BYTES - 5)
    file.write_text(f"{SECRET}\n{border[: -len(SECRET) - 1]}{SECRET}\nend")
    file.chmod(0o640)
    assert redact_files(tmp_path, REDACTOR) == []
    text = file.read_text()
    assert text == f"***\n{border[: -len(SECRET) - 1]}***\nend"
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in file.parent.iterdir()] == ["a.log"]


def test_a_file_without_a_secret_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_text("nothing here: " + SECRET[:-1])
    before = file.stat()
    assert redact_files(tmp_path, REDACTOR) == []
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("octets", [b"\x00" + SECRET.encode(), b"\xff\xd8" + SECRET.encode()])
def test_a_binary_file_is_not_broken(tmp_path: Path, octets: bytes) -> None:
    (tmp_path / "a.bin").write_bytes(octets)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("inner", SECRET)
    assert redact_files(tmp_path, REDACTOR) == []
    assert (tmp_path / "a.bin").read_bytes() == octets
    assert zipfile.ZipFile(tmp_path / "a.zip").testzip() is None


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text(SECRET)
    folder = tmp_path / "artifacts"
    folder.mkdir()
    (folder / "link").symlink_to(outside)
    assert redact_files(folder, REDACTOR) == []
    assert outside.read_text() == SECRET


def test_a_folder_that_was_never_made_is_nothing_to_do(tmp_path: Path) -> None:
    assert redact_files(tmp_path / "none", REDACTOR) == []


def test_what_is_not_reached_in_time_is_told(tmp_path: Path) -> None:
    (tmp_path / f"{SECRET}.log").write_text(SECRET)
    (problem,) = redact_files(tmp_path, REDACTOR, seconds=0)
    assert problem.startswith("artifact ***.log and those after it were not looked through")
    assert "longer than 0 s" in problem


def test_a_file_that_cannot_be_written_is_told_and_the_others_are_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.log", "b.log"):
        (tmp_path / name).write_text(SECRET)
    replace, calls = Path.replace, list[Path]()

    def fail_once(part: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == 1:
            raise OSError(28, "No space left on device")
        return replace(part, target)

    monkeypatch.setattr(Path, "replace", fail_once)
    (problem,) = redact_files(tmp_path, REDACTOR)
    assert problem.endswith("could not be looked through for secrets: No space left on device")
    assert sorted(file.read_text() for file in tmp_path.iterdir()) == ["***", SECRET]


def opened(file: Path) -> int:
    return os.open(file, os.O_RDONLY)


def read(descriptor: int) -> bytes:
    with open(descriptor, "rb") as file:
        return file.read()


def test_a_copy_of_a_text_is_without_secrets_and_the_file_stays(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_text(f"it is {SECRET}")
    assert read(redacted_copy(opened(file), REDACTOR)) == b"it is ***"
    assert file.read_text() == f"it is {SECRET}"
    assert list(tmp_path.iterdir()) == [file]


def test_there_is_no_copy_of_a_binary_file(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(b"\0" + SECRET.encode())
    descriptor = opened(file)
    assert redacted_copy(descriptor, REDACTOR) == descriptor
    assert read(descriptor) == file.read_bytes()


def test_a_copy_that_would_take_too_long_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_text(SECRET)
    descriptor = opened(file)
    with pytest.raises(WrongState, match="fetch it when that is over"):
        redacted_copy(descriptor, REDACTOR, seconds=0)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
