"""Worker: everything that runs executions, behind a lock on one data folder.

A server has one, and so has an `itk run` that found no server. It has a thread and an event loop
of its own for supervision, where nothing blocks; its asynchronous methods may be awaited from any
loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Literal, TypeVar

from ignition_toolkit.errors import DuplicateKey, NotFound, StoreError, WrongState
from ignition_toolkit.execution.archive import Archive
from ignition_toolkit.execution.audit import Action
from ignition_toolkit.execution.audit import note as audit_note
from ignition_toolkit.execution.core import Core
from ignition_toolkit.execution.hub import EventHub
from ignition_toolkit.execution.idempotency import RepeatedStarts
from ignition_toolkit.execution.live_view import LiveView, Picture, last_picture, state_of
from ignition_toolkit.execution.loop_thread import LoopThread
from ignition_toolkit.execution.metrics import Ends, Readings
from ignition_toolkit.execution.opened_inventory import open_inventory
from ignition_toolkit.execution.opened_store import open_store
from ignition_toolkit.execution.owner import FolderLock
from ignition_toolkit.execution.requests import (
    EVERY,
    CancelRequest,
    CredentialRequest,
    GatewayRequest,
    PruneRequest,
    Requester,
    RerunRequest,
    Source,
    StartRequest,
    Wanted,
)
from ignition_toolkit.execution.settings import Settings
from ignition_toolkit.execution.shelf import describe_playbook, list_playbooks
from ignition_toolkit.execution.stored_views import note_of, step_of, summary_of
from ignition_toolkit.execution.views import (
    ArtifactsAnswer,
    AuditPage,
    CancelAnswer,
    CredentialList,
    CredentialView,
    ExecutionPage,
    ExecutionSummary,
    ExecutionView,
    GatewayList,
    Health,
    LiveViewState,
    PruneReport,
    ReleaseAnswer,
)
from ignition_toolkit.playbook.catalog import Catalog
from ignition_toolkit.playbook.gateways import GatewayEntry
from ignition_toolkit.playbook.library import Library
from ignition_toolkit.playbook.models import CancelSource, ExecutionStatus, utc_now
from ignition_toolkit.storage import EventRow, ExecutionRow

T = TypeVar("T")

#: Seconds after which a change that waits for the database counts: what is known in memory is
#: shown instead of what is stored.
BEHIND_S = 0.1

#: Seconds that the database has to take a release of artifacts.
RELEASED_S = 5.0

#: What an execution that is over cannot be.
_STEERED = {
    Action.PAUSE: "paused",
    Action.RESUME: "resumed",
    Action.SKIP: "told to skip a step",
}


class Worker:
    """Runs executions. Made by `open`; `close` runs the ladder for what still runs.

    Once it is closed, what needs its supervision raises InternalError.
    """

    def __init__(self, settings: Settings, lock: FolderLock) -> None:
        self.settings = settings
        self.lock = lock
        self.hub = EventHub()
        self.library = Library(settings.library_folders)
        self._ends = Ends()
        self.store = open_store(settings, self._publish)
        self._repeated = RepeatedStarts(self.store, settings.data_dir)
        self.inventory = open_inventory(settings, self.store)
        self._core = Core(settings, self.store, self.library, self.inventory)
        self.archive = Archive(
            self.store,
            settings,
            self._core.manager.redactor_of,
            self._core.artifacts.why_withheld,
        )
        self._thread = LoopThread("itk-supervision")
        self._closed = False

    @classmethod
    def open(cls, settings: Settings, *, kind: Literal["server", "run"]) -> Worker:
        """Take the data folder, end what dead workers left, and be ready. Blocks about 1 s.

        Raises DataFolderBusy, StoreError, OperatorError, InternalError; nothing is left then.
        """
        lock = FolderLock.take(settings.data_dir, kind)
        try:
            worker = cls(settings, lock)
        except BaseException:
            lock.release()
            raise
        try:
            worker._thread.submit(worker._core.start(kind)).result()
        except BaseException:
            worker._release()
            raise
        return worker

    def close(self) -> None:
        """Cancel what runs by the ladder, end janitor and runners, release the folder.

        May be called twice. Raises StoreError when the database did not take everything; the
        folder is released then too.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self._thread.submit(self._core.stop()).result()
        finally:
            self._release()

    def _release(self) -> None:
        self._closed = True
        self._thread.stop()
        self.hub.close()
        try:
            self.store.close()
        finally:
            self.lock.release()

    def _publish(self, rows: list[EventRow]) -> None:
        self.hub.publish(rows[-1].id, {row.execution_id for row in rows})
        # Afterwards: who waits for an event is not to wait for the counting.
        self._ends.on_commit(rows)

    # What clients ask; from any loop.

    async def start(self, request: StartRequest) -> ExecutionView:
        """Accept an execution; see ExecutionManager.start.

        A request whose idempotency key was used in the last 24 h returns the execution that it
        has started; raises KeyReused when that request was another one.
        """
        if request.idempotency_key is None:
            return await self._thread.do(self._core.manager.start(request))
        key = await _read(lambda: self._repeated.key_of(request))
        if (first := await _read(lambda: self._repeated.first(key))) is not None:
            return await self.execution(first)
        try:
            return await self._thread.do(self._core.manager.start(request, key))
        except DuplicateKey:
            # Another one with the same key came at the same moment, and was stored first.
            if (first := await _read(lambda: self._repeated.first(key))) is None:
                raise
            return await self.execution(first)

    async def rerun(self, execution_id: str, request: RerunRequest) -> ExecutionView:
        """Run a stored execution again; see ExecutionManager.rerun. Raises NotFound too."""
        old = await self._row(execution_id)
        steps = await _read(lambda: self.store.step_runs(execution_id))
        return await self._thread.do(self._core.manager.rerun(old, steps, request))

    async def cancel(
        self, execution_id: str, *, source: CancelSource, requested_by: str | None
    ) -> CancelAnswer:
        """Cancel an execution. Raises NotFound; WrongState when it is over."""
        request = CancelRequest.now(source, requested_by)
        try:
            return await self._thread.do(self._core.manager.cancel(execution_id, request))
        except NotFound:
            raise await self._over(execution_id, "cancelled") from None

    async def cancel_all(self, *, source: CancelSource, requested_by: str | None) -> list[str]:
        """Cancel every execution that is not over; return their ids."""
        request = CancelRequest.now(source, requested_by)
        return await self._thread.do(self._core.manager.cancel_all(request))

    async def pause(
        self, execution_id: str, *, source: Source = "api", requested_by: str | None = None
    ) -> CancelAnswer:
        """Pause after the current step. Raises NotFound, WrongState."""
        return await self._steer(execution_id, Action.PAUSE, source, requested_by)

    async def resume(
        self, execution_id: str, *, source: Source = "api", requested_by: str | None = None
    ) -> CancelAnswer:
        """Go on after a pause. Raises NotFound, WrongState."""
        return await self._steer(execution_id, Action.RESUME, source, requested_by)

    async def skip(
        self, execution_id: str, *, source: Source = "api", requested_by: str | None = None
    ) -> CancelAnswer:
        """Skip the current or the next step. Raises NotFound, WrongState."""
        return await self._steer(execution_id, Action.SKIP, source, requested_by)

    async def release(
        self, execution_id: str, *, source: str, requested_by: str | None
    ) -> ReleaseAnswer:
        """Free what an execution blocks that could not be stopped.

        Args:
            execution_id: the execution.
            source: `web`, `api` or `cli`.
            requested_by: who asks.

        Raises NotFound; WrongState when it blocks nothing.
        """
        try:
            asked = self._core.manager.release(
                execution_id, source=source, requested_by=requested_by
            )
            return await self._thread.do(asked)
        except NotFound:
            what = "released: it blocks nothing; what runs lets go of what it has at its end"
            raise await self._over(execution_id, what) from None

    async def release_artifacts(
        self, execution_id: str, *, source: str, requested_by: str | None
    ) -> ArtifactsAnswer:
        """Have an execution's withheld artifacts given out as they are from now on.

        Args:
            execution_id: the execution.
            source: `web`, `api` or `cli`.
            requested_by: who asks.

        Raises NotFound; WrongState when they are not withheld; StoreError.
        """
        row = await self._row(execution_id)
        note = audit_note(
            Action.RELEASE_ARTIFACTS,
            source=source,
            requested_by=requested_by,
            execution_id=execution_id,
        )
        try:
            stored = asyncio.wrap_future(self._core.artifacts.release(row, note))
            await asyncio.wait_for(asyncio.shield(stored), RELEASED_S)
        except TimeoutError:
            why = self.store.behind().error or "it is too slow"
            text = f"the database has not taken the release of the artifacts yet: {why}"
            raise StoreError(text) from None
        status = ExecutionStatus(row.status)
        return ArtifactsAnswer(execution_id=execution_id, status=status)

    async def _steer(
        self, execution_id: str, action: Action, source: Source, requested_by: str | None
    ) -> CancelAnswer:
        async def do() -> CancelAnswer:
            manager = self._core.manager
            return manager.steer(execution_id, action, source=source, requested_by=requested_by)

        try:
            return await self._thread.do(do())
        except NotFound:
            raise await self._over(execution_id, _STEERED[action]) from None

    async def _over(self, execution_id: str, what: str) -> NotFound | WrongState:
        """Return the error for an execution that is not under way: unknown, or over."""
        try:
            view = await self.execution(execution_id)
        except NotFound as error:
            return error
        text = f"execution {execution_id} is {view.status} and cannot be {what}"
        return WrongState(text, status=view.status.value)

    def kill_now(self, execution_id: str) -> None:
        """End an execution that is being cancelled without a grace, and without on_cancel.

        Nothing happens to one that is not being cancelled, and when the worker is closed.
        """
        self._thread.call_soon(self._core.manager.kill_now, execution_id)

    async def execution(self, execution_id: str) -> ExecutionView:
        """Return an execution with its steps. Raises NotFound, StoreError.

        What is stored is shown; while the database takes nothing, what is known in memory.
        """
        if self._is_behind():
            live = await self._thread.do(self._live(execution_id))
            if live is not None:
                return live
        row = await self._row(execution_id)
        steps = await _read(lambda: self.store.step_runs(execution_id))
        return ExecutionView(
            **dict(summary_of(row)),
            parameters=row.parameters,
            artifacts_withheld=self.archive.withheld(row),
            step_results=tuple(step_of(step) for step in steps),
        )

    async def _row(self, execution_id: str) -> ExecutionRow:
        row = await _read(lambda: self.store.execution(execution_id))
        if row is None:
            raise NotFound(f"no execution has the id {execution_id!r}", id=execution_id)
        return row

    def _is_behind(self) -> bool:
        behind = self.store.behind()
        if behind.error is not None:
            return not self._closed
        late = timedelta(seconds=BEHIND_S)
        return behind.since is not None and utc_now() - behind.since > late and not self._closed

    async def _live(self, execution_id: str) -> ExecutionView | None:
        return self._core.manager.live(execution_id)

    async def executions(
        self, wanted: Wanted = EVERY, *, limit: int, offset: int = 0
    ) -> ExecutionPage:
        """Return a page of executions, newest first. Raises StoreError.

        While the database takes nothing, their states are those known in memory; which ones
        there are, and those that a filter selects, is told by what is stored.
        """
        rows, total = await _read(
            lambda: self.store.executions(**asdict(wanted), limit=limit, offset=offset)
        )
        live = await self._thread.do(self._live_summaries()) if self._is_behind() else {}
        items = tuple(live.get(row.id) or summary_of(row) for row in rows)
        return ExecutionPage(items=items, total=total)

    async def _live_summaries(self) -> dict[str, ExecutionSummary]:
        return self._core.manager.live_summaries()

    async def watch(self, execution_id: str) -> LiveViewState:
        """Say what there is to see of an execution's page; see ExecutionManager.watch.

        Raises NotFound, StoreError.
        """
        view = await self._thread.do(self._watch(execution_id))
        if view is not None:
            return view.state()
        row = await self._row(execution_id)
        if not ExecutionStatus(row.status).final:
            return LiveViewState(live=True)
        try:
            return state_of(await self._last_picture(row), live=False)
        except NotFound:
            return LiveViewState(live=False)

    async def picture(self, execution_id: str) -> bytes:
        """Return the newest picture of an execution's page, a JPEG. Raises NotFound, StoreError."""
        view = await self._thread.do(self._watch(execution_id))
        if view is not None and view.picture is not None:
            return view.picture.jpeg
        row = await self._row(execution_id)
        return (await self._last_picture(row)).jpeg

    async def _watch(self, execution_id: str) -> LiveView | None:
        return self._core.manager.watch(execution_id)

    async def _last_picture(self, row: ExecutionRow) -> Picture:
        if (why := self.archive.withheld(row)) is not None:
            raise NotFound(f"the artifacts of execution {row.id} are withheld: {why}")
        folder = self.settings.artifacts_dir / row.id
        return await _read(lambda: last_picture(folder))

    async def attempts(self, execution_id: str) -> list[ExecutionSummary]:
        """Return an execution and all that are linked with it by reruns, oldest first."""
        rows = await _read(lambda: self.store.reruns(execution_id))
        return [summary_of(row) for row in rows]

    async def events(
        self, *, after: int, execution_id: str | None, limit: int = 500
    ) -> Sequence[EventRow]:
        """Return the events after a number, of one execution or of all."""
        return await _read(
            lambda: self.store.events(after=after, execution_id=execution_id, limit=limit)
        )

    async def last_event_id(self) -> int:
        """Return the number of the newest event, 0 when there is none."""
        return await _read(self.store.last_event_id)

    # Any: JSON objects that describe playbooks.
    async def playbooks(self) -> list[dict[str, Any]]:
        """Return the library, one entry per playbook, those that do not load included."""
        catalog = await self.catalog()
        return await _read(lambda: list_playbooks(self.library, catalog))

    # Any: a JSON object that describes a playbook.
    async def playbook(self, path: str) -> dict[str, Any]:
        """Return one playbook with its parameters and steps. Raises NotFound."""
        catalog = await self.catalog()
        return await _read(lambda: describe_playbook(path, self.library, catalog))

    async def catalog(self) -> Catalog:
        """Return the installed step kinds."""
        return self._core.programs.catalog

    async def audit(self, *, limit: int, before: int | None, execution_id: str | None) -> AuditPage:
        """Return notes of who did what, newest first. Raises StoreError."""
        rows = await _read(
            lambda: self.store.audit(limit + 1, before=before, execution_id=execution_id)
        )
        items = tuple(note_of(row) for row in rows[:limit])
        return AuditPage(items=items, before=items[-1].id if len(rows) > limit else None)

    async def prune(self, request: PruneRequest) -> PruneReport:
        """Remove old executions, a piece of them. Raises OperatorError, StoreError."""
        return await self._thread.do(self._core.retention.prune(request))

    async def credentials(self) -> CredentialList:
        """Return what credentials are stored; no secret. Raises VaultError."""
        return CredentialList(items=await _read(self.inventory.credentials))

    async def put_credential(self, request: CredentialRequest) -> CredentialView:
        """Store a credential; see Inventory.put_credential."""
        return await _read(lambda: self.inventory.put_credential(request))

    async def remove_credential(self, name: str, by: Requester) -> None:
        """Remove a credential; see Inventory.remove_credential."""
        await _read(lambda: self.inventory.remove_credential(name, by))

    async def gateways(self) -> GatewayList:
        """Return the registered gateways. Raises StoreError."""
        return GatewayList(items=await _read(self.inventory.gateways))

    async def put_gateway(self, request: GatewayRequest) -> GatewayEntry:
        """Register a gateway; see Inventory.put_gateway."""
        return await _read(lambda: self.inventory.put_gateway(request))

    async def remove_gateway(self, name: str, by: Requester) -> None:
        """Remove a registered gateway; see Inventory.remove_gateway."""
        await _read(lambda: self.inventory.remove_gateway(name, by))

    def metrics(self) -> Readings:
        """Return the figures of this moment; also while the supervision loop is blocked."""
        return self._core.readings(self._ends)

    async def health(self) -> Health:
        """Ask the database, the janitor and the runners how they are."""
        return await self._thread.do(self._core.health())


async def _read(read: Callable[[], T]) -> T:
    """Read what blocks in a thread of the waiting loop's own."""
    return await asyncio.get_running_loop().run_in_executor(None, read)
