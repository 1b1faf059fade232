"""What pages show of executions beyond their states: logs, artifacts, histories, sizes.

All of it is read from the database and the data folder, in threads; nothing here touches what runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from io import FileIO, RawIOBase
from typing import TypeVar

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.errors import NotFound, WrongState
from ignition_toolkit.execution.artifacts import count_bytes, list_artifacts, open_artifact
from ignition_toolkit.execution.pruning import FAILURES_FACTOR
from ignition_toolkit.execution.redacted_file import list_redacted, open_redacted
from ignition_toolkit.execution.settings import Settings
from ignition_toolkit.execution.stored_views import summary_of
from ignition_toolkit.execution.views import ArtifactList, ExecutionSummary, Upkeep
from ignition_toolkit.storage import EventRow, ExecutionRow, LogFilter, LostLines, Store

T = TypeVar("T")

Pair = tuple[ExecutionSummary | None, ExecutionSummary | None]


class Archive:
    """Reads what is stored, from any event loop. Raises StoreError when it cannot be read.

    A caller that is cancelled stops waiting; the read goes on to its end.

    Args:
        store: of the data folder.
        settings: where that is.
        redactor_of: what knows the secrets of an execution while its artifacts may hold them.
        why_withheld: why artifacts are given to nobody as they are, None where they are.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        redactor_of: Callable[[str], Redactor | None],
        why_withheld: Callable[[ExecutionRow], str | None],
    ) -> None:
        self._store = store
        self._settings = settings
        self._redactor_of = redactor_of
        self._why_withheld = why_withheld

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

    async def artifacts(self, execution_id: str) -> ArtifactList:
        """Return the files that an execution has left; none where there is no such execution.

        While they may hold secrets, names are without them; withheld ones are not listed.
        """
        redactor, row = await self._marked(execution_id)
        if row is None:
            return ArtifactList()
        folder = self._settings.artifacts_dir / row.id
        if redactor:
            return ArtifactList(items=await _read(lambda: list_redacted(folder, redactor)))
        if (why := self._why_withheld(row)) is not None:
            return ArtifactList(withheld=why)
        return ArtifactList(items=await _read(lambda: list_artifacts(folder)))

    async def open_artifact(self, execution_id: str, name: str) -> RawIOBase:
        """Open such a file, for the caller to read in a thread and to close.

        While it may hold secrets a text is without them. Raises NotFound; WrongState when it is
        withheld.
        """
        redactor, row = await self._marked(execution_id)
        if row is None:
            raise NotFound(f"no execution has the id {execution_id!r}", id=execution_id)
        folder = self._settings.artifacts_dir / row.id
        if redactor:
            return await _read(lambda: open_redacted(folder, name, redactor))
        if (why := self._why_withheld(row)) is not None:
            text = f"the artifacts of execution {row.id} are withheld: {why}"
            raise WrongState(text, status=row.status)
        return await _read(lambda: FileIO(open_artifact(folder, name)))

    def withheld(self, row: ExecutionRow) -> str | None:
        """Say why an execution's artifacts are given to nobody, None where they are given."""
        return None if self._redactor_of(row.id) else self._why_withheld(row)

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

    async def _marked(self, execution_id: str) -> tuple[Redactor | None, ExecutionRow | None]:
        # In this order: who knows the secrets forgets them after the mark has gone. The row is
        # looked up before it names a folder: an id comes from an address that somebody typed.
        redactor = self._redactor_of(execution_id)
        return redactor, await _read(lambda: self._store.execution(execution_id))


async def _read(read: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(None, read)
