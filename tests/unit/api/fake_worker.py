"""A worker without processes: executions and events in memory, moved on by the test."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import FileIO, RawIOBase
from itertools import islice
from pathlib import Path
from typing import Any

from ignition_toolkit.errors import NotFound, WrongState
from ignition_toolkit.execution.artifacts import list_artifacts, open_artifact
from ignition_toolkit.execution.hub import EventHub
from ignition_toolkit.execution.metrics import Ends, Readings
from ignition_toolkit.execution.requests import (
    EVERY,
    CredentialRequest,
    GatewayRequest,
    PruneRequest,
    Requester,
    RerunRequest,
    StartRequest,
    Wanted,
)
from ignition_toolkit.execution.views import (
    ArtifactList,
    ArtifactsAnswer,
    AuditNote,
    AuditPage,
    CancelAnswer,
    Claim,
    CredentialList,
    CredentialView,
    ExecutionPage,
    ExecutionSummary,
    ExecutionView,
    GatewayList,
    Health,
    Holding,
    LiveViewState,
    LogEvent,
    PruneReport,
    ReleaseAnswer,
    StepEvent,
    StepView,
    Upkeep,
)
from ignition_toolkit.playbook.catalog import Catalog
from ignition_toolkit.playbook.gateways import GatewayEntry
from ignition_toolkit.playbook.models import (
    CancellationRecord,
    CancelOutcome,
    CancelSource,
    ExecutionStatus,
    Leftover,
    Process,
    StepStatus,
)
from ignition_toolkit.storage import EventRow, LogFilter, LostLines

BEGIN = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)

HEALTHY = Health(
    status="ok",
    version="0.1.0",
    database="ok",
    janitor="ok",
    runner="ok",
    running=0,
    pending=0,
)

NOTHING_PRUNED = PruneReport(
    dry_run=False,
    before=BEGIN,
    failures_before=BEGIN,
    executions=0,
    artifact_folders=0,
    artifact_bytes=0,
    database_bytes=0,
)

#: One playbook of the library, as a worker describes it.
PLAYBOOK: dict[str, Any] = {
    "path": "tests/test_cancellation.yaml",
    "name": "Test Cancellation",
    "description": "Sleeps for 30 s",
    "domain": "utility",
    "valid": True,
    "problems": [],
    "warnings": [],
    "parameters": [
        {
            "name": "seconds",
            "type": "float",
            "required": False,
            "default": 30,
            "description": "how long to sleep",
        },
        {"name": "who", "type": "string", "required": True, "default": None, "description": ""},
    ],
    "steps": [{"id": "step1", "name": "Long Sleep", "type": "utility.sleep"}],
    "on_cancel": [],
}


def _credential(request: CredentialRequest) -> CredentialView:
    return CredentialView(
        name=request.name, type=request.type, username=request.username, changed_at=BEGIN
    )


@dataclass
class FakeWorker:
    """Keeps what the API asks of a worker. `error`, when set, is raised by every question."""

    hub: EventHub = field(default_factory=EventHub)
    views: dict[str, ExecutionView] = field(default_factory=dict)
    rows: list[EventRow] = field(default_factory=list)
    library: list[dict[str, Any]] = field(default_factory=lambda: [PLAYBOOK])
    started: list[StartRequest] = field(default_factory=list)
    reruns: list[tuple[str, RerunRequest]] = field(default_factory=list)
    cancels: list[tuple[str, CancelSource, str | None]] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    releases: list[tuple[str, str, str | None]] = field(default_factory=list)
    #: What was asked of executions beside a cancel, from where, by whom.
    steered: list[tuple[str, str, str | None]] = field(default_factory=list)
    notes: list[AuditNote] = field(default_factory=list)
    prunes: list[PruneRequest] = field(default_factory=list)
    report: PruneReport = NOTHING_PRUNED
    #: What was asked to be stored, and of what was stored to be removed.
    stored: list[CredentialRequest | GatewayRequest] = field(default_factory=list)
    removed: list[tuple[str, str, Requester]] = field(default_factory=list)
    ends: Ends = field(default_factory=Ends)
    answer: Health = HEALTHY
    error: Exception | None = None
    #: Folder of the executions' folders of artifacts.
    artifacts_dir: Path = Path("/nonexistent")
    #: Why artifacts are withheld, by execution.
    withheld: dict[str, str] = field(default_factory=dict)
    #: When the newest picture of an execution was taken, with it.
    pictures: dict[str, tuple[datetime, bytes]] = field(default_factory=dict)
    #: Held while set: the health question and the cancel wait for it.
    gate: asyncio.Event | None = None
    reads: int = 0

    @property
    def archive(self) -> FakeArchive:
        return FakeArchive(self)

    # what the API asks

    async def start(self, request: StartRequest) -> ExecutionView:
        await self._asked()
        self.started.append(request)
        return self.add(status=ExecutionStatus.PENDING)

    async def rerun(self, execution_id: str, request: RerunRequest) -> ExecutionView:
        view = await self.execution(execution_id)
        if not view.status.final:
            raise WrongState("it is not over", status=view.status.value)
        self.reruns.append((execution_id, request))
        again = self.add(status=ExecutionStatus.PENDING)
        link = {"rerun_of": execution_id, "rerun_from_step": request.from_step}
        return self.put(again.execution_id, **link)

    async def cancel(
        self, execution_id: str, *, source: CancelSource, requested_by: str | None
    ) -> CancelAnswer:
        view = await self.execution(execution_id)
        if view.status.final:
            raise WrongState("it is over", status=view.status.value)
        self.cancels.append((execution_id, source, requested_by))
        already = view.status is ExecutionStatus.CANCELLING
        self.put(execution_id, status=ExecutionStatus.CANCELLING)
        return CancelAnswer(
            execution_id=execution_id, status=ExecutionStatus.CANCELLING, already=already
        )

    async def cancel_all(self, *, source: CancelSource, requested_by: str | None) -> list[str]:
        await self._asked()
        ids = [key for key, view in self.views.items() if not view.status.final]
        for key in ids:
            await self.cancel(key, source=source, requested_by=requested_by)
        return ids

    async def pause(
        self, execution_id: str, *, source: str, requested_by: str | None
    ) -> CancelAnswer:
        self.steered.append(("pause", source, requested_by))
        return await self._move("pause", execution_id, ExecutionStatus.PAUSED)

    async def resume(
        self, execution_id: str, *, source: str, requested_by: str | None
    ) -> CancelAnswer:
        self.steered.append(("resume", source, requested_by))
        return await self._move("resume", execution_id, ExecutionStatus.RUNNING)

    async def skip(
        self, execution_id: str, *, source: str, requested_by: str | None
    ) -> CancelAnswer:
        self.steered.append(("skip", source, requested_by))
        return await self._move("skip", execution_id, ExecutionStatus.RUNNING)

    async def release_artifacts(
        self, execution_id: str, *, source: str, requested_by: str | None
    ) -> ArtifactsAnswer:
        view = await self.execution(execution_id)
        self.releases.append((execution_id, source, requested_by))
        if self.withheld.pop(execution_id, None) is None:
            raise WrongState("they are not withheld", status=view.status.value)
        return ArtifactsAnswer(execution_id=execution_id, status=view.status)

    async def release(
        self, execution_id: str, *, source: str, requested_by: str | None
    ) -> ReleaseAnswer:
        view = await self.execution(execution_id)
        if not view.status.final or view.holds is None:
            raise WrongState("it blocks nothing", status=view.status.value)
        self.releases.append((execution_id, source, requested_by))
        self.views[execution_id] = view.model_copy(update={"holds": None})
        return ReleaseAnswer(
            execution_id=execution_id, status=view.status, released=view.holds.claims
        )

    async def execution(self, execution_id: str) -> ExecutionView:
        await self._asked()
        if execution_id not in self.views:
            raise NotFound(f"There is no execution {execution_id!r}.")
        return self.views[execution_id]

    async def watch(self, execution_id: str) -> LiveViewState:
        view = await self.execution(execution_id)
        at, _ = self.pictures.get(execution_id, (None, b""))
        return LiveViewState(live=not view.status.final, at=at)

    async def picture(self, execution_id: str) -> bytes:
        await self.execution(execution_id)
        if execution_id not in self.pictures:
            raise NotFound("this execution has left no picture of its page")
        return self.pictures[execution_id][1]

    async def attempts(self, execution_id: str) -> list[ExecutionSummary]:
        await self._asked()
        linked = {execution_id, self.views[execution_id].rerun_of or execution_id}
        found = [v for v in self.views.values() if v.execution_id in linked or v.rerun_of in linked]
        return [_summary(view) for view in found]

    async def executions(
        self, wanted: Wanted = EVERY, *, limit: int, offset: int = 0
    ) -> ExecutionPage:
        await self._asked()
        found = [view for view in reversed(self.views.values()) if _fits(view, wanted)]
        items = tuple(_summary(view) for view in found[offset : offset + limit])
        return ExecutionPage(items=items, total=len(found))

    async def events(
        self, *, after: int, execution_id: str | None, limit: int = 500
    ) -> Sequence[EventRow]:
        await self._asked()
        self.reads += 1
        begin = bisect_right(self.rows, after, key=lambda row: row.id)
        later = islice(self.rows, begin, None)
        return list(islice((r for r in later if execution_id in (None, r.execution_id)), limit))

    async def last_event_id(self) -> int:
        await self._asked()
        return self.rows[-1].id if self.rows else 0

    async def playbooks(self) -> list[dict[str, Any]]:
        await self._asked()
        return self.library

    async def playbook(self, path: str) -> dict[str, Any]:
        await self._asked()
        for item in self.library:
            if item["path"] == path:
                return item
        raise NotFound(f"There is no playbook {path!r} in the library.")

    async def catalog(self) -> Catalog:
        await self._asked()
        return Catalog(key="fake")

    async def audit(self, *, limit: int, before: int | None, execution_id: str | None) -> AuditPage:
        await self._asked()
        wanted = [
            note
            for note in reversed(self.notes)
            if (before is None or note.id < before) and execution_id in (None, note.execution_id)
        ]
        items = tuple(wanted[:limit])
        return AuditPage(items=items, before=items[-1].id if len(wanted) > limit else None)

    async def prune(self, request: PruneRequest) -> PruneReport:
        await self._asked()
        self.prunes.append(request)
        return self.report

    async def credentials(self) -> CredentialList:
        await self._asked()
        asked = (one for one in self.stored if isinstance(one, CredentialRequest))
        return CredentialList(items=tuple(map(_credential, asked)))

    async def put_credential(self, request: CredentialRequest) -> CredentialView:
        await self._asked()
        self.stored.append(request)
        return _credential(request)

    async def remove_credential(self, name: str, by: Requester) -> None:
        await self._asked()
        self.removed.append(("credential", name, by))

    async def gateways(self) -> GatewayList:
        await self._asked()
        asked = (one.entry for one in self.stored if isinstance(one, GatewayRequest))
        return GatewayList(items=tuple(asked))

    async def put_gateway(self, request: GatewayRequest) -> GatewayEntry:
        await self._asked()
        self.stored.append(request)
        return request.entry

    async def remove_gateway(self, name: str, by: Requester) -> None:
        await self._asked()
        self.removed.append(("gateway", name, by))

    def metrics(self) -> Readings:
        return Readings(
            ends=self.ends,
            running=1,
            pending=2,
            warm_runners=3,
            runner_starts=4,
            runner_start_failures=5,
            unsaved=6,
            dropped_log_lines=7,
            dropped_output_bytes=8,
            dropped_log_events=9,
            supervision_blocks=10,
            supervision_blocked_s=0.5,
            handler_blocks=11,
            handler_blocked_s=2.5,
        )

    async def health(self) -> Health:
        await self._asked()
        return self.answer

    def kill_now(self, execution_id: str) -> None:
        self.calls.append(("kill_now", execution_id))

    # what a test does

    def add(
        self, status: ExecutionStatus = ExecutionStatus.RUNNING, name: str = "Test Cancellation"
    ) -> ExecutionView:
        """Have one more execution, without an event."""
        number = len(self.views) + 1
        view = ExecutionView(
            execution_id=f"00000000-0000-7000-8000-{number:012d}",
            playbook_name=name,
            playbook_path=PLAYBOOK["path"],
            status=status,
            created_at=BEGIN + timedelta(seconds=number),
            started_at=None if status is ExecutionStatus.PENDING else BEGIN + timedelta(seconds=60),
            total_steps=1,
            requested_by="anna",
            parameters={"seconds": 30},
            step_results=(
                StepView(
                    step_id="step1",
                    step_name="Long Sleep",
                    type="utility.sleep",
                    status=StepStatus.RUNNING,
                    started_at=BEGIN + timedelta(seconds=60),
                    attempts=1,
                ),
            ),
        )
        self.views[view.execution_id] = view
        return view

    def put(self, execution_id: str, **changes: Any) -> ExecutionView:
        """Change an execution, and publish its event."""
        view = self.views[execution_id].model_copy(update=changes)
        self.views[execution_id] = view
        self.commit("execution", execution_id, _summary(view).model_dump(mode="json"))
        return view

    def log(self, execution_id: str, message: str, dropped: int | None = None) -> EventRow:
        """Publish a line, or a note that some are missing."""
        line = LogEvent(
            execution_id=execution_id,
            step_id="step1",
            level="info",
            message=message,
            dropped=dropped,
            at=BEGIN,
        )
        return self.commit("log", execution_id, line.model_dump(mode="json"))

    def step(self, execution_id: str, step: StepView) -> EventRow:
        """Publish a step as it now stands."""
        event = StepEvent(**dict(step), execution_id=execution_id)
        return self.commit("step", execution_id, event.model_dump(mode="json"))

    def commit(self, kind: str, execution_id: str, data: dict[str, Any]) -> EventRow:
        """Store an event and wake the readers."""
        number = self.rows[-1].id + 1 if self.rows else 1
        row = EventRow(id=number, execution_id=execution_id, kind=kind, at=BEGIN, data=data)
        self.rows.append(row)
        self.hub.publish(number, {execution_id})
        return row

    def add_blocking(self) -> ExecutionView:
        """Have one more execution, which could not be stopped and blocks its gateway."""
        view = self.add(status=ExecutionStatus.FAILED)
        left = Leftover(pid=4711, name="rooted", start=1, why="not ours")
        holds = Holding(claims=(Claim("gateway", "http://plant:8088"),), leftovers=(left,))
        return self.put(view.execution_id, holds=holds, error="could not be stopped")

    def finish_cancelled(self, execution_id: str, **record: Any) -> ExecutionView:
        """Have an execution cancelled, with a record."""
        return self.put(
            execution_id,
            status=ExecutionStatus.CANCELLED,
            completed_at=BEGIN + timedelta(seconds=90),
            cancellation=record_of(**record),
        )

    async def _move(self, name: str, execution_id: str, status: ExecutionStatus) -> CancelAnswer:
        view = await self.execution(execution_id)
        if view.status.final or view.status is ExecutionStatus.CANCELLING:
            raise WrongState("that makes no sense now", status=view.status.value)
        self.calls.append((name, execution_id))
        self.put(execution_id, status=status)
        return CancelAnswer(execution_id=execution_id, status=status)

    async def asked(self) -> None:
        """Wait for the gate, or raise the error, as every question does."""
        await self._asked()

    async def _asked(self) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error


@dataclass(frozen=True)
class FakeArchive:
    """What is stored of the executions of a fake worker."""

    worker: FakeWorker

    async def newest_lines(
        self, execution_id: str, wanted: LogFilter, *, limit: int, before: int | None = None
    ) -> Sequence[EventRow]:
        lines = await self._lines(execution_id, wanted)
        return [line for line in lines if before is None or line.id < before][-limit:]

    async def next_lines(
        self, execution_id: str, wanted: LogFilter, *, limit: int, after: int
    ) -> Sequence[EventRow]:
        lines = await self._lines(execution_id, wanted)
        return [line for line in lines if line.id > after][:limit]

    async def lost_lines(self, execution_id: str) -> LostLines:
        lines = await self._lines(execution_id, LogFilter())
        notes = [line for line in lines if "dropped" in line.data]
        last_note = notes[-1].id if notes else 0
        return LostLines(sum(note.data["dropped"] for note in notes), last_note)

    async def neighbours(
        self, execution_id: str
    ) -> tuple[ExecutionSummary | None, ExecutionSummary | None]:
        await self.worker.asked()
        items = [_summary(view) for view in self.worker.views.values()]
        here = [item.execution_id for item in items].index(execution_id)
        following = items[here + 1] if here + 1 < len(items) else None
        return (items[here - 1] if here else None), following

    async def latest_runs(self) -> dict[str, ExecutionSummary]:
        await self.worker.asked()
        return {view.playbook_path: _summary(view) for view in self.worker.views.values()}

    async def recent_cancels(self, *, limit: int) -> Sequence[ExecutionSummary]:
        await self.worker.asked()
        views = reversed(self.worker.views.values())
        return [_summary(view) for view in views if view.cancellation][:limit]

    async def artifacts(self, execution_id: str) -> ArtifactList:
        await self.worker.asked()
        if (why := self.worker.withheld.get(execution_id)) is not None:
            return ArtifactList(withheld=why)
        folder = self.worker.artifacts_dir / execution_id
        loop = asyncio.get_running_loop()
        return ArtifactList(items=await loop.run_in_executor(None, list_artifacts, folder))

    async def open_artifact(self, execution_id: str, name: str) -> RawIOBase:
        await self.worker.asked()
        if (why := self.worker.withheld.get(execution_id)) is not None:
            raise WrongState(f"the artifacts are withheld: {why}", status="interrupted")
        folder = self.worker.artifacts_dir / execution_id
        loop = asyncio.get_running_loop()
        return FileIO(await loop.run_in_executor(None, open_artifact, folder, name))

    async def upkeep(self) -> Upkeep:
        await self.worker.asked()
        return Upkeep(
            data_dir="/data",
            database_bytes=1_234_567,
            artifact_bytes=0,
            keep_days=30,
            keep_failures_days=90,
            max_running=4,
        )

    async def _lines(self, execution_id: str, wanted: LogFilter) -> list[EventRow]:
        await self.worker.asked()
        rows = [r for r in self.worker.rows if r.kind == "log" and r.execution_id == execution_id]
        return [row for row in rows if wanted.fits(row.data)]


def record_of(**changes: Any) -> CancellationRecord:
    """Return a record of a killed step, with these fields instead."""
    fields: dict[str, Any] = {
        "requested_at": BEGIN,
        "requested_by": "anna",
        "source": CancelSource.WEB,
        "step_id": "step1",
        "outcome": CancelOutcome.KILLED,
        "step_stopped_ms": 262.4,
        "tree_gone_ms": 281.0,
        "killed": (Process(pid=4711, name="python"),),
        "stuck_at": "tarpits.py:12 in spin",
    }
    return CancellationRecord(**{**fields, **changes})


def _fits(view: ExecutionView, wanted: Wanted) -> bool:
    return (
        wanted.status in (None, view.status)
        and wanted.over in (None, view.status.final)
        and wanted.playbook_path in (None, view.playbook_path)
    )


def _summary(view: ExecutionView) -> ExecutionSummary:
    fields = {name: getattr(view, name) for name in ExecutionSummary.model_fields}
    return ExecutionSummary(**fields)
