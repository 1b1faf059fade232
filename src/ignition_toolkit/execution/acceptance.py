"""Where a new execution comes from, and its record: from a start, or from a rerun."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ignition_toolkit.errors import NotFound, RerunRefused
from ignition_toolkit.execution.job import Job
from ignition_toolkit.execution.programs import Programs
from ignition_toolkit.execution.record import ExecutionRecord
from ignition_toolkit.execution.requests import Source, StartKey
from ignition_toolkit.execution.reruns import TakenOver
from ignition_toolkit.execution.stored_views import snapshot_of
from ignition_toolkit.execution.views import ExecutionSummary
from ignition_toolkit.playbook.arguments import redacted
from ignition_toolkit.playbook.models import ExecutionStatus, utc_now
from ignition_toolkit.playbook.program import LoadedProgram
from ignition_toolkit.storage.rows import ExecutionRow
from ignition_toolkit.storage.store import Store


@dataclass(frozen=True)
class Origin:
    """Where a new execution comes from.

    Args:
        requested_by: who asked.
        source: from where it was asked.
        secret_parameters: names of those that were given inline, which are not stored.
        key: of the request, when it has one.
        rerun_of: id of the execution that it runs again.
        taken: what is taken over from that one.
    """

    requested_by: str | None
    source: Source = "api"
    secret_parameters: Sequence[str] = ()
    key: StartKey | None = None
    rerun_of: str | None = None
    taken: TakenOver | None = None


async def load_again(programs: Programs, old: ExecutionRow, *, newest: bool) -> LoadedProgram:
    """Return what a rerun of a stored execution runs.

    Args:
        programs: loads it.
        old: the stored execution.
        newest: whether it is what the library has now; else the text that was run before.

    Raises RerunRefused when the library has it no more, InternalError, PlaybookInvalid.
    """
    if not newest:
        snapshot = snapshot_of(old)
        return await programs.from_snapshot(snapshot.main, snapshot.files)
    try:
        return await programs.load(old.playbook_path, None)
    except NotFound as error:
        raise RerunRefused(
            f"execution {old.id} has no newest text: {error.message}; it may have been started "
            "from a file outside the library; run the text again that it ran before"
        ) from error


def new_record(store: Store, execution_id: str, job: Job, origin: Origin) -> ExecutionRecord:
    """Return the record of an execution that is accepted; nothing is stored yet."""
    main, taken, by = job.program.main, origin.taken, origin.requested_by
    summary = ExecutionSummary(
        execution_id=execution_id,
        playbook_name=main.name,
        playbook_path=main.path,
        status=ExecutionStatus.PENDING,
        created_at=utc_now(),
        current_step_index=len(taken.steps) if taken else 0,
        total_steps=len(main.steps),
        requested_by=job.redactor.text(by) if by is not None else None,
        rerun_of=origin.rerun_of,
        rerun_from_step=taken.from_step if taken else None,
    )
    record = ExecutionRecord(store, summary, redacted(job.parameters), job.redactor)
    record.set_steps(main.steps)
    if taken is not None:
        record.take_over(taken)
    return record
