"""Removing the runners' folders, with what killed runners have left unfinished elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ignition_toolkit.execution.runner_folders import (
    TEMPORARY,
    remove_runner_folder,
    remove_worker_folder,
)
from ignition_toolkit.playbook.unfinished import MARK


@pytest.mark.parametrize(
    ("remove", "runner"), [(remove_runner_folder, ""), (remove_worker_folder, "7")]
)
def test_what_a_killed_runner_had_not_finished_goes_with_its_folder(
    tmp_path: Path, remove: Callable[[Path], None], runner: str
) -> None:
    folder, part, whole = tmp_path / "run", tmp_path / ".gw.part", tmp_path / "gw"
    temporary = folder / runner / TEMPORARY
    temporary.mkdir(parents=True)
    part.write_text("half")
    whole.write_text("whole")
    (temporary / f"{MARK}1").symlink_to(part)
    (temporary / "other").symlink_to(whole)
    remove(folder)
    assert list(tmp_path.iterdir()) == [whole]


def test_a_folder_that_is_gone_is_nothing_to_do(tmp_path: Path) -> None:
    remove_runner_folder(tmp_path / "none")
    remove_worker_folder(tmp_path / "none")
