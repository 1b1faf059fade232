"""What pages show of executions beyond their states: logs, artifacts, histories, sizes.

All of it is read from the database and the data folder, in threads; nothing here touches what runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.errors import NotFound
from ignition_toolkit.execution.artifact_redaction import redacted_copy
from ignition_toolkit.execution.artifacts import count_bytes, list_artifacts, open_artifact
from ignition_toolkit.execution.pruning import FAILURES_FACTOR
from ignition_toolkit.execution.settings import Settings
from ignition_toolkit.execution.stored_views import summary_of
from ignition_toolkit.execution.views import Artifact, ExecutionSummary, Upkeep
from ignition_toolkit.storage import EventRow, LogFilter, LostLines, Store

T = TypeVar("T")

Pair = tuple[ExecutionSummary | None, ExecutionSummary | None]


class Archive:
    """Reads what is stored, from any event loop. Raises StoreError when it cannot be read.

    A caller that is cancelled stops waiting; the read goes on to its end.

    Args:
        store: of the data folder.
        settings: where that is.
        redactor_of: what knows the secrets of an execution that is under way; None of another one.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        redactor_of: Callable[[str], Redactor | None],
    ) -> None:
        self._store = store
        self._settings = settings
        self._redactor_of = redactor_of

    async def newest_lines(
        self, execution_id: str, wanted: LogFilter, *, limit: int, before: int | None = None
    ) -> Sequence[EventRow]:
        """Return the newest log events of an execution that are wanted, oldest of them first."""
        return await _read(
            lambda: self._store.newest_lines(execution_id, wanted, limit=limit, before=before)
        )

    async def next_lines(
        self, execution_id: str, wanted: LogFilter, *, limit: int, after: int
    ) -> Sequence[EventRow]:
        """Return the first log events of an execution that are wanted and beyond a number."""
        return await _read(
            lambda: self._store.next_lines(execution_id, wanted, limit=limit, after=after)
        )

    async def lost_lines(self, execution_id: str) -> LostLines:
        """Return how many lines are missing from an execution's log."""
        return await _read(lambda: self._store.lost_lines(execution_id))

    async def neighbours(self, execution_id: str) -> Pair:
        """Return the runs of the same playbook just before and just after an execution."""
        found = await _read(lambda: self._store.neighbours(execution_id))
        previous, following = found.previous, found.next
        return (
            summary_of(previous) if previous else None,
            summary_of(following) if following else None,
        )

    async def latest_runs(self) -> dict[str, ExecutionSummary]:
        """Return the newest execution of each playbook, by the playbook's path."""
        rows = await _read(self._store.latest_runs)
        return {row.playbook_path: summary_of(row) for row in rows}

    async def recent_cancels(self, *, limit: int) -> Sequence[ExecutionSummary]:
        """Return the newest executions that are over and were cancelled, newest first."""
        rows = await _read(lambda: self._store.recent_cancels(limit))
        return [summary_of(row) for row in rows]

    async def artifacts(self, execution_id: str) -> tuple[Artifact, ...]:
        """Return the files that an execution has left; none where there is no such execution."""
        folder = await self._folder(execution_id)
        return await _read(lambda: list_artifacts(folder)) if folder else ()

    async def open_artifact(self, execution_id: str, name: str) -> int:
        """Return a descriptor of such a file, for the caller to close.

        While the execution is under way it is that of a copy without secrets, where it is a text.
        Raises NotFound, WrongState when such a copy takes too long.
        """
        folder = await self._folder(execution_id)
        if folder is None:
            raise NotFound(f"no execution has the id {execution_id!r}", id=execution_id)
        # Asked before: its files are without secrets once it is over.
        redactor = self._redactor_of(execution_id)
        if redactor is None or not redactor:
            return await _read(lambda: open_artifact(folder, name))
        return await _read(lambda: redacted_copy(open_artifact(folder, name), redactor))

    async def upkeep(self) -> Upkeep:
        """Say what is kept, and for how long."""
        settings = self._settings
        return Upkeep(
            data_dir=str(settings.data_dir),
            database_bytes=await _read(self._store.size),
            artifact_bytes=await _read(lambda: count_bytes(settings.artifacts_dir)),
            keep_days=settings.keep_days,
            keep_failures_days=FAILURES_FACTOR * settings.keep_days,
            max_running=settings.max_running,
        )

    async def _folder(self, execution_id: str) -> Path | None:
        # Looked up before it names a folder: an id comes from an address that somebody typed.
        row = await _read(lambda: self._store.execution(execution_id))
        return self._settings.artifacts_dir / row.id if row is not None else None


async def _read(read: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(None, read)
