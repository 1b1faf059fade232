"""What was left to people is known to the next worker, and what is gone or was never is not."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from ignition_toolkit.execution.hand_overs import FILE_NAME, HandOvers
from ignition_toolkit.execution.owner import boot_id, process_start
from tests.polling import poll_until_async


def mine() -> tuple[int, int]:
    return os.getpid(), process_start(os.getpid()) or 0


def write(folder: Path, *processes: tuple[int, int]) -> None:
    """Add processes as a worker does, and wait for the file."""

    async def add() -> None:
        hand_overs = HandOvers(folder)
        for pid, start in processes:
            hand_overs.add(pid, start)
        await hand_overs.close()

    asyncio.run(add())


def test_a_process_that_lives_is_known_again_and_one_that_does_not_is_not(
    tmp_path: Path,
) -> None:
    pid, start = mine()
    assert HandOvers(tmp_path).load() == []
    write(tmp_path, (pid, start), (pid, start + 1))
    assert HandOvers(tmp_path).load() == [(pid, start)]
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_a_list_of_another_boot_is_passed_over(tmp_path: Path) -> None:
    said = {"boot_id": f"not {boot_id()}", "processes": [mine()]}
    (tmp_path / FILE_NAME).write_text(json.dumps(said))
    assert HandOvers(tmp_path).load() == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"boot_id": "", "processes": [5]}', "\0"])
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
    write(tmp_path / "nowhere", mine())
    assert "cannot be written" in caplog.text


def test_what_is_added_while_the_list_is_written_is_written_too(tmp_path: Path) -> None:
    pid, start = mine()
    parent = os.getppid(), process_start(os.getppid()) or 0

    async def add() -> None:
        hand_overs = HandOvers(tmp_path)
        hand_overs.add(pid, start)
        hand_overs.add(*parent)
        # A server that is killed has nothing closed.
        await poll_until_async(lambda: hand_overs._writing is None, 30.0)

    asyncio.run(add())
    assert written(tmp_path) == sorted([[pid, start], list(parent)])


def written(folder: Path) -> list[list[int]]:
    """Return the processes of the file, none while there is no file."""
    file = folder / FILE_NAME
    return sorted(json.loads(file.read_text())["processes"]) if file.exists() else []
