"""What the manager accepts and notes, and a start that the database does not take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from ignition_toolkit.errors import NamesUnknown, NotFound, RerunRefused, StoreError, WrongState
from ignition_toolkit.execution import manager as manager_module
from ignition_toolkit.execution.audit import Action
from ignition_toolkit.execution.dispatch.claims import DESKTOP
from ignition_toolkit.execution.jobs import Jobs
from ignition_toolkit.execution.manager import ExecutionManager
from ignition_toolkit.execution.programs import Programs
from ignition_toolkit.execution.requests import (
    CancelRequest,
    RerunRequest,
    StartKey,
    StartRequest,
)
from ignition_toolkit.execution.supervisor import Supervision
from ignition_toolkit.execution.verdict import Verdict
from ignition_toolkit.execution.views import ExecutionView, Holding
from ignition_toolkit.playbook.models import CancelSource, ExecutionStatus, Leftover
from ignition_toolkit.playbook.program import LoadedProgram
from ignition_toolkit.storage.changes import Change
from tests.unit.execution.fakes import (
    FakeArtifactRedactor,
    FakeInventory,
    FakeJanitor,
    FakePool,
    FakeStore,
    program,
    record,
    step,
)
from tests.unit.storage.samples import execution

LOADED = LoadedProgram(program(step("a"), step("b")), {"main.yaml": "text"}, [])
ON_DESKTOP = LoadedProgram(program(step("a", "designer.open"), step("b")), {"main.yaml": "t"}, [])


class SlowStore(FakeStore):
    """Takes changes, and never says that they are stored."""

    def submit(self, changes: Sequence[Change]) -> Future[None]:
        super().submit(changes)
        return Future()

    def behind(self) -> SlowStore:
        return self

    error = "database is locked"


@dataclass
class FakePrograms:
    """Loads one program, and notes what was asked for."""

    asked: list[str] = field(default_factory=list)
    loaded: LoadedProgram = LOADED
    missing: bool = False
    modules: dict[str, str] = field(default_factory=dict)

    async def load(self, path: str | None, _text: str | None) -> LoadedProgram:
        if self.missing:
            raise NotFound("there is no playbook 'gateway/restart.yaml' in the library")
        self.asked.append(f"library {path}")
        return self.loaded

    async def from_snapshot(self, main: str, _files: Mapping[str, str]) -> LoadedProgram:
        self.asked.append(f"snapshot {main}")
        return self.loaded


@pytest.fixture
def programs() -> FakePrograms:
    return FakePrograms()


def manager(
    store: FakeStore,
    programs: FakePrograms,
    inventory: FakeInventory | None = None,
    artifacts: FakeArtifactRedactor | None = None,
) -> ExecutionManager:
    """Return a manager that has no slot, so that nothing starts."""
    loading = cast("Programs", programs)
    stored = (inventory or FakeInventory()).as_inventory
    return ExecutionManager(
        store.as_store,
        FakePool().as_pool,
        FakeJanitor().as_link,
        jobs=Jobs(loading, stored, Path("/nonexistent")),
        artifacts=(artifacts or FakeArtifactRedactor()).as_redactor,
        owner="me",
        slots=0,
    )


async def test_a_start_that_is_not_stored_in_time_fails_and_gives_its_key_back(
    programs: FakePrograms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manager_module, "STORE_START_S", 0.01)
    store = SlowStore()
    made = manager(store, programs)
    with pytest.raises(StoreError, match="was not started: database is locked"):
        await made.start(StartRequest("main.yaml"), StartKey("key", "print"))
    assert store.rows[0].row.idempotency_key == "key"
    first, last = store.sets()
    assert first == {"idempotency_key": None}
    assert last["status"] == "failed"
    assert made.pending == 0


@pytest.mark.parametrize("status", list(ExecutionStatus))
async def test_only_what_is_over_is_run_again(
    programs: FakePrograms, status: ExecutionStatus
) -> None:
    made = manager(FakeStore(), programs)
    old = execution("old", status=status.value)
    if status.final:
        view = await made.rerun(old, [], RerunRequest(requested_by="anna"))
        assert (view.rerun_of, view.rerun_from_step, view.requested_by) == ("old", None, "anna")
        assert (view.status, made.pending) == (ExecutionStatus.PENDING, 1)
        return
    with pytest.raises(WrongState, match=f"is {status} and cannot be run again") as caught:
        await made.rerun(old, [], RerunRequest())
    assert caught.value.fields == {"status": status.value}
    assert (programs.asked, made.pending) == ([], 0)


@pytest.mark.parametrize(
    ("newest", "asked"),
    [(False, "snapshot gateway/restart.yaml"), (True, "library gateway/restart.yaml")],
)
async def test_the_text_is_the_old_one_unless_the_newest_is_wanted(
    programs: FakePrograms, newest: bool, asked: str
) -> None:
    made = manager(FakeStore(), programs)
    await made.rerun(execution("old", status="failed"), [], RerunRequest(newest=newest))
    assert programs.asked == [asked]


async def test_what_the_library_does_not_have_has_no_newest_text(programs: FakePrograms) -> None:
    programs.missing = True
    made = manager(FakeStore(), programs)
    with pytest.raises(RerunRefused, match=r"old has no newest text: there is no playbook"):
        await made.rerun(execution("old", status="failed"), [], RerunRequest(newest=True))


async def test_a_rerun_from_a_later_step_begins_its_job_there(programs: FakePrograms) -> None:
    made = manager(FakeStore(), programs)
    old = execution("old", status="failed")
    view = await made.rerun(old, [], RerunRequest(from_step="b"))
    assert (view.rerun_from_step, view.current_step_index, view.total_steps) == ("b", 1, 2)
    resume = made.find(view.execution_id).job.resume
    assert (list(resume.results), list(resume.scopes)) == (["a"], [""])


async def test_a_rerun_waits_for_what_the_old_one_blocks(programs: FakePrograms) -> None:
    made = manager(FakeStore(), programs)
    programs.loaded = ON_DESKTOP
    stuck = record(FakeStore())
    stuck.move(ExecutionStatus.FAILED, holds=Holding(claims=(DESKTOP,)))
    made.block(stuck)
    old = execution(stuck.execution_id, status="failed")
    # Also when it begins behind the step that needs it.
    view = await made.rerun(old, [], RerunRequest(from_step="b"))
    assert waiting(view) == ("desktop", stuck.execution_id)


async def test_a_rerun_that_is_cancelled_leaves_its_place_to_the_next(
    programs: FakePrograms,
) -> None:
    made = manager(FakeStore(), programs)
    programs.loaded = ON_DESKTOP
    old = execution("old", status="failed")
    first = await made.rerun(old, [], RerunRequest())
    second = await made.rerun(old, [], RerunRequest())
    assert waiting(first) == ("slot", None)
    assert waiting(second) == ("desktop", first.execution_id)
    await made.cancel(first.execution_id, CancelRequest.now(CancelSource.API, None))
    assert waiting(made.find(second.execution_id).record.view()) == ("slot", None)


def waiting(view: ExecutionView) -> tuple[str, str | None] | None:
    return (view.waiting_for.kind, view.waiting_for.held_by) if view.waiting_for else None


@dataclass
class FakeSupervision:
    """Takes every wish."""

    step_id: str | None = "a"
    cancellation: None = None

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def cancel(self, _request: CancelRequest) -> None: ...

    def say_cancel(self, _request: CancelRequest) -> None: ...

    def skip(self, _requested_by: str | None) -> bool:
        # What is skipped ends at once.
        self.step_id = None
        return True


def notes(store: FakeStore) -> list[tuple[str, str, str | None, dict[str, object]]]:
    """Return action, source, who and detail of each note."""
    return [(note.action, note.source, note.actor, note.detail) for note in store.notes]


async def test_who_starts_and_reruns_is_noted_with_the_execution(programs: FakePrograms) -> None:
    store = FakeStore()
    made = manager(store, programs)
    request = StartRequest("main.yaml", requested_by="anna", source="web")
    first = await made.start(request)
    rerun = RerunRequest(from_step="b", requested_by="bob", source="cli")
    second = await made.rerun(execution("old", status="failed"), [], rerun)
    linked = {"playbook": "main.yaml", "rerun_of": "old", "from_step": "b"}
    assert notes(store) == [
        ("start", "web", "anna", {"playbook": "main.yaml"}),
        ("rerun", "cli", "bob", linked),
    ]
    ids = [note.execution_id for note in store.notes]
    assert ids == [first.execution_id, second.execution_id]


async def test_every_wish_is_noted_with_who_and_with_the_step(programs: FakePrograms) -> None:
    store = FakeStore()
    made = manager(store, programs)
    execution_id = (await made.start(StartRequest("main.yaml"))).execution_id
    run = made.find(execution_id)
    run.supervision = cast("Supervision", FakeSupervision())
    run.record.move(ExecutionStatus.RUNNING)
    store.changes.clear()
    for action in (Action.PAUSE, Action.RESUME, Action.SKIP):
        made.steer(execution_id, action, source="web", requested_by="anna")
    for source in (CancelSource.CLI, CancelSource.SHUTDOWN):
        await made.cancel(execution_id, CancelRequest.now(source, None))
    assert notes(store) == [
        ("pause", "web", "anna", {"step_id": "a"}),
        ("resume", "web", "anna", {"step_id": "a"}),
        ("skip", "web", "anna", {"step_id": "a"}),
        ("cancel", "cli", None, {}),
        ("cancel", "shutdown", None, {"already": True}),
    ]
    assert {note.execution_id for note in store.notes} == {execution_id}


async def test_a_cancel_before_the_start_is_noted_too(programs: FakePrograms) -> None:
    store = FakeStore()
    made = manager(store, programs)
    for who in ("anna", "bob"):
        await made.start(StartRequest("main.yaml", requested_by=who))
    store.changes.clear()
    await made.cancel_all(CancelRequest.now(CancelSource.API, "carl"))
    assert notes(store) == [("cancel", "api", "carl", {})] * 2


@pytest.mark.parametrize("left", [(), (Leftover(pid=7, name="sleep", start=1, why="not ours"),)])
async def test_artifacts_are_redacted_once_it_is_over_and_nothing_can_write_them_any_more(
    programs: FakePrograms, left: tuple[Leftover, ...]
) -> None:
    store, artifacts = FakeStore(), FakeArtifactRedactor()
    made = manager(store, FakePrograms(loaded=ON_DESKTOP), artifacts=artifacts)
    execution_id = (await made.start(StartRequest("main.yaml"))).execution_id
    run = made.find(execution_id)
    run.record.move(ExecutionStatus.RUNNING)
    status = ExecutionStatus.FAILED if left else ExecutionStatus.COMPLETED
    made._finish(run, Verdict(status, "why", leftovers=left), None)
    expected = [("expect", execution_id), ("redact", execution_id)]
    assert artifacts.told == (expected[:1] if left else expected)
    if left:
        await made.release(execution_id, source="cli", requested_by=None)
        assert artifacts.told == expected


async def test_what_is_refused_is_not_noted(programs: FakePrograms) -> None:
    store = FakeStore()
    made = manager(store, programs)
    execution_id = (await made.start(StartRequest("main.yaml"))).execution_id
    store.changes.clear()
    for action in (Action.PAUSE, Action.RESUME, Action.SKIP):
        with pytest.raises(WrongState):
            made.steer(execution_id, action, source="api", requested_by=None)
        with pytest.raises(NotFound):
            made.steer("unknown", action, source="api", requested_by=None)
    assert store.changes == []


async def test_a_start_or_a_rerun_that_names_what_is_not_stored_leaves_no_trace(
    programs: FakePrograms,
) -> None:
    store = FakeStore()
    missing = NamesUnknown("no credential is stored as 'plant'", parameters={})
    made = manager(store, programs, FakeInventory(error=missing))
    with pytest.raises(NamesUnknown, match="no credential is stored as 'plant'"):
        await made.start(StartRequest("main.yaml"))
    with pytest.raises(NamesUnknown, match="no credential is stored as 'plant'"):
        await made.rerun(execution("old", status="completed"), [], RerunRequest())
    assert store.changes == []
    assert made.pending == 0
