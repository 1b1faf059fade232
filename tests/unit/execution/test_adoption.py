"""What becomes of the executions of a worker that died."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from ignition_toolkit.credentials import Redactor, Secret
from ignition_toolkit.errors import InternalError, NamesUnknown, PlaybookInvalid
from ignition_toolkit.execution.adoption import Adoption
from ignition_toolkit.execution.dead_worker import WORKER_DIED, is_owner_alive, owner_text
from ignition_toolkit.execution.dispatch.claims import DESKTOP
from ignition_toolkit.execution.hand_overs import LeftToPerson
from ignition_toolkit.execution.job import Job
from ignition_toolkit.execution.jobs import Jobs
from ignition_toolkit.execution.manager import ExecutionManager
from ignition_toolkit.execution.owner import ProcessIdentity
from ignition_toolkit.execution.programs import Programs
from ignition_toolkit.execution.record import ExecutionRecord, Snapshot
from ignition_toolkit.execution.reruns import TakenOver
from ignition_toolkit.execution.stored_views import step_of, summary_of
from ignition_toolkit.execution.supplies import Supplies
from ignition_toolkit.execution.views import Claim, ExecutionView, Holding
from ignition_toolkit.playbook.models import (
    CancellationRecord,
    CancelOutcome,
    CancelSource,
    ExecutionStatus,
    Leftover,
    OnCancelResult,
    Parameter,
    ParameterType,
    StepStatus,
    utc_now,
)
from ignition_toolkit.playbook.program import LoadedProgram
from ignition_toolkit.storage import Store, database_url
from tests.unit.execution import fakes
from tests.unit.execution.fakes import FakeInventory, changed, program, step, summary

E, S = ExecutionStatus, StepStatus
ME = ProcessIdentity.mine()
DEAD = f"{ME.boot_id} 1 1 gone"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(database_url(tmp_path / "itk.db"))
    yield opened
    opened.close()


@dataclass
class FakePrograms:
    """Loads one program from any snapshot."""

    problem: Exception | None = None
    kind: str = "utility.log"
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    modules: dict[str, str] = field(default_factory=dict)

    async def from_snapshot(self, main: str, files: Mapping[str, str]) -> LoadedProgram:
        self.asked.append((main, dict(files)))
        if self.problem:
            raise self.problem
        parameters = (Parameter(name="p", type=ParameterType.INTEGER, required=False, default=3),)
        found = program(step("a", self.kind), step("b"), parameters=parameters)
        return LoadedProgram(found, dict(files), [])


@dataclass
class FakeManager:
    """Takes executions and runs none."""

    queued: list[tuple[ExecutionRecord, Job]] = field(default_factory=list)
    blocked: list[ExecutionRecord] = field(default_factory=list)

    def block(self, record: ExecutionRecord) -> None:
        assert not self.queued, "what waits must not start before everything blocked is known"
        if record.summary.holds is not None:
            self.blocked.append(record)

    def submit(self, record: ExecutionRecord, job: Job) -> None:
        self.queued.append((record, job))


class Scene:
    """A store as a dead worker left it, and its successor."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.programs = FakePrograms()
        self.manager = FakeManager()
        self.inventory = FakeInventory()

    def left(self, *, secrets: tuple[str, ...] = ()) -> ExecutionRecord:
        """Return the record of an execution that the dead worker had accepted."""
        record = ExecutionRecord(self.store, summary(), {"p": 7}, Redactor(()))
        record.set_steps([step("a"), step("b")])
        record.add(Snapshot("main.yaml", {"main.yaml": "text"}), secrets)
        return record

    async def adopt(
        self,
        *left: Leftover,
        handed_over: Sequence[LeftToPerson] = (),
        resume_pending: bool = True,
    ) -> None:
        """Take over, as the next worker does; `left` is what its janitor could not end."""
        await self._flush()
        programs = cast("Programs", self.programs)
        jobs = Jobs(programs, self.inventory.as_inventory, Path("/nonexistent"))
        adoption = Adoption(self.store, jobs, cast("ExecutionManager", self.manager))
        await adoption.run(left, handed_over, resume_pending=resume_pending)
        await self._flush()

    async def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        assert await loop.run_in_executor(None, self.store.flush, 10.0)

    async def log(self) -> list[str]:
        """Return the messages of the execution's log."""
        loop = asyncio.get_running_loop()
        rows = await loop.run_in_executor(None, lambda: self.store.events(after=0, limit=100))
        return [row.data["message"] for row in rows if row.kind == "log"]

    async def view(self) -> ExecutionView:
        """Return the execution as it is stored."""
        return await asyncio.get_running_loop().run_in_executor(None, self._view)

    def _view(self) -> ExecutionView:
        row = self.store.execution(fakes.EXECUTION_ID)
        assert row is not None
        steps = tuple(step_of(found) for found in self.store.step_runs(row.id))
        return ExecutionView(**dict(summary_of(row)), step_results=steps)


@pytest.fixture
async def scene(store: Store) -> AsyncIterator[Scene]:
    yield Scene(store)
    await asyncio.get_running_loop().shutdown_default_executor()


def asked() -> CancellationRecord:
    return CancellationRecord(requested_at=utc_now(), requested_by="me", source=CancelSource.WEB)


@pytest.mark.parametrize("paused", [False, True])
async def test_what_was_running_is_interrupted_and_its_step_failed(
    scene: Scene, paused: bool
) -> None:
    record = scene.left()
    record.move(E.RUNNING, owner=DEAD)
    record.step(changed("a"))
    if paused:
        record.move(E.PAUSED)
    await scene.adopt()
    view = await scene.view()
    assert (view.status, view.error) == (E.INTERRUPTED, WORKER_DIED)
    assert view.completed_at is not None
    assert [one.status for one in view.step_results] == [S.FAILED, S.PENDING]
    assert view.step_results[0].error == WORKER_DIED


async def test_what_a_person_got_of_an_interrupted_execution_is_in_its_log(scene: Scene) -> None:
    """Its worker died between the record of the hand-over and the final status."""
    record = scene.left()
    record.move(E.RUNNING, owner=DEAD)
    others = LeftToPerson(8, 1, None, "java", "another")
    await scene.adopt(handed_over=[LeftToPerson(7, 1, None, "java", record.execution_id), others])
    assert await scene.log() == ["handed over, still running: java (7)"]
    assert (await scene.view()).status is E.INTERRUPTED


async def test_what_was_being_cancelled_is_cancelled_and_says_that_its_worker_died(
    scene: Scene,
) -> None:
    record = scene.left()
    record.move(E.RUNNING, owner=DEAD)
    record.step(changed("a"))
    record.ask_cancel(asked())
    await scene.adopt()
    view = await scene.view()
    assert view.status is E.CANCELLED
    assert view.cancellation is not None
    assert view.cancellation.outcome is CancelOutcome.WORKER_LOST
    assert (view.cancellation.source, view.cancellation.requested_by) == (CancelSource.WEB, "me")
    assert view.step_results[0].status is S.CANCELLED


async def test_what_ran_its_on_cancel_steps_keeps_its_figures_and_names_each_step(
    scene: Scene,
) -> None:
    record = scene.left()
    record.move(E.RUNNING, owner=DEAD)
    record.step(changed("a"))
    record.step(changed("a", S.CANCELLED))
    told = asked()
    record.ask_cancel(told)
    names = [f"on_cancel/{name}" for name in "xyz"]
    record.set_cancellation(
        told.model_copy(
            update={
                "outcome": CancelOutcome.KILLED,
                "tree_gone_ms": 260.0,
                "on_cancel": tuple(OnCancelResult(step_id=n, status=S.PENDING) for n in names),
            }
        )
    )
    record.step(changed("on_cancel/x"))
    record.step(changed("on_cancel/x", S.COMPLETED))
    record.step(changed("on_cancel/y"))
    await scene.adopt()
    cancellation = (await scene.view()).cancellation
    assert cancellation is not None
    assert (cancellation.outcome, cancellation.tree_gone_ms) == (CancelOutcome.KILLED, 260.0)
    found = [(one.step_id, one.status, one.error) for one in cancellation.on_cancel]
    assert found == [
        ("on_cancel/x", S.COMPLETED, None),
        ("on_cancel/y", S.CANCELLED, WORKER_DIED),
        ("on_cancel/z", S.PENDING, f"not run: {WORKER_DIED}"),
    ]


async def test_what_could_not_be_stopped_does_not_become_cancelled(scene: Scene) -> None:
    record = scene.left()
    record.move(E.RUNNING, owner=DEAD)
    record.ask_cancel(asked())
    record.set_cancellation(asked().model_copy(update={"outcome": CancelOutcome.NOT_STOPPED}))
    await scene.adopt()
    view = await scene.view()
    assert view.status is E.FAILED
    assert view.error is not None
    assert view.error.startswith("could not be stopped")


async def test_what_was_pending_is_queued_with_its_snapshot_and_its_parameters(
    scene: Scene,
) -> None:
    scene.left()
    await scene.adopt()
    ((record, job),) = scene.manager.queued
    assert scene.programs.asked == [("main.yaml", {"main.yaml": "text"})]
    assert job.parameters == {"p": 7}
    assert record.status is E.PENDING
    assert list(record.steps) == ["a", "b"]


async def test_a_run_by_itself_leaves_what_was_pending_to_the_server(scene: Scene) -> None:
    scene.left()
    await scene.adopt(resume_pending=False)
    assert scene.manager.queued == []
    assert (await scene.view()).status is E.PENDING


async def test_what_was_pending_gets_the_credentials_of_now_and_its_record_hides_them(
    scene: Scene,
) -> None:
    scene.inventory.given = Supplies(credentials={"plant": {"password": Secret("s3cret-now")}})
    scene.left()
    await scene.adopt()
    ((record, job),) = scene.manager.queued
    assert job.credentials == {"plant": {"password": Secret("s3cret-now")}}
    assert record.redactor.text("with s3cret-now") == "with ***"


async def test_what_was_pending_fails_when_its_credential_is_gone(scene: Scene) -> None:
    scene.inventory.error = NamesUnknown("no credential is stored as 'plant'", parameters={})
    scene.left()
    await scene.adopt()
    view = await scene.view()
    assert view.status is E.FAILED
    assert view.error == "it could not be started again: no credential is stored as 'plant'"


async def test_what_was_pending_with_a_secret_fails_and_names_what_to_give_again(
    scene: Scene,
) -> None:
    scene.left(secrets=("gateway_token", "login"))
    await scene.adopt()
    view = await scene.view()
    assert view.status is E.FAILED
    assert view.error is not None
    assert "secrets are never stored" in view.error
    assert "give gateway_token, login again" in view.error


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (PlaybookInvalid("has 1 problem(s)", problems=["main.yaml:3:5: no such kind"]), "3:5: no"),
        (InternalError("the step kinds could not be asked"), "could not be asked"),
    ],
)
async def test_what_was_pending_and_does_not_load_any_more_fails_with_the_reason(
    scene: Scene, problem: Exception, text: str
) -> None:
    scene.left()
    scene.programs.problem = problem
    await scene.adopt()
    view = await scene.view()
    assert view.status is E.FAILED
    assert view.error is not None
    assert text in view.error


async def test_a_pending_cancel_that_was_half_written_is_finished(scene: Scene) -> None:
    scene.left().ask_cancel(asked().model_copy(update={"outcome": CancelOutcome.COOPERATIVE}))
    await scene.adopt()
    view = await scene.view()
    assert view.status is E.CANCELLED
    assert view.cancellation is not None
    assert view.cancellation.outcome is CancelOutcome.COOPERATIVE


async def test_a_pending_cancel_is_not_blamed_for_what_others_left(scene: Scene) -> None:
    scene.left().ask_cancel(asked())
    await scene.adopt(ALIVE)
    assert (await scene.view()).status is E.CANCELLED


async def test_what_is_over_is_left_alone(scene: Scene) -> None:
    record = scene.left()
    record.move(E.RUNNING, owner=DEAD)
    record.move(E.COMPLETED)
    await scene.adopt()
    assert (await scene.view()).status is E.COMPLETED


async def test_what_a_living_worker_runs_is_left_alone(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    parent = Path("/proc/1/stat").read_text().rpartition(")")[2].split()[19]
    record = scene.left()
    record.move(E.RUNNING, owner=f"{ME.boot_id} 1 {parent} other")
    await scene.adopt()
    assert (await scene.view()).status is E.RUNNING
    assert "its worker lives" in caplog.text


# What could not be stopped.

GATEWAY = (Claim("gateway", "http://plant:8088"),)
GONE = Leftover(pid=ME.pid, name="gone", start=ME.start + 1, why="not ours")
ALIVE = Leftover(pid=ME.pid, name="rooted", start=ME.start, why="not ours")


def not_stopped(scene: Scene, *left: Leftover, owner: str = DEAD) -> ExecutionRecord:
    """Return the record of an execution that blocks its gateway."""
    record = scene.left()
    record.move(E.RUNNING, owner=owner, holds=Holding(claims=GATEWAY))
    record.move(
        E.FAILED, error="could not be stopped", holds=Holding(claims=GATEWAY, leftovers=left)
    )
    return record


async def test_what_blocks_goes_on_blocking_while_one_leftover_lives(scene: Scene) -> None:
    not_stopped(scene, GONE, ALIVE)
    await scene.adopt()
    (blocked,) = scene.manager.blocked
    assert blocked.summary.holds == Holding(claims=GATEWAY, leftovers=(GONE, ALIVE))
    assert (await scene.view()).holds == blocked.summary.holds


@pytest.mark.parametrize(
    ("left", "owner"),
    [
        (GONE, DEAD),
        (ALIVE.model_copy(update={"start": None}), DEAD),
        (ALIVE, f"another-boot {ME.pid} {ME.start} gone"),
        (ALIVE, "nonsense"),
    ],
    ids=["it ended", "of an unknown start", "of another boot", "of nobody known"],
)
async def test_what_blocks_is_free_when_all_its_leftovers_have_ended(
    scene: Scene, left: Leftover, owner: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A process of another boot, or with another start, is not the one that was left."""
    not_stopped(scene, left, owner=owner)
    with caplog.at_level(logging.INFO):
        await scene.adopt()
    assert scene.manager.blocked == []
    view = await scene.view()
    assert (view.status, view.holds) == (E.FAILED, None)
    assert "gateway http://plant:8088 is free again" in caplog.text


async def test_what_ran_when_the_worker_died_and_cannot_be_ended_blocks_what_it_held(
    scene: Scene,
) -> None:
    scene.left().move(E.RUNNING, owner=DEAD, holds=Holding(claims=GATEWAY))
    await scene.adopt(ALIVE)
    view = await scene.view()
    assert view.status is E.INTERRUPTED
    assert view.holds == Holding(claims=GATEWAY, leftovers=(ALIVE,))
    assert [record.execution_id for record in scene.manager.blocked] == [view.execution_id]
    assert view.error is not None
    assert f"rooted ({ME.pid}): not ours" in view.error
    assert view.error.endswith(f"stays blocked until `itk release {view.execution_id}`")


async def test_what_was_being_cancelled_and_cannot_be_ended_is_not_cancelled(scene: Scene) -> None:
    record = scene.left()
    record.move(E.RUNNING, owner=DEAD, holds=Holding(claims=GATEWAY))
    record.ask_cancel(asked())
    await scene.adopt(ALIVE)
    view = await scene.view()
    assert view.status is E.FAILED
    assert view.cancellation is not None
    assert view.cancellation.outcome is CancelOutcome.NOT_STOPPED
    assert view.cancellation.leftovers == (ALIVE,)
    assert view.holds == Holding(claims=GATEWAY, leftovers=(ALIVE,))


@pytest.mark.parametrize(("left", "blocks"), [(ALIVE, True), (GONE, False)])
async def test_a_worker_that_died_before_it_wrote_the_status_blocks_like_one_that_did(
    scene: Scene, left: Leftover, blocks: bool
) -> None:
    record = scene.left()
    record.move(E.RUNNING, owner=DEAD, holds=Holding(claims=GATEWAY))
    record.ask_cancel(asked())
    stuck = {"outcome": CancelOutcome.NOT_STOPPED, "leftovers": (left,)}
    record.set_cancellation(asked().model_copy(update=stuck))
    await scene.adopt()
    view = await scene.view()
    assert view.status is E.FAILED
    assert (view.holds is not None) is blocks


async def test_what_held_nothing_blocks_nothing(scene: Scene) -> None:
    scene.left().move(E.RUNNING, owner=DEAD)
    await scene.adopt(ALIVE)
    view = await scene.view()
    assert (view.status, view.holds) == (E.INTERRUPTED, None)
    assert "could not be stopped" in (view.error or "")


@pytest.mark.parametrize("owner", [None, "", "nonsense", "a b c d", DEAD])
def test_an_owner_that_is_unknown_or_gone_is_dead(owner: str | None) -> None:
    assert not is_owner_alive(owner)


def test_what_an_earlier_worker_of_this_process_ran_is_nobodys() -> None:
    assert not is_owner_alive(owner_text(ME, "w1"))


async def test_a_pending_rerun_is_queued_with_what_it_had_taken_over(scene: Scene) -> None:
    taken = TakenOver(
        "b",
        (step("a"),),
        outputs={"a": {"k": [1]}},
        variables={"a": {"values": {"v": 1}, "withheld": []}},
    )
    link = {"rerun_of": "old", "rerun_from_step": "b", "current_step_index": 1}
    record = ExecutionRecord(scene.store, summary().model_copy(update=link), {}, Redactor(()))
    record.set_steps([step("a"), step("b")])
    record.take_over(taken)
    record.add(Snapshot("main.yaml", {"main.yaml": "text"}))
    scene.programs.kind = "designer.open"
    await scene.adopt()
    ((queued, job),) = scene.manager.queued
    assert {name: result.output for name, result in job.resume.results.items()} == {"a": {"k": [1]}}
    assert job.resume.scopes[""].variables == {"v": 1}
    assert job.claims == {DESKTOP}
    assert [view.status for view in queued.steps.values()] == [S.SKIPPED, S.PENDING]
    shown = await scene.view()
    assert (shown.rerun_of, shown.rerun_from_step, shown.current_step_index) == ("old", "b", 1)


async def test_a_pending_rerun_whose_step_is_gone_fails_with_the_reason(scene: Scene) -> None:
    link = {"rerun_of": "old", "rerun_from_step": "gone"}
    record = ExecutionRecord(scene.store, summary().model_copy(update=link), {}, Redactor(()))
    record.add(Snapshot("main.yaml", {"main.yaml": "text"}))
    await scene.adopt()
    view = await scene.view()
    assert view.status is E.FAILED
    assert view.error is not None
    assert "could not be started again: expected a step" in view.error
