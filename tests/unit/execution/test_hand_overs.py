"""What was left to people is known to the next worker, and what is gone or was never is not."""

import asyncio
import json
import os
import subprocess
import threading
from pathlib import Path

import pytest

from ignition_toolkit.execution import hand_overs
from ignition_toolkit.execution.hand_overs import FILE_NAME, HandOvers, LeftToPerson
from ignition_toolkit.execution.owner import boot_id, process_start
from ignition_toolkit.janitor import proc
from ignition_toolkit.playbook.models import HandedOver
from ignition_toolkit.protocol import HAND_OVER_MARK


def mine() -> HandedOver:
    return HandedOver(pid=os.getpid(), name="me", start=process_start(os.getpid()) or 0)


def dead(mark: str | None = None) -> HandedOver:
    # Another one for each mark.
    return mine().model_copy(update={"start": mine().start + 1 + len(mark or ""), "mark": mark})


def left(process: HandedOver) -> LeftToPerson:
    return LeftToPerson(process.pid, process.start, process.mark, process.name, "e")


def record(folder: Path, *processes: HandedOver) -> str | None:
    """Add processes as a worker does; the file is written then."""
    return asyncio.run(HandOvers(folder).record("e", processes))


def test_the_mark_has_one_name_in_all_processes() -> None:
    """They import nothing of each other."""
    assert f"{HAND_OVER_MARK}=".encode() == proc.HAND_OVER_MARK


def test_a_process_that_lives_is_known_again_and_one_that_does_not_is_not(
    tmp_path: Path,
) -> None:
    assert HandOvers(tmp_path).load() == []
    assert record(tmp_path, mine(), dead()) is None
    assert HandOvers(tmp_path).load() == [left(mine())]
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_one_that_has_ended_is_known_as_long_as_something_bears_its_mark(tmp_path: Path) -> None:
    """A Designer that starts itself anew is another process."""
    with subprocess.Popen(["sleep", "60"], env={HAND_OVER_MARK: "m"}) as heir:
        record(tmp_path, dead("m"), dead("nn"))
        assert HandOvers(tmp_path).load() == [left(dead("m"))]
        heir.kill()
    assert HandOvers(tmp_path).load() == []


def test_a_list_of_another_boot_is_passed_over(tmp_path: Path) -> None:
    record(tmp_path, mine())
    said = json.loads((tmp_path / FILE_NAME).read_text())
    (tmp_path / FILE_NAME).write_text(json.dumps(said | {"boot_id": f"not {boot_id()}"}))
    assert HandOvers(tmp_path).load() == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"boot_id": "", "processes": [5]}',
        '{"boot_id": "", "processes": [{"pid": "x"}]}',
        "\0",
    ],
)
def test_a_file_that_makes_no_sense_is_none(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    text = text.replace('"boot_id": ""', f'"boot_id": "{boot_id()}"')
    (tmp_path / FILE_NAME).write_text(text)
    assert HandOvers(tmp_path).load() == []
    assert "cannot be read" in caplog.text


def test_a_folder_that_cannot_be_written_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    problem = record(tmp_path / "nowhere", mine())
    assert problem is not None
    assert "cannot be written" in problem
    assert "cannot be written" in caplog.text


def test_what_is_added_while_the_list_is_written_is_written_too(tmp_path: Path) -> None:
    parent = HandedOver(pid=os.getppid(), name="up", start=process_start(os.getppid()) or 0)

    me = mine()

    async def add() -> None:
        listed = HandOvers(tmp_path)
        await asyncio.gather(listed.record("e", [me]), listed.record("e", [parent]))

    asyncio.run(add())
    assert set(HandOvers(tmp_path).load()) == {left(mine()), left(parent)}


def test_a_disk_that_hangs_holds_nobody_up_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hand_overs, "WRITTEN_S", 0.05)
    free, me = threading.Event(), mine()

    def hang(*_: object) -> None:
        assert free.wait(30)

    async def add() -> None:
        listed = HandOvers(tmp_path)
        try:
            with monkeypatch.context() as patch:
                patch.setattr(os, "fsync", hang)
                for _ in range(2):
                    assert "was not written within" in (await listed.record("e", [me]) or "")
        finally:
            free.set()
        monkeypatch.setattr(hand_overs, "WRITTEN_S", 30.0)
        assert await listed.record("e", []) is None

    asyncio.run(add())
    assert HandOvers(tmp_path).load() == [left(mine())]
