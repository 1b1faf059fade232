"""One owner per data folder, told from outside, and free again the moment the owner dies."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ignition_toolkit.errors import DataFolderBusy, OperatorError
from ignition_toolkit.execution import owner as owner_module
from ignition_toolkit.execution.owner import FolderLock, Owner, ProcessIdentity
from tests.polling import poll_until

HOLDER = """
import sys
from pathlib import Path
from ignition_toolkit.execution.owner import FolderLock

lock = FolderLock.take(Path(sys.argv[1]), kind="server", url="http://127.0.0.1:5123")
print("held", flush=True)
sys.stdin.read()
"""

LIVES_ON = """
import subprocess
import sys
from pathlib import Path
from ignition_toolkit.execution.owner import FolderLock

lock = FolderLock.take(Path(sys.argv[1]), kind="run")
child = subprocess.Popen(["sleep", "60"], close_fds=False)
print(child.pid, flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder that does not exist yet."""
    return tmp_path / "data"


@pytest.fixture
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process, a server at port 5123, that owns the folder."""
    command = [sys.executable, "-c", HOLDER, str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_folder_is_made_for_its_user_alone(folder: Path) -> None:
    FolderLock.take(folder, kind="run").release()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "owner.lock").stat().st_mode & 0o777 == 0o600


def test_the_owner_is_seen_with_its_address(folder: Path) -> None:
    lock = FolderLock.take(folder, kind="server")
    try:
        seen = FolderLock.owner(folder)
        assert seen
        assert (seen.pid, seen.kind, seen.url) == (os.getpid(), "server", None)
        lock.set_url("http://127.0.0.1:5000")
        seen = FolderLock.owner(folder)
        assert seen
        assert seen.url == "http://127.0.0.1:5000"
        assert lock.identity.alive
    finally:
        lock.release()


def test_a_released_folder_has_no_owner_and_can_be_taken_again(folder: Path) -> None:
    lock = FolderLock.take(folder, kind="server")
    lock.release()
    lock.release()
    assert FolderLock.owner(folder) is None
    assert [path.name for path in folder.iterdir()] == ["owner.lock"]
    FolderLock.take(folder, kind="run").release()


def test_a_second_owner_is_refused_and_told_of_the_first(
    folder: Path, holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(DataFolderBusy, match=f"a server at .*:5123 .process {holder.pid}") as seen:
        FolderLock.take(folder, kind="run")
    assert seen.value.fields == {
        "pid": holder.pid,
        "kind": "server",
        "url": "http://127.0.0.1:5123",
    }
    assert FolderLock.owner(folder)


def test_the_same_process_cannot_own_it_twice(folder: Path) -> None:
    lock = FolderLock.take(folder, kind="run")
    try:
        with pytest.raises(DataFolderBusy, match=r"an `itk run` \(process"):
            FolderLock.take(folder, kind="server")
    finally:
        lock.release()


def test_a_killed_owner_owns_nothing_though_its_file_stays(
    folder: Path, holder: subprocess.Popen[str]
) -> None:
    holder.send_signal(signal.SIGKILL)
    # Not reaped: a zombie has given its lock back all the same.
    poll_until(lambda: FolderLock.owner(folder) is None)
    assert (folder / "owner.json").exists()
    lock = FolderLock.take(folder, kind="run")
    seen = FolderLock.owner(folder)
    lock.release()
    assert seen
    assert seen.pid == os.getpid()


def test_a_child_that_lives_on_does_not_hold_the_folder(folder: Path) -> None:
    command = [sys.executable, "-c", LIVES_ON, str(folder)]
    # The child keeps the pipe open; readline does not wait for its end.
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        child = int(process.stdout.readline())
        process.wait(10)
        try:
            os.kill(child, 0)
            assert FolderLock.owner(folder) is None
        finally:
            os.kill(child, signal.SIGKILL)


def test_what_a_dead_owner_has_written_is_not_believed_while_a_new_one_starts(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = FolderLock.take(folder, kind="run")
    mine = (folder / "owner.json").read_text()
    stale = json.loads(mine) | {"start": 1, "url": "http://127.0.0.1:1", "kind": "server"}
    (folder / "owner.json").write_text(json.dumps(stale))
    looked: list[float] = []

    def write_now(seconds: float) -> None:
        looked.append(seconds)
        (folder / "owner.json").write_text(mine)

    monkeypatch.setattr(time, "sleep", write_now)
    seen = FolderLock.owner(folder)
    lock.release()
    assert seen
    assert (seen.kind, seen.url) == ("run", None)
    assert len(looked) == 1


def test_a_lock_that_nobody_explains_is_still_a_lock(folder: Path) -> None:
    lock = FolderLock.take(folder, kind="run")
    (folder / "owner.json").write_text('{"pid": "torn')
    try:
        seen = FolderLock.owner(folder)
        assert seen
        assert seen.title == "another process"
        with pytest.raises(DataFolderBusy, match="belongs to another process"):
            FolderLock.take(folder, kind="run")
    finally:
        lock.release()


def test_somebody_who_looks_does_not_get_in_an_owners_way(folder: Path) -> None:
    FolderLock.take(folder, kind="run").release()
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            FolderLock.owner(folder)

    looker = threading.Thread(target=look)
    looker.start()
    try:
        for _ in range(50):
            FolderLock.take(folder, kind="run").release()
    finally:
        over.set()
        looker.join()


def test_looking_leaves_nothing(folder: Path) -> None:
    assert FolderLock.owner(folder) is None
    assert not folder.exists()
    folder.mkdir()
    assert FolderLock.owner(folder) is None
    assert not list(folder.iterdir())


def test_a_file_in_the_place_of_the_folder_is_an_error_that_says_so(folder: Path) -> None:
    folder.write_text("not a folder")
    assert FolderLock.owner(folder) is None
    with pytest.raises(OperatorError, match=r"data cannot be used: it is a file; .*--data-dir"):
        FolderLock.take(folder, kind="run")
    with pytest.raises(OperatorError, match="a part of the path is a file"):
        FolderLock.take(folder / "below", kind="run")


def test_a_folder_without_the_right_to_write_is_an_error_that_says_so(
    readable_folder: Path,
) -> None:
    with pytest.raises(OperatorError, match="no right to write there"):
        FolderLock.take(readable_folder, kind="run")


def test_a_read_only_disk_is_an_error_that_says_so() -> None:
    with pytest.raises(OperatorError, match="cannot be used: ") as seen:
        FolderLock.take(Path("/proc/itk-data"), kind="run")
    assert "/proc/itk-data" in seen.value.message


def test_a_link_in_the_place_of_the_lock_is_not_followed(folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    (folder / "owner.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OperatorError, match="cannot be used"):
        FolderLock.take(folder, kind="run")
    assert not (tmp_path / "elsewhere").exists()


def test_a_failed_take_gives_the_lock_back(folder: Path) -> None:
    folder.mkdir()
    (folder / "owner.json.new").mkdir()
    with pytest.raises(OperatorError, match="cannot be used"):
        FolderLock.take(folder, kind="run")
    assert FolderLock.owner(folder) is None


def test_a_process_is_not_taken_for_a_later_one_of_the_same_number() -> None:
    me = ProcessIdentity.mine()
    assert me.alive
    assert not replace(me, start=me.start + 1).alive
    assert not replace(me, boot_id="another boot").alive


def test_a_zombie_is_dead() -> None:
    process = subprocess.Popen(["sleep", "60"])
    start = owner_module.process_start(process.pid)
    assert start
    identity = replace(ProcessIdentity.mine(), pid=process.pid, start=start)
    assert identity.alive
    os.kill(process.pid, signal.SIGKILL)
    poll_until(lambda: not identity.alive)
    process.wait()


def test_an_owner_without_an_address_is_named_without_it() -> None:
    owner = Owner(7, "boot", 1, kind="run", url=None, since="")
    assert owner.title == "an `itk run` (process 7)"


def test_a_prune_owns_a_folder_by_its_own_name(folder: Path) -> None:
    lock = FolderLock.take(folder, kind="prune")
    owner = FolderLock.owner(folder)
    lock.release()
    assert owner is not None
    assert owner.title == f"an `itk prune` (process {os.getpid()})"
