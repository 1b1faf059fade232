"""ExecutionManager: accepts, starts, steers and ends executions. Only it moves their status."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import uuid6

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.errors import NotFound, StoreError, WrongState
from ignition_toolkit.execution import audit, blocking
from ignition_toolkit.execution.acceptance import Origin, load_again, new_record
from ignition_toolkit.execution.artifact_redactor import ArtifactRedactor
from ignition_toolkit.execution.canceller import STORE_CANCEL_S, Canceller
from ignition_toolkit.execution.dispatch.local import LocalDispatcher
from ignition_toolkit.execution.janitor_link import JanitorLink
from ignition_toolkit.execution.job import Job
from ignition_toolkit.execution.jobs import Jobs
from ignition_toolkit.execution.live_view import LiveView
from ignition_toolkit.execution.losses import Losses
from ignition_toolkit.execution.pool import RunnerPool
from ignition_toolkit.execution.record import ExecutionRecord, Snapshot
from ignition_toolkit.execution.requests import (
    CancelRequest,
    RerunRequest,
    StartKey,
    StartRequest,
)
from ignition_toolkit.execution.reruns import prepare
from ignition_toolkit.execution.run import Run
from ignition_toolkit.execution.supervisor import Supervision
from ignition_toolkit.execution.verdict import Verdict
from ignition_toolkit.execution.views import (
    CancelAnswer,
    ExecutionSummary,
    ExecutionView,
    ReleaseAnswer,
    WaitingFor,
)
from ignition_toolkit.playbook.arguments import check_arguments, secret_names
from ignition_toolkit.playbook.models import (
    CancellationRecord,
    CancelSource,
    ExecutionStatus,
)
from ignition_toolkit.playbook.program import LoadedProgram
from ignition_toolkit.storage.rows import ExecutionRow, StepRow
from ignition_toolkit.storage.store import Store

logger = logging.getLogger(__name__)

#: Seconds that a start waits for its row; after them it is refused.
STORE_START_S = 5.0
#: Seconds that a shutdown waits for what it cancelled, on_cancel steps included.
SHUTDOWN_S = 30.0


class ExecutionManager:
    """All executions of one worker. To be used from the supervision loop only.

    Args:
        jobs: makes what executions run.
        artifacts: redacts what executions have left.
        owner: what the rows of running executions name as their worker.
        slots: executions at once.
    """

    def __init__(
        self,
        store: Store,
        pool: RunnerPool,
        janitor: JanitorLink,
        *,
        jobs: Jobs,
        artifacts: ArtifactRedactor,
        owner: str,
        slots: int,
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._artifacts = artifacts
        self._programs = jobs.programs
        self._pool = pool
        self._janitor = janitor
        self._owner = owner
        self._runs: dict[str, Run] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        #: Those that could not be stopped, while they block something.
        self._blocking: dict[str, ExecutionRecord] = {}
        #: What was dropped of the logs and output of all of them.
        self.losses = Losses()
        self._dispatcher = LocalDispatcher(slots, self._on_start, self._on_wait)
        self._canceller = Canceller(store, self._dispatcher, self._finish)

    @property
    def running(self) -> int:
        """How many executions have a slot."""
        return self._dispatcher.running

    @property
    def pending(self) -> int:
        """How many executions wait to be started."""
        return self._dispatcher.waiting

    @property
    def blocking(self) -> list[ExecutionSummary]:
        """The executions that could not be stopped and block something."""
        return [record.summary for record in self._blocking.values()]

    def live(self, execution_id: str) -> ExecutionView | None:
        """Return an execution as it is in memory, None when it is over and stored."""
        run = self._runs.get(execution_id)
        return run.record.view() if run else None

    def live_summaries(self) -> dict[str, ExecutionSummary]:
        """Return every execution that is not over and stored, by id."""
        return {execution_id: run.record.summary for execution_id, run in self._runs.items()}

    # Starting.

    async def start(self, request: StartRequest, key: StartKey | None = None) -> ExecutionView:
        """Accept an execution: stored as pending, and started when its turn comes.

        Raises NotFound, PlaybookInvalid, ParametersInvalid, NamesUnknown, VaultError; StoreError
        when it could not be stored, in which case it does not run; DuplicateKey when its key is in
        use.
        """
        loaded = await self._programs.load(request.playbook_path, request.playbook_text)
        main = loaded.program.main
        arguments = check_arguments(main, request.parameters)
        secrets = secret_names(main, request.parameters)
        origin = Origin(request.requested_by, request.source, secrets, key)
        return await self._accept(loaded, arguments, origin)

    async def rerun(
        self, old: ExecutionRow, steps: Sequence[StepRow], request: RerunRequest
    ) -> ExecutionView:
        """Accept an execution that runs a stored one again.

        Args:
            old: the stored one.
            steps: its steps.
            request: what is asked for.

        Raises WrongState when it is not over, RerunRefused, and as `start`.
        """
        if not ExecutionStatus(old.status).final:
            text = f"execution {old.id} is {old.status} and cannot be run again: it is not over"
            raise WrongState(text, status=old.status)
        loaded = await load_again(self._programs, old, newest=request.newest)
        prepared = prepare(old, steps, loaded.program.main, request.from_step)
        origin = Origin(request.requested_by, request.source, rerun_of=old.id, taken=prepared.taken)
        return await self._accept(loaded, prepared.arguments, origin)

    # Any: checked values; secrets are `Secret`.
    async def _accept(
        self, loaded: LoadedProgram, arguments: dict[str, Any], origin: Origin
    ) -> ExecutionView:
        execution_id = str(uuid6.uuid7())
        job = await self._jobs.make(execution_id, loaded, arguments, origin.taken)
        record = new_record(self._store, execution_id, job, origin)
        snapshot = Snapshot(loaded.program.main.path, loaded.texts)
        note = audit.accepted(record.summary, origin.source, job.redactor)
        names, mark = origin.secret_parameters, job.mark
        stored = record.add(snapshot, names, origin.key, note, mark=mark)
        await self._await_row(record, stored)
        self.submit(record, job)
        return record.view()

    async def _await_row(self, record: ExecutionRecord, stored: Future[None]) -> None:
        try:
            await asyncio.wait_for(asyncio.wrap_future(stored), STORE_START_S)
        except TimeoutError:
            text = "the database did not take the execution in time, so it was not started"
            # A repeated start is to start it, not to be told of this one.
            record.forget_key()
            record.move(ExecutionStatus.FAILED, error=text)
            why = self._store.behind().error
            raise StoreError(f"{text}: {why or 'it is too slow'}") from None

    def submit(self, record: ExecutionRecord, job: Job) -> None:
        """Queue a stored execution."""
        self._runs[record.execution_id] = Run(record, job)
        self._dispatcher.submit(record.execution_id, job.claims, job.aliases)

    def block(self, record: ExecutionRecord) -> None:
        """Keep blocked what an execution of an earlier worker holds, before anything is queued."""
        holds = record.summary.holds
        if holds is not None:
            self._blocking[record.execution_id] = record
            self._dispatcher.block(record.execution_id, holds.claims)

    # The life of an execution.

    def _on_wait(self, execution_id: str, what: WaitingFor) -> None:
        self._runs[execution_id].record.set_waiting_for(what)

    def _on_start(self, execution_id: str) -> None:
        run = self._runs[execution_id]
        run.supervision = Supervision(
            run.job, run.record, self._pool, self._janitor, run.on_pause, self.losses
        )
        holds = blocking.held(run.job.claims)
        run.record.move(ExecutionStatus.RUNNING, owner=self._owner, holds=holds)
        run.log_move()
        task = asyncio.create_task(self._supervise(run, run.supervision), name=execution_id)
        self._tasks[execution_id] = task

    async def _supervise(self, run: Run, supervision: Supervision) -> None:
        try:
            verdict = await supervision.run()
            await supervision.keep_picture()
        except Exception as error:  # border: one execution's mishap is not the others'
            logger.exception("supervising %s failed", run.record.execution_id)
            verdict = Verdict(ExecutionStatus.FAILED, f"internal error: {error!r}")
            run.record.close_running(verdict.step_status, verdict.error)
        self._finish(run, verdict, supervision.cancellation)

    def _finish(
        self, run: Run, verdict: Verdict, cancellation: CancellationRecord | None
    ) -> Future[None]:
        execution_id = run.record.execution_id
        blocks = bool(run.job.claims and verdict.leftovers)
        # Before it is over: at every moment somebody knows what its artifacts must not show.
        self._artifacts.expect(execution_id, run.job.redactor, run.job.mark)
        try:
            stored = run.finish(verdict, cancellation)
        finally:
            self._tasks.pop(execution_id, None)
            if blocks:
                self._blocking[execution_id] = run.record
            self._dispatcher.release(execution_id, blocks=blocks)
        if not verdict.leftovers:
            # What could not be ended may write on.
            self._artifacts.redact(execution_id)
        # Kept until it is stored: a locked database or a full disk loses nothing.
        loop = asyncio.get_running_loop()
        stored.add_done_callback(lambda done: self._on_stored(loop, execution_id, done))
        return stored

    def _on_stored(
        self, loop: asyncio.AbstractEventLoop, execution_id: str, stored: Future[None]
    ) -> None:
        """In the store's thread: an execution's final state is stored, or was refused."""
        if (error := stored.exception()) is not None:
            logger.error("the final state of %s was not stored: %s", execution_id, error)
        try:
            loop.call_soon_threadsafe(self._runs.pop, execution_id, None)
        except RuntimeError:
            # The worker was closed meanwhile.
            return

    # What a person asks.

    async def cancel(self, execution_id: str, request: CancelRequest) -> CancelAnswer:
        """Cancel an execution. Returns at once; the stop follows within 0.5 s.

        Raises NotFound, WrongState when it is over.
        """
        run = self.find(execution_id)
        answers = await self._canceller.cancel([run], request)
        if not answers:
            raise run.wrong_state("changed: it is over")
        return answers[0]

    async def cancel_all(self, request: CancelRequest) -> list[str]:
        """Cancel every execution that is not over; return their ids."""
        runs = [run for run in self._runs.values() if not run.is_over]
        return [answer.execution_id for answer in await self._canceller.cancel(runs, request)]

    def kill_now(self, execution_id: str) -> None:
        """End an execution that is being cancelled without a grace and without on_cancel."""
        if (run := self._runs.get(execution_id)) is not None:
            run.kill_now()

    async def release(
        self, execution_id: str, *, source: str, requested_by: str | None
    ) -> ReleaseAnswer:
        """Free what an execution blocks that could not be stopped; waits for the commit, not long.

        Args:
            execution_id: the execution.
            source: from where it was asked.
            requested_by: who asks.

        Raises NotFound when it blocks nothing here.
        """
        record = self._blocking.get(execution_id)
        holds = record.summary.holds if record is not None else None
        if record is None or holds is None:
            raise NotFound(f"execution {execution_id!r} blocks nothing here", id=execution_id)
        note = audit.note(
            audit.Action.RELEASE,
            source=source,
            requested_by=requested_by,
            execution_id=execution_id,
            redactor=record.redactor,
        )
        stored = asyncio.wrap_future(record.let_go(note))
        del self._blocking[execution_id]
        self._dispatcher.unblock(execution_id)
        self._artifacts.redact(execution_id)
        logger.info(
            "%s is free again: released from %s", holds.title, execution_id,
            extra={"action": "released", "execution_id": execution_id},
        )  # fmt: skip
        await asyncio.wait({stored}, timeout=STORE_CANCEL_S)
        status = record.status
        return ReleaseAnswer(execution_id=execution_id, status=status, released=holds.claims)

    def steer(
        self, execution_id: str, action: audit.Action, *, source: str, requested_by: str | None
    ) -> CancelAnswer:
        """Pause or resume an execution, or skip a step of it. Raises NotFound, WrongState."""
        run = self.find(execution_id)
        answer, note = run.steer(action, source=source, requested_by=requested_by)
        self._store.submit([note])
        return answer

    def redactor_of(self, execution_id: str) -> Redactor | None:
        """Return what knows the secrets of an execution while its artifacts may hold them, if any.

        From any thread.
        """
        run = self._runs.get(execution_id)
        # In this order: the one knows them before the other lets go of them.
        live = None if run is None or run.is_over else run.job.redactor
        return live or self._artifacts.redactor_of(execution_id)

    def find(self, execution_id: str) -> Run:
        """Return an execution that is not over. Raises NotFound, WrongState."""
        run = self._runs.get(execution_id)
        if run is None:
            raise NotFound(f"no execution {execution_id!r} is under way here", id=execution_id)
        if run.is_over:
            raise run.wrong_state("changed: it is over")
        return run

    # What people see of its page.

    def watch(self, execution_id: str) -> LiveView | None:
        """Count as watching an execution for a while; None when it has not begun or is stored."""
        run = self._runs.get(execution_id)
        if run is None or run.supervision is None:
            return None
        run.supervision.live_view.look()
        return run.supervision.live_view

    # The worker's end.

    async def shut_down(self, *, keep_pending: bool) -> None:
        """Cancel what runs by the ladder and wait for it.

        Args:
            keep_pending: whether what is pending stays pending; else it is cancelled too.
        """
        self._dispatcher.stop()
        runs = [
            run
            for run in self._runs.values()
            if not run.is_over and (run.supervision is not None or not keep_pending)
        ]
        await self._canceller.cancel(runs, CancelRequest.now(CancelSource.SHUTDOWN, None))
        if tasks := set(self._tasks.values()):
            await asyncio.wait(tasks, timeout=SHUTDOWN_S)
