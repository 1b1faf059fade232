"""Worker: everything that runs executions, behind a lock on one data folder.

A server has one, and so has an `itk run` that found no server. It has a thread and an event loop
of its own for supervision, where nothing blocks; its asynchronous methods may be awaited from any
loop.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import secrets
import shutil
import threading
from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, TypeVar

from ignition_toolkit.errors import NotFound, WrongState
from ignition_toolkit.execution.adoption import step_of, summary_of
from ignition_toolkit.execution.catalog_cache import load_catalog
from ignition_toolkit.execution.hub import EventHub
from ignition_toolkit.execution.janitor_link import JanitorLink
from ignition_toolkit.execution.manager import ExecutionManager
from ignition_toolkit.execution.owner import FolderLock
from ignition_toolkit.execution.pool import RunnerPool
from ignition_toolkit.execution.programs import Programs
from ignition_toolkit.execution.reaper import Reaper, become_subreaper
from ignition_toolkit.execution.requests import StartRequest
from ignition_toolkit.execution.settings import Settings
from ignition_toolkit.execution.shelf import describe_playbook, list_playbooks
from ignition_toolkit.execution.views import (
    CancelAnswer,
    ExecutionPage,
    ExecutionView,
    Health,
)
from ignition_toolkit.playbook.catalog import Catalog
from ignition_toolkit.playbook.library import Library
from ignition_toolkit.playbook.models import CancelSource, ExecutionStatus
from ignition_toolkit.storage import EventRow, Store, database_url

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds in which a worker has to come up, leftovers of dead ones included.
START_S = 60.0
#: Seconds in which it has to stop.
STOP_S = 60.0
#: Seconds between looks for dead orphans.
REAP_S = 5.0
#: Seconds that the janitor has to answer when the health is asked for.
JANITOR_ANSWER_S = 0.5


class Worker:
    """Runs executions. Made by `open`; `close` runs the ladder for what still runs."""

    def __init__(self, settings: Settings, lock: FolderLock, kind: Literal["server", "run"]):
        self.settings = settings
        self.lock = lock
        self.hub = EventHub()
        self.library = Library([settings.data_dir / "playbooks", *settings.playbook_dirs])
        url = settings.database_url or database_url(settings.data_dir / "itk.db")
        self.store = Store.open(url, on_commit=self._publish)
        self._kind = kind
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="itk-supervision", daemon=True
        )
        self._closed = False

    @classmethod
    def open(cls, settings: Settings, *, kind: Literal["server", "run"]) -> Worker:
        """Take the data folder, end what dead workers left, and be ready. Blocks about 1 s.

        Raises DataFolderBusy, StoreError, OperatorError.
        """
        lock = FolderLock.take(settings.data_dir, kind)
        try:
            worker = cls(settings, lock, kind)
        except BaseException:
            lock.release()
            raise
        worker._thread.start()
        try:
            worker._call(worker._start()).result(START_S)
        except BaseException:
            worker.close()
            raise
        return worker

    def _publish(self, rows: list[EventRow]) -> None:
        self.hub.publish(rows[-1].id, {row.execution_id for row in rows})

    def _call(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def _do(self, coroutine: Awaitable[T]) -> T:
        """Await something on the supervision loop from any loop."""
        result: T = await asyncio.wrap_future(self._call(coroutine))
        return result

    async def _start(self) -> None:
        become_subreaper()
        folder, worker = _folder_mark(self.settings.data_dir), secrets.token_hex(4)
        run_dir = self.settings.data_dir / "run"
        self._janitor = JanitorLink(folder, worker, self._reap)
        self._pool = RunnerPool(
            self._janitor, f"{folder}.{worker}.", run_dir / worker, self.settings.warm_runners
        )
        self._reaper = Reaper(self._own_children)
        await self._janitor.start()
        self._pool.refill()
        await self._end_leftovers(run_dir, worker)
        catalog = await load_catalog(self.settings.data_dir, self._pool)
        self._programs = Programs(self.library, self._pool, catalog)
        self._manager = ExecutionManager(
            self.store,
            self._programs,
            self._pool,
            self._janitor,
            slots=self.settings.max_running,
            artifacts=self.settings.data_dir / "artifacts",
        )
        await self._manager.take_over(resume_pending=self._kind == "server")
        self._loop.call_later(REAP_S, self._reap_again)

    async def _end_leftovers(self, run_dir: Path, worker: str) -> None:
        killed, leftovers = await self._janitor.sweep()
        for process in killed:
            logger.warning("a leftover was ended: %s (%s)", process.name, process.pid)
        for left in leftovers:
            logger.error("a leftover cannot be ended: %s (%s)", left.name, left.pid)
        await self._loop.run_in_executor(None, _remove_others, run_dir, worker)

    def _own_children(self) -> set[int]:
        own = self._pool.pids
        return own | {self._janitor.pid} if self._janitor.pid else own

    def _reap(self) -> None:
        self._reaper.reap()

    def _reap_again(self) -> None:
        self._reap()
        self._loop.call_later(REAP_S, self._reap_again)

    def close(self) -> None:
        """Cancel what runs by the ladder, end janitor and runners, release the folder."""
        if self._closed:
            return
        self._closed = True
        try:
            self._call(self._stop()).result(STOP_S)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5.0)
            self._loop.close()
            self.hub.close()
            try:
                self.store.close()
            finally:
                self.lock.release()

    async def _stop(self) -> None:
        if hasattr(self, "_manager"):
            await self._manager.shut_down(None)
        if hasattr(self, "_pool"):
            await self._pool.close()
            await self._janitor.close()
            self._pool.release_pipes()
        if hasattr(self, "_programs"):
            self._programs.close()
        await self._loop.shutdown_default_executor()

    # What clients ask; from any loop.

    async def start(self, request: StartRequest) -> ExecutionView:
        """Accept an execution; see ExecutionManager.start."""
        return await self._do(self._manager.start(request))

    async def cancel(
        self, execution_id: str, *, source: CancelSource, requested_by: str | None
    ) -> CancelAnswer:
        """Cancel an execution. Raises NotFound; WrongState when it is over."""
        try:
            return await self._do(
                self._manager.cancel(execution_id, source=source, requested_by=requested_by)
            )
        except NotFound:
            raise await self._over(execution_id, "cancelled") from None

    async def cancel_all(self, *, source: CancelSource, requested_by: str | None) -> list[str]:
        """Cancel every execution that is not over; return their ids."""
        return await self._do(self._manager.cancel_all(source=source, requested_by=requested_by))

    async def pause(self, execution_id: str) -> CancelAnswer:
        """Pause after the current step. Raises NotFound, WrongState."""
        return await self._steer(execution_id, "paused", lambda m: m.pause(execution_id))

    async def resume(self, execution_id: str) -> CancelAnswer:
        """Go on after a pause. Raises NotFound, WrongState."""
        return await self._steer(execution_id, "resumed", lambda m: m.resume(execution_id))

    async def skip(self, execution_id: str) -> CancelAnswer:
        """Skip the current or the next step. Raises NotFound, WrongState."""
        return await self._steer(
            execution_id, "told to skip a step", lambda m: m.skip(execution_id)
        )

    async def _steer(
        self, execution_id: str, what: str, act: Callable[[ExecutionManager], CancelAnswer]
    ) -> CancelAnswer:
        async def do() -> CancelAnswer:
            return act(self._manager)

        try:
            return await self._do(do())
        except NotFound:
            raise await self._over(execution_id, what) from None

    def kill_now(self, execution_id: str) -> None:
        """End an execution that is being cancelled without a grace."""
        self._loop.call_soon_threadsafe(self._manager.kill_now, execution_id)

    async def _over(self, execution_id: str, what: str) -> NotFound | WrongState:
        """Return the error for an execution that is not under way: unknown, or over."""
        try:
            view = await self.execution(execution_id)
        except NotFound as error:
            return error
        text = f"execution {execution_id} is {view.status} and cannot be {what}"
        return WrongState(text, status=view.status.value)

    async def execution(self, execution_id: str) -> ExecutionView:
        """Return an execution with its steps. Raises NotFound.

        What is stored is shown; while the database takes nothing, what is known in memory.
        """
        if self.store.behind().error is not None:
            live = await self._do(self._live(execution_id))
            if live is not None:
                return live
        row = await self._read(lambda: self.store.execution(execution_id))
        if row is None:
            raise NotFound(f"no execution has the id {execution_id!r}", id=execution_id)
        steps = await self._read(lambda: self.store.step_runs(execution_id))
        return ExecutionView(
            **dict(summary_of(row)),
            parameters=row.parameters,
            step_results=tuple(step_of(step) for step in steps),
        )

    async def _live(self, execution_id: str) -> ExecutionView | None:
        return self._manager.live(execution_id)

    async def executions(
        self, *, status: ExecutionStatus | None, limit: int, offset: int
    ) -> ExecutionPage:
        """Return a page of executions, newest first."""
        wanted = status.value if status else None
        rows, total = await self._read(
            lambda: self.store.executions(status=wanted, limit=limit, offset=offset)
        )
        return ExecutionPage(items=tuple(summary_of(row) for row in rows), total=total)

    async def events(
        self, *, after: int, execution_id: str | None, limit: int = 500
    ) -> Sequence[EventRow]:
        """Return the events after a number, of one execution or of all."""
        return await self._read(
            lambda: self.store.events(after=after, execution_id=execution_id, limit=limit)
        )

    async def recent_logs(self, execution_id: str, *, limit: int) -> Sequence[EventRow]:
        """Return the newest log events of an execution, oldest first."""
        return await self._read(
            lambda: self.store.recent_events(execution_id, kind="log", limit=limit)
        )

    async def last_event_id(self) -> int:
        """Return the number of the newest event, 0 when there is none."""
        return await self._read(self.store.last_event_id)

    async def playbooks(self) -> list[dict[str, Any]]:
        """Return the library, one entry per playbook, those that do not load included."""
        catalog = await self.catalog()
        return await self._read(lambda: list_playbooks(self.library, catalog))

    async def playbook(self, path: str) -> dict[str, Any]:
        """Return one playbook with its parameters and steps. Raises NotFound."""
        catalog = await self.catalog()
        return await self._read(lambda: describe_playbook(path, self.library, catalog))

    async def catalog(self) -> Catalog:
        """Return the installed step kinds."""
        return self._programs.catalog

    async def _read(self, read: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(None, read)

    async def health(self) -> Health:
        """Ask the database, the janitor and the runners how they are."""
        return await self._do(self._health())

    async def _health(self) -> Health:
        behind = self.store.behind()
        janitor = await self._janitor.answers(JANITOR_ANSWER_S)
        problems = []
        if behind.error is not None:
            problems.append(f"the database takes nothing, changes wait in memory: {behind.error}")
        if not janitor:
            problems.append("the janitor does not answer; it is started again when it has died")
        if self._pool.problem:
            problems.append(f"no runner comes up: {self._pool.problem}")
        warm = self._pool.warm_pids
        down = not janitor or self._pool.problem is not None
        return Health(
            status="down" if down else "degraded" if problems else "ok",
            version=version("ignition-toolkit"),
            database="behind" if behind.error else "ok",
            janitor="ok" if janitor else "no answer",
            runner="ok" if warm else self._pool.problem or "starting",
            running=self._manager.running,
            pending=self._manager.pending,
            unsaved=behind.waiting if behind.error else 0,
            problems=tuple(problems),
        )


def _folder_mark(data_dir: Path) -> str:
    facts = os.stat(data_dir)
    text = f"{facts.st_dev}:{facts.st_ino}:{os.path.realpath(data_dir)}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _remove_others(run_dir: Path, worker: str) -> None:
    """Remove the folders of dead workers' runners."""
    run_dir.mkdir(mode=0o700, exist_ok=True)
    for entry in run_dir.iterdir():
        if entry.name != worker:
            shutil.rmtree(entry, ignore_errors=True)
