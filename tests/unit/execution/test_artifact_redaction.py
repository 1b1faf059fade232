"""Taking secrets out of the files that an execution left."""

from __future__ import annotations

import os
import threading
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.errors import NotFound
from ignition_toolkit.execution import artifact_redaction
from ignition_toolkit.execution.artifact_folders import TimeUp
from ignition_toolkit.execution.artifact_redaction import PIECE_BYTES
from ignition_toolkit.execution.redacted_file import list_redacted, open_redacted

SECRET = "s3cret-of-the-plant"
REDACTOR = Redactor([SECRET])


def redact_files(folder: Path, *, seconds: float = 60.0, stopped: bool = False) -> list[str]:
    """Redact with a scratch folder beside the folder, which must be empty afterwards."""
    scratch, stop = folder.parent / "scratch", threading.Event()
    if stopped:
        stop.set()
    try:
        return artifact_redaction.redact_files(folder, REDACTOR, scratch, stop, seconds)
    finally:
        assert not scratch.exists() or list(scratch.iterdir()) == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "artifacts"
    made.mkdir()
    return made


def test_secrets_are_taken_out_wherever_they_stand_in_a_text(folder: Path) -> None:
    (folder / "deep").mkdir()
    file = folder / "deep" / "a.log"
    border = "x" * (PIECE_BYTES - 5)
    file.write_text(f"{SECRET}\n{border[: -len(SECRET) - 1]}{SECRET}\nend")
    file.chmod(0o640)
    assert redact_files(folder) == []
    text = file.read_text()
    assert text == f"***\n{border[: -len(SECRET) - 1]}***\nend"
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in file.parent.iterdir()] == ["a.log"]


def test_a_file_without_a_secret_is_not_touched(folder: Path) -> None:
    file = folder / "a.log"
    file.write_text("nothing here: " + SECRET[:-1])
    before = file.stat()
    assert redact_files(folder) == []
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("octets", [b"\x00", b"\xff\xd8\xff\xe0\x00\x10JFIF", b"a\x01"])
def test_a_binary_file_is_not_broken(folder: Path, octets: bytes) -> None:
    octets += SECRET.encode()
    (folder / "a.bin").write_bytes(octets)
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr("inner", SECRET)
    assert redact_files(folder) == []
    assert (folder / "a.bin").read_bytes() == octets
    assert zipfile.ZipFile(folder / "a.zip").testzip() is None


def test_a_link_is_not_followed(folder: Path) -> None:
    outside = folder.parent / "outside"
    outside.write_text(SECRET)
    (folder / "link").symlink_to(outside)
    assert redact_files(folder) == []
    assert outside.read_text() == SECRET


def test_a_folder_that_was_never_made_is_nothing_to_do(folder: Path) -> None:
    assert redact_files(folder / "none") == []


def test_what_is_not_reached_in_time_is_told(folder: Path) -> None:
    (folder / f"{SECRET}.log").write_text(SECRET)
    (problem,) = redact_files(folder, seconds=0)
    assert problem == "***.log could not be looked through for secrets: that takes longer than 0 s"


def test_what_is_told_to_stop_stops_and_leaves_each_file_whole(folder: Path) -> None:
    (folder / "a.log").write_text(SECRET)
    with pytest.raises(TimeUp):
        redact_files(folder, stopped=True)
    assert (folder / "a.log").read_text() == SECRET


def test_a_text_in_an_older_encoding_is_a_text(folder: Path) -> None:
    (folder / "a.log").write_bytes(b"caf\xe9 \x1b[1m" + SECRET.encode())
    assert redact_files(folder) == []
    assert (folder / "a.log").read_bytes() == b"caf\xe9 \x1b[1m***"


def test_names_lose_their_secrets_too_and_no_file_gets_lost_by_that(folder: Path) -> None:
    (folder / SECRET).mkdir()
    (folder / SECRET / f"{SECRET}.png").write_bytes(b"\0 1")
    (folder / f"a {SECRET}.txt").write_text("2")
    (folder / "a ***.txt").write_text("3")
    assert redact_files(folder) == []
    found = {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}
    assert found == {"***/***.png": b"\0 1", "a ***.txt": b"3", "a ***.txt (2)": b"2"}
    assert sorted(path.name for path in folder.iterdir()) == ["***", "a ***.txt", "a ***.txt (2)"]


def test_memory_does_not_grow_with_a_file(folder: Path) -> None:
    part = b"x" * (PIECE_BYTES - 7) + SECRET.encode()
    (folder / "large.log").write_bytes(part * 32)
    tracemalloc.start()
    try:
        assert redact_files(folder) == []
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1024 * 1024
    assert SECRET.encode() not in (folder / "large.log").read_bytes()


def test_a_file_that_cannot_be_written_is_told_and_the_others_are_done(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.log", "b.log"):
        (folder / name).write_text(SECRET)
    replace, calls = Path.replace, list[Path]()

    def fail_once(part: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == 1:
            raise OSError(28, "No space left on device")
        return replace(part, target)

    monkeypatch.setattr(Path, "replace", fail_once)
    (problem,) = redact_files(folder)
    assert problem.endswith("could not be looked through for secrets: No space left on device")
    assert sorted(file.read_text() for file in folder.iterdir()) == ["***", SECRET]


def read(folder: Path, name: str) -> bytes:
    with open_redacted(folder, name, REDACTOR) as opened:
        whole = b""
        while piece := opened.read(7):
            whole += piece
        return whole


def test_a_text_is_read_without_its_secrets_and_stays_as_it_is(folder: Path) -> None:
    text = f"it is {SECRET}, " + "x" * PIECE_BYTES + SECRET[:-1]
    (folder / "a.log").write_text(f"{text}{SECRET}")
    assert read(folder, "a.log").decode() == text.replace(SECRET, "***") + "***"
    assert (folder / "a.log").read_text() == f"{text}{SECRET}"
    assert [path.name for path in folder.iterdir()] == ["a.log"]


def test_a_binary_file_is_read_as_it_is(folder: Path) -> None:
    (folder / "a.bin").write_bytes(b"\0" + SECRET.encode())
    assert read(folder, "a.bin") == b"\0" + SECRET.encode()


def test_a_file_is_listed_and_found_by_its_name_without_secrets(folder: Path) -> None:
    (folder / f"of {SECRET}").write_text("text")
    assert [file.name for file in list_redacted(folder, REDACTOR)] == ["of ***"]
    assert read(folder, "of ***") == b"text"
    with pytest.raises(NotFound):
        read(folder, "***")
    with pytest.raises(NotFound):
        read(folder, "nothing")


def test_a_file_that_is_read_is_closed_once_its_reader_goes(folder: Path) -> None:
    (folder / "a.log").write_text(SECRET)
    before = len(os.listdir("/proc/self/fd"))
    opened = open_redacted(folder, "a.log", REDACTOR)
    assert len(os.listdir("/proc/self/fd")) == before + 1
    del opened
    assert len(os.listdir("/proc/self/fd")) == before
