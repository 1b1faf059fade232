"""Removal of old executions with their artifacts, a bounded piece at a time. Blocks: for a thread.

Nothing that is not over is touched: the store names only executions whose final state it has, and
refuses to remove any other.
"""

from __future__ import annotations

import concurrent.futures
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from ignition_toolkit.errors import OperatorError, StoreError
from ignition_toolkit.execution import audit
from ignition_toolkit.execution.artifact_folders import (
    Pace,
    Tally,
    TimeUp,
    measure_folder,
    remove_folder,
)
from ignition_toolkit.execution.requests import PruneRequest
from ignition_toolkit.execution.views import PruneReport
from ignition_toolkit.playbook.models import utc_now
from ignition_toolkit.storage.changes import Prune
from ignition_toolkit.storage.store import Store

logger = logging.getLogger(__name__)

#: How many times as long as completed ones the others are kept.
FAILURES_FACTOR = 3
#: Seconds that one piece takes, so that a client gets its answer in time.
PIECE_S = 5.0
#: Executions that are looked at in one piece, and that are removed from the database together.
MOST = 10_000
AT_ONCE = 20
#: Seconds that the database has to remove those; a locked one may take for ever.
REMOVED_S = 15.0
#: Seconds between two looks whether the work has to stop.
LOOK_S = 0.1
#: Problems that a report names.
MAX_PROBLEMS = 10


@dataclass(frozen=True)
class Cut:
    """What is old enough: completed executions that ended before `before`, others by outcome."""

    before: datetime
    failures_before: datetime


def cut_of(keep_days: int, older_than_days: int | None, now: datetime) -> Cut:
    """Return what is to be removed.

    Args:
        keep_days: how long completed executions are kept, the others FAILURES_FACTOR times as
            long; 0: for ever.
        older_than_days: what somebody asks for, whatever became of the executions.
        now: aware.

    Raises:
        OperatorError: everything is to be kept.
    """
    if older_than_days is not None:
        moment = now - timedelta(days=older_than_days)
        return Cut(moment, moment)
    if keep_days == 0:
        raise OperatorError(
            "ITK_KEEP_DAYS is 0, so that every execution is kept: say how old those are that are "
            "to be removed, with --older-than DAYS or older_than_days"
        )
    failures_before = now - timedelta(days=FAILURES_FACTOR * keep_days)
    return Cut(now - timedelta(days=keep_days), failures_before)


@dataclass
class _Found:
    """What one piece has come to."""

    tally: Tally = field(default_factory=Tally)
    executions: int = 0
    more: bool = False
    problems: list[str] = field(default_factory=list)

    @property
    def is_progress(self) -> bool:
        return bool(self.executions or self.tally.folders or self.tally.size)

    def note(self, folder: Path, error: Exception) -> None:
        """Note that a folder stays, and its execution with it."""
        if len(self.problems) < MAX_PROBLEMS:
            why = error.strerror if isinstance(error, OSError) else "it is nested too deeply"
            text = f"the artifacts in {folder} cannot be removed: {why}; remove them by hand"
            self.problems.append(text)
            logger.error("%s", text, extra={"action": "prune_failed"})

    def report(self, cut: Cut, *, dry_run: bool, freed: int | None) -> PruneReport:
        return PruneReport(
            dry_run=dry_run,
            before=cut.before,
            failures_before=cut.failures_before,
            executions=self.executions,
            artifact_folders=self.tally.folders,
            artifact_bytes=self.tally.size,
            database_bytes=freed,
            # Where nothing can be removed, another try does not help.
            more=self.more and (dry_run or self.is_progress),
            problems=tuple(self.problems),
        )


class Pruner:
    """Removes old executions from a store, and their artifacts.

    Args:
        store: of a data folder that this process owns.
        artifacts: folder of the executions' folders.
        keep_days: see `cut_of`.
        stop: ends a piece of work early.
    """

    def __init__(
        self, store: Store, artifacts: Path, keep_days: int, stop: threading.Event
    ) -> None:
        self._store = store
        self._artifacts = artifacts
        self._keep_days = keep_days
        self._stop = stop

    def prune(self, request: PruneRequest) -> PruneReport:
        """Do one piece, which takes about PIECE_S; `more` tells whether there is another.

        Raises:
            OperatorError: everything is to be kept.
            StoreError: the database cannot be read, or takes no removal; what was removed before
                stays so, and the rest is found another time.
        """
        cut = cut_of(self._keep_days, request.older_than_days, utc_now())
        ids = self._store.prunable(cut.before, cut.failures_before, MOST)
        found = _Found(more=len(ids) == MOST)
        if request.dry_run:
            self._measure(ids, found)
            return found.report(cut, dry_run=True, freed=None)
        size = self._store.size()
        try:
            self._remove(ids, found)
        finally:
            self._tell(found, request)
        freed = max(0, size - self._store.size())
        return found.report(cut, dry_run=False, freed=freed)

    def _measure(self, ids: Sequence[str], found: _Found) -> None:
        found.executions = len(ids)
        pace = Pace(self._stop, PIECE_S)
        for execution_id in ids:
            try:
                measure_folder(self._artifacts / execution_id, found.tally, pace)
            except TimeUp:
                found.more = True
                return
            except (OSError, RecursionError) as error:
                found.note(self._artifacts / execution_id, error)

    def _remove(self, ids: Iterable[str], found: _Found) -> None:
        # The folder first: an execution that is still there is found another time, and a folder
        # whose execution is gone would not be.
        cleared = self._clear_folders(ids, found)
        while together := tuple(islice(cleared, AT_ONCE)):
            self._remove_from_store(together)
            found.executions += len(together)

    def _clear_folders(self, ids: Iterable[str], found: _Found) -> Iterator[str]:
        """Remove the executions' folders; yield the id of each that has none any more."""
        pace = Pace(self._stop, PIECE_S)
        for execution_id in ids:
            try:
                remove_folder(self._artifacts / execution_id, found.tally, pace)
            except TimeUp:
                found.more = True
                return
            except (OSError, RecursionError) as error:
                found.note(self._artifacts / execution_id, error)
            else:
                yield execution_id

    def _remove_from_store(self, ids: tuple[str, ...]) -> None:
        removed = self._store.submit([Prune(ids)])
        until = time.monotonic() + REMOVED_S
        while not removed.done():
            if self._stop.is_set() or time.monotonic() >= until:
                why = self._store.behind().error or "it is being stopped, or is too slow"
                raise StoreError(
                    f"the removal of {len(ids)} executions was not seen to end: {why}; "
                    "what is left of them can be removed another time"
                )
            concurrent.futures.wait({removed}, timeout=LOOK_S)
        removed.result()

    def _tell(self, found: _Found, request: PruneRequest) -> None:
        if not found.is_progress:
            return
        logger.info(
            "%d old executions were removed, with %d folders of artifacts",
            found.executions, found.tally.folders, extra={"action": "pruned"},
        )  # fmt: skip
        note = audit.note(
            audit.Action.PRUNE,
            source=request.source,
            requested_by=request.requested_by,
            executions=found.executions,
            artifact_bytes=found.tally.size,
            older_than_days=request.older_than_days,
        )
        self._store.submit([note])
