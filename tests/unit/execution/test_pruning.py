"""Old executions go with their artifacts, by age and outcome, and nothing else does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ignition_toolkit.errors import OperatorError, StoreError
from ignition_toolkit.execution import pruning
from ignition_toolkit.execution.artifact_folders import Pace, Tally, remove_folder
from ignition_toolkit.execution.pruning import Pruner, cut_of
from ignition_toolkit.execution.requests import PruneRequest
from ignition_toolkit.playbook.models import utc_now
from ignition_toolkit.storage import AddEvent, Store
from tests.unit.storage.samples import START, add, execution, locked, open_store

KEEP_DAYS = 30
FILE = b"x" * 1000


@dataclass
class Scene:
    """A store with a folder of artifacts, and what removes."""

    store: Store
    folder: Path
    keep_days: int = KEEP_DAYS
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    @property
    def pruner(self) -> Pruner:
        return Pruner(self.store, self.artifacts, self.keep_days, self.stop)

    # Any: fields of the row.
    def add(self, execution_id: str, status: str, days: float, **fields: Any) -> None:
        """Store an execution that ended so many days ago, with an artifact."""
        ended = utc_now() - timedelta(days=days)
        is_over = status in ("completed", "failed", "cancelled", "interrupted")
        fields |= {"created_at": ended - timedelta(hours=1)}
        fields |= {"completed_at": ended if is_over else None}
        add(self.store, execution(execution_id, status=status, **fields))
        (self.artifacts / execution_id).mkdir(parents=True)
        (self.artifacts / execution_id / "file").write_bytes(FILE)

    def left(self) -> set[str]:
        """Return the executions that are there; each has its folder, and no other has one."""
        rows, _ = self.store.executions(limit=100)
        ids = {row.id for row in rows}
        assert {entry.name for entry in self.artifacts.iterdir()} == ids
        return ids


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with open_store(tmp_path / "itk.db") as store:
        yield Scene(store, tmp_path)


def add_all_kinds(scene: Scene) -> None:
    """Add old ones of every status, and young ones."""
    for status in ("completed", "failed", "cancelled", "interrupted"):
        scene.add(f"{status} young", status, 29)
        scene.add(f"{status} old", status, 31)
        scene.add(f"{status} ancient", status, 91)
    for status in ("pending", "running", "paused", "cancelling"):
        scene.add(status, status, 1000)
    scene.add("blocking", "failed", 1000, holds={"claims": []})


OLD = {"completed old"} | {
    f"{status} ancient" for status in ("completed", "failed", "cancelled", "interrupted")
}


def test_executions_go_by_age_and_outcome_and_what_is_not_over_stays(scene: Scene) -> None:
    add_all_kinds(scene)
    everything = scene.left()
    report = scene.pruner.prune(PruneRequest())
    assert scene.left() == everything - OLD
    assert (report.executions, report.artifact_folders) == (5, 5)
    assert (report.artifact_bytes, report.more, report.problems) == (5 * len(FILE), False, ())
    assert report.before - report.failures_before == timedelta(days=2 * KEEP_DAYS)


def test_an_age_that_is_asked_for_counts_for_every_outcome(scene: Scene) -> None:
    add_all_kinds(scene)
    everything = scene.left()
    report = scene.pruner.prune(PruneRequest(older_than_days=30))
    gone = {one for one in everything if one.endswith((" old", " ancient"))}
    assert scene.left() == everything - gone
    assert report.before == report.failures_before
    scene.pruner.prune(PruneRequest(older_than_days=0))
    assert scene.left() == {"pending", "running", "paused", "cancelling", "blocking"}


def test_a_dry_run_tells_the_same_and_removes_nothing(scene: Scene) -> None:
    add_all_kinds(scene)
    everything = scene.left()
    told = scene.pruner.prune(PruneRequest(dry_run=True))
    assert scene.left() == everything
    assert (told.executions, told.artifact_folders, told.artifact_bytes) == (5, 5, 5000)
    assert (told.dry_run, told.database_bytes) == (True, None)
    assert scene.store.audit() == []


def test_a_removal_is_noted_and_an_empty_one_is_not(scene: Scene) -> None:
    scene.add("one", "completed", 8)
    request = PruneRequest(older_than_days=7, requested_by="anna", source="cli")
    scene.pruner.prune(request)
    scene.pruner.prune(request)
    assert scene.store.flush(10.0)
    (note,) = scene.store.audit()
    assert (note.action, note.source, note.actor, note.execution_id) == (
        "prune",
        "cli",
        "anna",
        None,
    )
    assert note.detail == {"executions": 1, "artifact_bytes": 1000, "older_than_days": 7}


def test_what_the_database_no_longer_holds_is_told(scene: Scene) -> None:
    scene.add("one", "completed", 100)
    text = {"message": "x" * 100_000}
    scene.store.submit([AddEvent("one", "log", text, START)]).result(10.0)
    freed = scene.pruner.prune(PruneRequest()).database_bytes
    assert freed is not None
    assert freed > 90_000


def test_an_execution_without_artifacts_goes_too(scene: Scene) -> None:
    add(scene.store, execution("bare", status="completed", created_at=START - timedelta(400)))
    report = scene.pruner.prune(PruneRequest())
    assert (report.executions, report.artifact_folders) == (1, 0)


def test_a_folder_that_cannot_be_removed_is_told_and_keeps_its_execution(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two", "three"):
        scene.add(name, "completed", 100)

    def refuse_two(folder: Path, tally: Tally, pace: Pace) -> None:
        if folder.name == "two":
            raise PermissionError(13, "Permission denied")
        remove_folder(folder, tally, pace)

    monkeypatch.setattr(pruning, "remove_folder", refuse_two)
    report = scene.pruner.prune(PruneRequest())
    assert scene.left() == {"two"}
    assert (report.executions, report.more) == (2, False)
    (problem,) = report.problems
    assert str(scene.artifacts / "two") in problem
    assert "Permission denied; remove them by hand" in problem


def test_only_so_many_problems_are_told_and_nothing_is_tried_for_ever(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(pruning.MAX_PROBLEMS + 2):
        scene.add(str(number), "completed", 100)

    def refuse(folder: Path, tally: Tally, pace: Pace) -> None:
        raise RecursionError

    monkeypatch.setattr(pruning, "remove_folder", refuse)
    monkeypatch.setattr(pruning, "MOST", pruning.MAX_PROBLEMS + 2)
    report = scene.pruner.prune(PruneRequest())
    assert len(report.problems) == pruning.MAX_PROBLEMS
    assert "nested too deeply" in report.problems[0]
    assert not report.more


def test_what_does_not_fit_in_one_piece_is_left_for_the_next(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "MOST", 2)
    monkeypatch.setattr(pruning, "AT_ONCE", 1)
    for number in range(5):
        scene.add(str(number), "completed", 100 - number)
    reports = [scene.pruner.prune(PruneRequest()) for _ in range(3)]
    assert [(one.executions, one.more) for one in reports] == [(2, True), (2, True), (1, False)]
    assert scene.left() == set()


def test_a_piece_ends_in_time_and_says_that_there_is_more(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        scene.add(str(number), "completed", 100 - number)

    def slow(folder: Path, tally: Tally, pace: Pace) -> None:
        pace.rest()
        remove_folder(folder, tally, pace)
        pace._until = 0.0

    monkeypatch.setattr(pruning, "remove_folder", slow)
    report = scene.pruner.prune(PruneRequest())
    assert (report.executions, report.more) == (1, True)
    assert scene.left() == {"1", "2"}


def test_a_stop_ends_the_work_before_the_next_folder(scene: Scene) -> None:
    scene.add("one", "completed", 100)
    scene.stop.set()
    report = scene.pruner.prune(PruneRequest())
    assert (report.executions, report.more) == (0, False)
    assert scene.left() == {"one"}


def test_a_database_that_takes_nothing_is_told_in_time(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "REMOVED_S", 0.1)
    scene.add("one", "completed", 100)
    with (
        locked(scene.folder / "itk.db"),
        pytest.raises(StoreError, match="1 executions was not seen to end"),
    ):
        scene.pruner.prune(PruneRequest())


def test_without_an_age_there_is_nothing_to_go_by() -> None:
    with pytest.raises(OperatorError, match="ITK_KEEP_DAYS is 0"):
        cut_of(0, None, START)
    assert cut_of(0, 7, START).before == START - timedelta(days=7)
