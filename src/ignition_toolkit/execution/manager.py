"""ExecutionManager: accepts, starts, steers and ends executions. Only it moves their status."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uuid6

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.errors import InternalError, NotFound, StoreError, ToolkitError, WrongState
from ignition_toolkit.execution.adoption import close_dead, record_of
from ignition_toolkit.execution.dispatch.local import LocalDispatcher
from ignition_toolkit.execution.janitor_link import JanitorLink
from ignition_toolkit.execution.pool import RunnerPool
from ignition_toolkit.execution.programs import Programs
from ignition_toolkit.execution.record import ExecutionRecord, Snapshot
from ignition_toolkit.execution.requests import StartRequest
from ignition_toolkit.execution.supervisor import Job, Supervision
from ignition_toolkit.execution.verdict import Verdict
from ignition_toolkit.execution.views import (
    CancelAnswer,
    ExecutionSummary,
    ExecutionView,
    WaitingFor,
)
from ignition_toolkit.playbook.arguments import check_arguments, redacted, secret_names
from ignition_toolkit.playbook.models import (
    CancellationRecord,
    CancelOutcome,
    CancelSource,
    ExecutionStatus,
    utc_now,
)
from ignition_toolkit.playbook.program import LoadedProgram
from ignition_toolkit.storage.rows import ExecutionRow
from ignition_toolkit.storage.store import Store

logger = logging.getLogger(__name__)

#: Seconds that a start waits for its row; after them it is refused.
STORE_START_S = 5.0
#: Seconds that the answer to a cancel waits for its commit. The stop itself never waits.
STORE_CANCEL_S = 0.1
#: Seconds that a shutdown waits for what it cancelled, on_cancel steps included.
SHUTDOWN_S = 30.0

RUNNING, PAUSED = ExecutionStatus.RUNNING, ExecutionStatus.PAUSED


@dataclass
class Run:
    """One execution that is not over, or not stored yet."""

    record: ExecutionRecord
    job: Job
    supervision: Supervision | None = None
    pausing: bool = False


class ExecutionManager:
    """All executions of one worker. To be used from the supervision loop only."""

    def __init__(
        self,
        store: Store,
        programs: Programs,
        pool: RunnerPool,
        janitor: JanitorLink,
        *,
        slots: int,
        artifacts: Path,
    ) -> None:
        self._store = store
        self._programs = programs
        self._pool = pool
        self._janitor = janitor
        self._artifacts = artifacts
        self._runs: dict[str, Run] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._dispatcher = LocalDispatcher(slots, self._on_start, self._on_wait)

    @property
    def running(self) -> int:
        """How many executions have a slot."""
        return self._dispatcher.running

    @property
    def pending(self) -> int:
        """How many executions wait for a slot."""
        return self._dispatcher.waiting

    def live(self, execution_id: str) -> ExecutionView | None:
        """Return an execution as it is in memory, None when it is over and stored."""
        run = self._runs.get(execution_id)
        return run.record.view() if run else None

    async def start(self, request: StartRequest) -> ExecutionView:
        """Accept an execution: stored as pending, and started when its turn comes.

        Raises NotFound, PlaybookInvalid, ParametersInvalid; StoreError when it could not be
        stored, in which case it does not run.
        """
        loaded = await self._programs.load(request.playbook_path, request.playbook_text)
        main = loaded.program.main
        arguments = check_arguments(main, request.parameters)
        execution_id = str(uuid6.uuid7())
        summary = ExecutionSummary(
            execution_id=execution_id,
            playbook_name=main.name,
            playbook_path=main.path,
            status=ExecutionStatus.PENDING,
            created_at=utc_now(),
            total_steps=len(main.steps),
            requested_by=request.requested_by,
        )
        job = self._job(execution_id, loaded, arguments)
        record = ExecutionRecord(self._store, summary, redacted(arguments), job.redactor)
        record.set_steps(main.steps)
        stored = record.add(
            Snapshot(main.path, loaded.texts), secret_names(main, request.parameters)
        )
        await self._accept(Run(record, job), stored)
        return record.view()

    def _job(self, execution_id: str, loaded: LoadedProgram, arguments: dict[str, Any]) -> Job:
        return Job(
            program=loaded.program,
            parameters=arguments,
            modules=self._programs.modules,
            artifacts=self._artifacts / execution_id,
            redactor=Redactor(_secrets(arguments)),
        )

    async def _accept(self, run: Run, stored: Future[None]) -> None:
        execution_id = run.record.execution_id
        try:
            await asyncio.wait_for(asyncio.wrap_future(stored), STORE_START_S)
        except TimeoutError:
            text = "the database did not take the execution in time, so it was not started"
            run.record.move(ExecutionStatus.FAILED, error=text)
            why = self._store.behind().error
            raise StoreError(f"{text}: {why or 'it is too slow'}") from None
        self._runs[execution_id] = run
        self._dispatcher.submit(execution_id)

    # The life of an execution.

    def _on_wait(self, execution_id: str, what: WaitingFor) -> None:
        self._runs[execution_id].record.set_waiting_for(what)

    def _on_start(self, execution_id: str) -> None:
        run = self._runs[execution_id]
        run.supervision = Supervision(
            run.job,
            run.record,
            self._pool,
            self._janitor,
            lambda paused: self._on_pause(run, paused),
        )
        run.record.move(RUNNING)
        _log_move(run.record)
        task = asyncio.create_task(self._supervise(run, run.supervision), name=execution_id)
        self._tasks[execution_id] = task

    def _on_pause(self, run: Run, paused: bool) -> None:
        run.pausing = False
        if run.record.status in (RUNNING, PAUSED):
            status = PAUSED if paused else RUNNING
            if run.record.status is not status:
                run.record.move(status)
                _log_move(run.record)

    async def _supervise(self, run: Run, supervision: Supervision) -> None:
        try:
            verdict = await supervision.run()
        except Exception as error:  # border: one execution's mishap is not the others'
            logger.exception("supervising %s failed", run.record.execution_id)
            supervision.end_now()
            verdict = Verdict(ExecutionStatus.FAILED, f"internal error: {error!r}")
        self._finish(run, verdict, supervision.cancellation)

    def _finish(self, run: Run, verdict: Verdict, cancellation: CancellationRecord | None) -> None:
        execution_id = run.record.execution_id
        status = verdict.status
        if run.record.status is PAUSED and status is ExecutionStatus.COMPLETED:
            run.record.move(RUNNING)
        stored = run.record.move(status, error=verdict.error, cancellation=cancellation)
        _log_move(run.record)
        self._tasks.pop(execution_id, None)
        self._dispatcher.release(execution_id)
        # Kept until it is stored: a locked database or a full disk loses nothing.
        loop = asyncio.get_running_loop()
        stored.add_done_callback(lambda done: self._forget(loop, execution_id, done))

    def _forget(
        self, loop: asyncio.AbstractEventLoop, execution_id: str, stored: Future[None]
    ) -> None:
        """In the store's thread: an execution's final state is stored, or was refused."""
        if (error := stored.exception()) is not None:
            logger.error("the final state of %s was not stored: %s", execution_id, error)
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._runs.pop, execution_id, None)

    # What a person asks.

    async def cancel(
        self, execution_id: str, *, source: CancelSource, requested_by: str | None
    ) -> CancelAnswer:
        """Cancel an execution. Returns at once; the stop follows within 0.5 s.

        Raises NotFound, WrongState when it is over.
        """
        (answer,) = await self._cancel([self._run(execution_id)], source, requested_by)
        return answer

    async def cancel_all(self, *, source: CancelSource, requested_by: str | None) -> list[str]:
        """Cancel every execution that is not over; return their ids."""
        runs = [run for run in self._runs.values() if not run.record.status.final]
        answers = await self._cancel(runs, source, requested_by)
        return [answer.execution_id for answer in answers]

    async def _cancel(
        self, runs: Sequence[Run], source: CancelSource, requested_by: str | None
    ) -> list[CancelAnswer]:
        """Cancel executions that are not over; wait for their commit, but not for long.

        The janitor and the runners of all are told before anything is written for one of them: a
        write costs more than a message, and the last of many would be told late.
        """
        now = time.monotonic()
        record = CancellationRecord(
            requested_at=utc_now(), requested_by=requested_by, source=source
        )
        for run in runs:
            if run.supervision is not None:
                run.supervision.cancel(record, now)
        already = [run.record.status is ExecutionStatus.CANCELLING for run in runs]
        stored = [
            asyncio.wrap_future(future)
            for run, was in zip(runs, already, strict=True)
            if (future := self._note_cancel(run, record, already=was))
        ]
        if stored:
            await asyncio.wait(stored, timeout=STORE_CANCEL_S)
        return [
            CancelAnswer(
                execution_id=run.record.execution_id, status=run.record.status, already=was
            )
            for run, was in zip(runs, already, strict=True)
        ]

    def _note_cancel(
        self, run: Run, record: CancellationRecord, *, already: bool
    ) -> Future[None] | None:
        if run.supervision is not None:
            told = run.supervision.cancellation or record
            return None if already else run.record.ask_cancel(told)
        self._dispatcher.withdraw(run.record.execution_id)
        ended = {"outcome": CancelOutcome.COOPERATIVE, "step_stopped_ms": 0.0, "tree_gone_ms": 0.0}
        record = record.model_copy(update=ended)
        run.record.ask_cancel(record)
        verdict = Verdict(ExecutionStatus.CANCELLED, None, CancelOutcome.COOPERATIVE)
        self._finish(run, verdict, record)
        return None

    def kill_now(self, execution_id: str) -> None:
        """End an execution that is being cancelled without a grace and without on_cancel."""
        run = self._runs.get(execution_id)
        if run is not None and run.supervision is not None:
            run.supervision.end_now()

    def pause(self, execution_id: str) -> CancelAnswer:
        """Pause after the current step. Raises NotFound, WrongState unless it runs."""
        run = self._run(execution_id)
        supervision = self._steerable(run, "paused", RUNNING)
        run.pausing = True
        supervision.pause()
        return _answer(run)

    def resume(self, execution_id: str) -> CancelAnswer:
        """Go on after a pause. Raises NotFound, WrongState unless one was asked for."""
        run = self._run(execution_id)
        if run.record.status is RUNNING and not run.pausing:
            raise _wrong_state(run, "resumed: it is not paused")
        supervision = self._steerable(run, "resumed", RUNNING, PAUSED)
        run.pausing = False
        supervision.resume()
        return _answer(run)

    def skip(self, execution_id: str, requested_by: str | None = None) -> CancelAnswer:
        """Skip the running step, or the next one. Raises NotFound, WrongState."""
        run = self._run(execution_id)
        supervision = self._steerable(run, "told to skip a step", RUNNING, PAUSED)
        if not supervision.skip(requested_by):
            raise _wrong_state(run, "told to skip a step: no runner is up yet, try again")
        return _answer(run)

    def _run(self, execution_id: str) -> Run:
        run = self._runs.get(execution_id)
        if run is None:
            raise NotFound(f"no execution {execution_id!r} is under way here")
        if run.record.status.final:
            raise _wrong_state(run, "changed: it is over")
        return run

    def _steerable(self, run: Run, what: str, *statuses: ExecutionStatus) -> Supervision:
        if run.record.status not in statuses or run.supervision is None:
            raise _wrong_state(run, what)
        return run.supervision

    # The worker's start and end.

    async def take_over(self, *, resume_pending: bool) -> None:
        """Close the executions of dead workers, whose trees are gone, and queue the pending."""
        loop = asyncio.get_running_loop()
        for row in await loop.run_in_executor(None, self._store.unfinished):
            steps = await loop.run_in_executor(None, self._store.step_runs, row.id)
            record = record_of(self._store, row, steps)
            if record.status is not ExecutionStatus.PENDING:
                close_dead(record, row)
            elif resume_pending:
                await self._queue_again(record, row)

    async def _queue_again(self, record: ExecutionRecord, row: ExecutionRow) -> None:
        try:
            if row.secret_parameters:
                names = ", ".join(row.secret_parameters)
                raise InternalError(
                    "the server was started anew, and secrets are never stored: "
                    f"start it again and give {names}"
                )
            snapshot = row.snapshot or {}
            loaded = await self._programs.from_snapshot(snapshot["main"], snapshot["files"])
            arguments = check_arguments(loaded.program.main, row.parameters)
        except ToolkitError as error:
            record.move(ExecutionStatus.FAILED, error=error.message)
            return
        job = self._job(row.id, loaded, arguments)
        record.set_steps(loaded.program.main.steps)
        self._runs[row.id] = Run(record, job)
        self._dispatcher.submit(row.id)

    async def shut_down(self, requested_by: str | None) -> None:
        """Cancel what runs by the ladder and wait for it; what is pending stays pending."""
        self._dispatcher.stop()
        running = [
            run
            for run in self._runs.values()
            if run.supervision is not None and not run.record.status.final
        ]
        await self._cancel(running, CancelSource.SHUTDOWN, requested_by)
        tasks = set(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks, timeout=SHUTDOWN_S)


def _secrets(value: object) -> Iterator[Secret]:
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _secrets(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _secrets(item)


def _answer(run: Run) -> CancelAnswer:
    return CancelAnswer(execution_id=run.record.execution_id, status=run.record.status)


def _wrong_state(run: Run, what: str) -> WrongState:
    status = run.record.status
    text = f"execution {run.record.execution_id} is {status} and cannot be {what}"
    return WrongState(text, status=status.value)


def _log_move(record: ExecutionRecord) -> None:
    logger.info(
        "execution %s of %s is %s",
        record.execution_id,
        record.summary.playbook_path,
        record.status,
        extra={"action": f"execution_{record.status}", "execution_id": record.execution_id},
    )
