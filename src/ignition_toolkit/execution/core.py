"""The supervision side of a worker: everything that lives on the supervision loop."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import secrets
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from ignition_toolkit.errors import InternalError
from ignition_toolkit.execution.adoption import Adoption
from ignition_toolkit.execution.artifact_redactor import ArtifactRedactor
from ignition_toolkit.execution.dead_worker import owner_text
from ignition_toolkit.execution.hand_overs import HandOvers, LeftToPerson
from ignition_toolkit.execution.inventory import Inventory
from ignition_toolkit.execution.janitor_link import JanitorLink
from ignition_toolkit.execution.jobs import Jobs
from ignition_toolkit.execution.loop_lateness import LoopLateness
from ignition_toolkit.execution.manager import ExecutionManager
from ignition_toolkit.execution.metrics import Ends, Readings
from ignition_toolkit.execution.owner import ProcessIdentity
from ignition_toolkit.execution.pool import RunnerPool
from ignition_toolkit.execution.programs import Programs
from ignition_toolkit.execution.questions import Questions
from ignition_toolkit.execution.reaper import Reaper, become_subreaper
from ignition_toolkit.execution.retention import Retention
from ignition_toolkit.execution.runner_folders import remove_worker_folder
from ignition_toolkit.execution.settings import Settings
from ignition_toolkit.execution.views import ExecutionSummary, Health
from ignition_toolkit.playbook.library import Library
from ignition_toolkit.playbook.models import Leftover
from ignition_toolkit.storage.store import Store

logger = logging.getLogger(__name__)

#: Seconds in which a worker has to come up, leftovers of dead ones included.
START_S = 60.0
#: Seconds between looks for dead orphans.
REAP_S = 5.0
#: Seconds that the janitor has to answer when the health is asked for.
JANITOR_ANSWER_S = 0.5


class Core:
    """Janitor, runners and executions of one worker. To be used from the supervision loop only.

    `start` makes it work, `stop` undoes all of that.
    """

    def __init__(
        self, settings: Settings, store: Store, library: Library, inventory: Inventory
    ) -> None:
        self._settings = settings
        self._store = store
        worker = secrets.token_hex(4)
        folder = _folder_mark(settings.data_dir)
        self._run_dir = settings.data_dir / "run" / worker
        me = ProcessIdentity.mine()
        self._hand_overs = HandOvers(settings.data_dir)
        self._janitor = JanitorLink(folder, worker, me, self._reap, record=self._hand_overs.record)
        self._pool = RunnerPool(
            self._janitor, f"{folder}.{worker}.", self._run_dir, settings.warm_runners
        )
        self._reaper = Reaper(self._own_children, self._is_starting)
        self._reaping: asyncio.TimerHandle | None = None
        self.programs = Programs(library, Questions(self._pool), settings.data_dir)
        self.jobs = Jobs(self.programs, inventory, settings.artifacts_dir)
        self.artifacts = ArtifactRedactor(store, inventory, settings.artifacts_dir)
        self.manager = ExecutionManager(
            store,
            self._pool,
            self._janitor,
            jobs=self.jobs,
            artifacts=self.artifacts,
            owner=owner_text(me, worker),
            slots=settings.max_running,
        )
        self.retention = Retention(store, settings.artifacts_dir, settings.keep_days)
        self._lateness = LoopLateness()
        self._parts = AsyncExitStack()

    async def start(self, kind: Literal["server", "run"]) -> None:
        """Come up: end what dead workers left, write their states, queue what was pending.

        Raises InternalError, StoreError, OSError; nothing is left running then.
        """
        is_server = kind == "server"
        try:
            async with asyncio.timeout(START_S):
                await self._start(is_server)
        except TimeoutError:
            await self.stop()
            why = self._pool.problem or "the machine is too busy, or a leftover cannot be ended"
            raise InternalError(f"the worker did not come up in {START_S:g} s: {why}") from None
        except BaseException:
            await self.stop()
            raise
        self._parts.push_async_callback(self.manager.shut_down, keep_pending=is_server)

    async def _start(self, is_server: bool) -> None:
        become_subreaper()
        self._parts.push_async_callback(self.retention.close)
        self._parts.push_async_callback(self.artifacts.close)
        self._parts.callback(self._reap)
        self._parts.callback(self.programs.close)
        self._parts.push_async_callback(self._pool.release)
        self._parts.push_async_callback(self._janitor.close)
        self._parts.push_async_callback(self._pool.close)
        await self._janitor.start()
        self._pool.refill()
        handed_over = await self._keep_what_was_handed_over()
        leftovers = await self._end_leftovers()
        await self.programs.look_at_kinds()
        adoption = Adoption(self._store, self.jobs, self.manager)
        await adoption.run(leftovers, handed_over, resume_pending=is_server)
        self._reap_again()
        self._lateness.begin()
        if is_server:
            self.artifacts.look_for_marked()
            self.retention.begin()

    async def stop(self) -> None:
        """Cancel what runs by the ladder, end janitor and runners. May be called twice."""
        self.retention.stop()
        self._lateness.stop()
        if self._reaping is not None:
            self._reaping.cancel()
        await self._parts.aclose()

    async def _keep_what_was_handed_over(self) -> list[LeftToPerson]:
        """Have what people have got left alone by the sweep, which would take it; return it."""
        found = await asyncio.get_running_loop().run_in_executor(None, self._hand_overs.load)
        for one in found:
            self._janitor.keep(one)
        return found

    async def _end_leftovers(self) -> tuple[Leftover, ...]:
        """End what dead workers have left; return what could not be ended."""
        loop = asyncio.get_running_loop()
        swept = await self._janitor.sweep()
        for process in swept.killed:
            logger.warning("a leftover was ended: %s (%s)", process.name, process.pid)
        for left in swept.leftovers:
            logger.error("a leftover cannot be ended: %s (%s): %s", left.name, left.pid, left.why)
        await loop.run_in_executor(None, _remove_others, self._run_dir)
        return swept.leftovers

    def _own_children(self) -> set[int]:
        janitor = self._janitor.pid
        return {*self._pool.children, *([janitor] if janitor is not None else [])}

    def _is_starting(self) -> bool:
        return self._pool.is_spawning or self._janitor.is_starting

    def _reap(self) -> None:
        self._reaper.reap()

    def _reap_again(self) -> None:
        self._reap()
        self._reaping = asyncio.get_running_loop().call_later(REAP_S, self._reap_again)

    def readings(self, ends: Ends) -> Readings:
        """Return the figures of this moment. May be called from any thread, and at any time."""
        behind = self._store.behind()
        losses = self.manager.losses
        return Readings(
            ends=ends,
            running=self.manager.running,
            pending=self.manager.pending,
            warm_runners=len(self._pool.warm_pids),
            runner_starts=self._pool.starts,
            runner_start_failures=self._pool.failed_starts,
            unsaved=behind.waiting,
            dropped_log_lines=losses.log_lines,
            dropped_output_bytes=losses.output_bytes,
            dropped_log_events=behind.dropped_logs,
            supervision_blocks=self._lateness.times,
            supervision_blocked_s=self._lateness.seconds,
            handler_blocks=losses.blocks,
            handler_blocked_s=losses.blocked_s,
        )

    async def health(self) -> Health:
        """Ask the database, the janitor and the runners how they are."""
        behind = self._store.behind()
        janitor = await self._janitor.answers(JANITOR_ANSWER_S)
        runner_problem = self._runner_problem()
        problems = [runner_problem] if runner_problem else []
        if behind.error is not None:
            problems.append(f"the database takes nothing, changes wait in memory: {behind.error}")
        if not janitor:
            problems.append("the janitor does not answer; it is started again when it has died")
        problems += map(_blocked_text, self.manager.blocking)
        # What is under way goes on and is stopped in time; nothing can be started.
        is_down = not janitor or runner_problem is not None or behind.error is not None
        return Health(
            status="down" if is_down else "degraded" if problems else "ok",
            version=version("ignition-toolkit"),
            database="behind" if behind.error else "ok",
            janitor="ok" if janitor else "no answer",
            runner=runner_problem or "ok",
            running=self.manager.running,
            pending=self.manager.pending,
            warm_runners=len(self._pool.warm_pids),
            unsaved=behind.waiting if behind.error else 0,
            problems=tuple(problems),
        )

    def _runner_problem(self) -> str | None:
        if self._pool.problem is not None:
            return f"no runner comes up: {self._pool.problem}"
        return None if self._pool.has_started else "the first runner is being started"


def _blocked_text(execution: ExecutionSummary) -> str:
    what = execution.holds.title if execution.holds else "something"
    execution_id = execution.execution_id
    return (
        f"{what} is blocked: execution {execution_id} could not be stopped; end its leftovers by "
        f"hand, then `itk release {execution_id}`"
    )


def _folder_mark(data_dir: Path) -> str:
    facts = os.stat(data_dir)
    text = f"{facts.st_dev}:{facts.st_ino}:{os.path.realpath(data_dir)}"
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def _remove_others(run_dir: Path) -> None:
    """Remove the folders beside this one, of dead workers' runners."""
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    for entry in run_dir.parent.iterdir():
        if entry != run_dir:
            remove_worker_folder(entry)
