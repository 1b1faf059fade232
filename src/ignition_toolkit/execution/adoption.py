"""What becomes of the executions of a worker that died, when the next one starts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import Future

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.errors import InternalError, PlaybookInvalid, ToolkitError
from ignition_toolkit.execution.dead_worker import Found, close_dead, find, is_owner_alive
from ignition_toolkit.execution.hand_overs import LeftToPerson, handed_over_line
from ignition_toolkit.execution.jobs import Jobs
from ignition_toolkit.execution.manager import ExecutionManager
from ignition_toolkit.execution.record import ExecutionRecord
from ignition_toolkit.execution.reruns import TakenOver
from ignition_toolkit.execution.stored_views import snapshot_of, step_of, summary_of
from ignition_toolkit.playbook.arguments import check_arguments
from ignition_toolkit.playbook.models import ExecutionStatus, Leftover
from ignition_toolkit.storage.rows import ExecutionRow, StepRow
from ignition_toolkit.storage.store import Store

logger = logging.getLogger(__name__)

#: Seconds that a start waits for the states of dead runs to be stored.
WRITTEN_S = 10.0
#: What an execution is that had a runner when its worker died.
LOST = (ExecutionStatus.RUNNING, ExecutionStatus.PAUSED, ExecutionStatus.CANCELLING)


class Adoption:
    """Takes over what dead workers left in the store; their processes are gone already.

    Args:
        store: where it is written.
        jobs: loads what is pending, with the secrets that it needs.
        manager: runs what is pending.
    """

    def __init__(self, store: Store, jobs: Jobs, manager: ExecutionManager) -> None:
        self._store = store
        self._jobs = jobs
        self._manager = manager

    async def run(
        self,
        left: Sequence[Leftover] = (),
        handed_over: Sequence[LeftToPerson] = (),
        *,
        resume_pending: bool,
    ) -> None:
        """Write the final states of what was running, and queue what was pending.

        Returns when the states are stored, or the database did not take them in time: then they
        wait in memory like any other change.

        Args:
            left: processes of dead workers that could not be ended just now. Nobody can tell
                whose they are: each execution that was running counts as not stopped.
            handed_over: what people have got of executions. One whose worker died before it could
                say so says it now.
            resume_pending: whether what was pending is queued, else it stays pending.
        """
        found = await asyncio.get_running_loop().run_in_executor(None, self._read)
        over = [one for one in found if one.record.status.final]
        pending = [one for one in found if one.record.status is ExecutionStatus.PENDING]
        lost = [one for one in found if one.record.status in LOST]
        # What stays blocked comes first: nothing that waited may start on it.
        written = [done for one in over for done in self._look_whether_free(one)]
        known = {(process.pid, process.start) for one in over for process in one.alive}
        new = tuple(process for process in left if (process.pid, process.start) not in known)
        for one in lost:
            if theirs := [p for p in handed_over if p.execution_id == one.record.execution_id]:
                one.record.log(handed_over_line(theirs))
            # What had not begun has left nothing.
            left = one.alive or (new if one.row.started_at is not None else ())
            written.append(close_dead(one.record, one.row, left))
            self._manager.block(one.record)
        for one in pending if resume_pending else ():
            written += await self._queue_again(one)
        if written:
            await asyncio.wait(map(asyncio.wrap_future, written), timeout=WRITTEN_S)

    def _read(self) -> list[Found]:
        """Return what is not over and nobody's, and what blocks something. Blocks."""
        found = [find(row, record_of(self._store, row, [])) for row in self._store.blocking()]
        for row in self._store.unfinished():
            if is_owner_alive(row.owner):
                logger.error("execution %s is left alone: its worker lives (%s)", row.id, row.owner)
            else:
                steps = self._store.step_runs(row.id)
                found.append(find(row, record_of(self._store, row, steps), steps))
        return found

    def _look_whether_free(self, found: Found) -> list[Future[None]]:
        """Keep blocked what a process can still act on that could not be ended, and free the rest.

        A person who ends it by hand, or restarts the machine, need not release it as well.
        """
        record = found.record
        if found.alive:
            self._manager.block(record)
            return []
        what = record.summary.holds.title if record.summary.holds else "nothing"
        logger.info(
            "%s is free again: what execution %s had left has ended", what, record.execution_id,
            extra={"action": "released", "execution_id": record.execution_id},
        )  # fmt: skip
        return [record.let_go()]

    async def _queue_again(self, found: Found) -> list[Future[None]]:
        row, record = found.row, found.record
        try:
            _refuse_secrets(row)
            snapshot = snapshot_of(row)
            loaded = await self._jobs.programs.from_snapshot(snapshot.main, snapshot.files)
            main = loaded.program.main
            arguments = check_arguments(main, row.parameters)
            begin = row.rerun_from_step
            taken = TakenOver.read(main, begin, found.steps) if begin is not None else None
            job = await self._jobs.make(row.id, loaded, arguments, taken)
        except ToolkitError as error:
            lines = error.problems if isinstance(error, PlaybookInvalid) else []
            text = "; ".join([error.message, *lines])
            text = f"it could not be started again: {text}"
            return [record.move(ExecutionStatus.FAILED, error=text)]
        record.set_steps(main.steps)
        record.know(job.redactor, job.mark)
        self._manager.submit(record, job)
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
