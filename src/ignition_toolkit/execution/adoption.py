"""What becomes of the executions of a worker that died, when the next one starts."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import Future

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.errors import InternalError, PlaybookInvalid, ToolkitError
from ignition_toolkit.execution import on_cancel
from ignition_toolkit.execution.manager import ExecutionManager
from ignition_toolkit.execution.owner import ProcessIdentity
from ignition_toolkit.execution.programs import Programs
from ignition_toolkit.execution.record import ExecutionRecord
from ignition_toolkit.execution.reruns import TakenOver
from ignition_toolkit.execution.stored_views import snapshot_of, step_of, summary_of
from ignition_toolkit.playbook.arguments import check_arguments
from ignition_toolkit.playbook.models import (
    CancellationRecord,
    CancelOutcome,
    CancelSource,
    ExecutionStatus,
    StepStatus,
)
from ignition_toolkit.storage.rows import ExecutionRow, StepRow
from ignition_toolkit.storage.store import Store

logger = logging.getLogger(__name__)

#: Seconds that a start waits for the states of dead runs to be stored.
WRITTEN_S = 10.0

WORKER_DIED = "the server or `itk run` that ran it ended without finishing it"


def owner_text(identity: ProcessIdentity, worker: str) -> str:
    """Return how the rows of running executions name their worker."""
    return f"{identity.boot_id} {identity.pid} {identity.start} {worker}"


def is_owner_alive(owner: str | None) -> bool:
    """Whether the process of a row's worker lives, and is not this one.

    This process owns the data folder anew: whatever an earlier worker in it had, it has lost.
    """
    try:
        boot_id, pid, start, _ = (owner or "").split(" ")
        identity = ProcessIdentity(int(pid), boot_id, int(start))
    except ValueError:
        return False
    return identity != ProcessIdentity.mine() and identity.alive


class Adoption:
    """Takes over what dead workers left in the store; their processes are gone already.

    Args:
        store: where it is written.
        programs: loads what is pending.
        manager: runs what is pending.
    """

    def __init__(self, store: Store, programs: Programs, manager: ExecutionManager) -> None:
        self._store = store
        self._programs = programs
        self._manager = manager

    async def run(self, *, resume_pending: bool) -> None:
        """Write the final states of what was running, and queue what was pending.

        Returns when the states are stored, or the database did not take them in time: then they
        wait in memory like any other change.
        """
        written: list[Future[None]] = []
        for row, steps in await asyncio.get_running_loop().run_in_executor(None, self._read):
            record = record_of(self._store, row, steps)
            if record.status is not ExecutionStatus.PENDING:
                written.append(close_dead(record, row))
            elif resume_pending:
                written += await self._queue_again(record, row, steps)
        if written:
            await asyncio.wait(map(asyncio.wrap_future, written), timeout=WRITTEN_S)

    def _read(self) -> list[tuple[ExecutionRow, list[StepRow]]]:
        """Return what is not over and nobody's, with its steps. Blocks."""
        found = []
        for row in self._store.unfinished():
            if is_owner_alive(row.owner):
                logger.error("execution %s is left alone: its worker lives (%s)", row.id, row.owner)
            else:
                found.append((row, self._store.step_runs(row.id)))
        return found

    async def _queue_again(
        self, record: ExecutionRecord, row: ExecutionRow, steps: list[StepRow]
    ) -> list[Future[None]]:
        try:
            _refuse_secrets(row)
            snapshot = snapshot_of(row)
            loaded = await self._programs.from_snapshot(snapshot.main, snapshot.files)
            main = loaded.program.main
            arguments = check_arguments(main, row.parameters)
            begin = row.rerun_from_step
            taken = TakenOver.read(main, begin, steps) if begin is not None else None
        except ToolkitError as error:
            lines = error.problems if isinstance(error, PlaybookInvalid) else []
            text = "; ".join([error.message, *lines])
            text = f"it could not be started again: {text}"
            return [record.move(ExecutionStatus.FAILED, error=text)]
        record.set_steps(main.steps)
        self._manager.submit(record, self._manager.job(row.id, loaded, arguments, taken))
        return []


def _refuse_secrets(row: ExecutionRow) -> None:
    if row.secret_parameters:
        names = ", ".join(row.secret_parameters)
        raise InternalError(
            f"the server was started anew, and secrets are never stored; start it once more and "
            f"give {names} again"
        )


def record_of(store: Store, row: ExecutionRow, steps: list[StepRow]) -> ExecutionRecord:
    """Return the record of a stored execution, to go on with it."""
    views = [step_of(step) for step in steps]
    return ExecutionRecord(store, summary_of(row), row.parameters, Redactor(()), views)


def close_dead(record: ExecutionRecord, row: ExecutionRow) -> Future[None]:
    """Write the final status of an execution whose worker is dead and whose tree is gone."""
    if row.cancel_requested_at is None:
        record.close_running(StepStatus.FAILED, WORKER_DIED)
        return record.move(ExecutionStatus.INTERRUPTED, error=WORKER_DIED)
    cancellation = record.summary.cancellation or CancellationRecord(
        requested_at=row.cancel_requested_at,
        requested_by=row.cancel_requested_by,
        source=CancelSource(row.cancel_source or CancelSource.API),
    )
    record.close_running(StepStatus.CANCELLED, None)
    # Its figures are known already when the worker died while on_cancel steps ran.
    values = {
        "outcome": cancellation.outcome or CancelOutcome.WORKER_LOST,
        "on_cancel": on_cancel.after_worker_lost(cancellation.on_cancel, record.steps, WORKER_DIED),
    }
    cancellation = cancellation.model_copy(update=values)
    if cancellation.outcome is CancelOutcome.NOT_STOPPED:
        error = "could not be stopped; its worker died while it tried"
        return record.move(ExecutionStatus.FAILED, error=error, cancellation=cancellation)
    return record.move(ExecutionStatus.CANCELLED, cancellation=cancellation)
