"""Has the artifacts of executions that are over redacted, in a thread of its own, without hurry.

A final status never waits for it. Until it is done the execution's mark stands in the database; by
that a later worker finds what a crash has cut short.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.errors import ToolkitError, WrongState
from ignition_toolkit.execution.artifact_folders import TimeUp
from ignition_toolkit.execution.artifact_marks import Mark
from ignition_toolkit.execution.artifact_redaction import redact_files
from ignition_toolkit.execution.artifacts import files_in
from ignition_toolkit.execution.inventory import Inventory
from ignition_toolkit.storage.changes import AddAudit, SetExecution
from ignition_toolkit.storage.rows import ExecutionRow
from ignition_toolkit.storage.store import Store

logger = logging.getLogger(__name__)

#: Seconds that a worker's end waits for what is still to be done.
CLOSE_S = 20.0
#: Seconds that the thread has to notice that it must stop.
GONE_S = 1.0
#: Folder, among those of the executions, for files that are being written.
SCRATCH = ".redacting"
#: What is said of a mark while it is being worked on, and when nobody could do that yet.
UNDER_WAY = "secrets are being taken out of them; try again in a moment"
NOT_YET = (
    "its worker ended before secrets were taken out of them; the server's next start does that"
)
LOST = (
    "its worker ended before secrets were taken out of them, and these cannot be looked up any"
    " more: "
)


@dataclass(frozen=True)
class _Known:
    """What an execution that is over knew of secrets."""

    redactor: Redactor
    mark: Mark


class ArtifactRedactor:
    """Redacts artifacts of executions that are over. All but `close` may be called from any thread.

    Args:
        store: of a data folder that this process owns.
        inventory: where secrets of earlier executions can be looked up.
        artifacts: folder of the executions' folders.
    """

    def __init__(self, store: Store, inventory: Inventory, artifacts: Path) -> None:
        self._store = store
        self._inventory = inventory
        self._artifacts = artifacts
        self._stop = threading.Event()
        # One thread: executions that end together do not slow down what runs.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="itk-redact")
        self._newest: Future[None] | None = None
        #: The secrets of executions that are over and still marked, as far as they are known.
        self._known: dict[str, _Known] = {}
        #: Those of them that are tried again at the end.
        self._later: set[str] = set()
        self._is_looking = False

    def redactor_of(self, execution_id: str) -> Redactor | None:
        """Return what knows all secrets of an execution that is over and still marked, if any."""
        known = self._known.get(execution_id)
        return known.redactor if known is not None else None

    def expect(self, execution_id: str, redactor: Redactor, mark: Mark | None) -> None:
        """Know the secrets of an execution from now on; called before it is over."""
        if mark is not None:
            self._known[execution_id] = _Known(redactor, mark)
            self._later.add(execution_id)

    def redact(self, execution_id: str) -> None:
        """Redact the artifacts of an execution that was expected, and take its mark away."""
        if (known := self._known.get(execution_id)) is not None:
            self._later.discard(execution_id)
            self._do(lambda: self._redact(execution_id, known))

    def look_for_marked(self) -> None:
        """Go on with what earlier workers have left to be done, of all executions that are over."""
        self._is_looking = True
        self._do(self._look)

    def why_withheld(self, row: ExecutionRow) -> str | None:
        """Say why nobody gets an execution's artifacts as they are, None where everybody does."""
        if row.unredacted is None:
            return None
        if self._is_looking or row.id in self._known:
            return UNDER_WAY
        why = Mark.of_row(row.unredacted).why or NOT_YET
        return f"{why}; `itk release {row.id} --artifacts` gives them out as they are"

    def release(self, row: ExecutionRow, note: AddAudit) -> Future[None]:
        """Have withheld artifacts given out as they are from now on; done when that is stored.

        Raises WrongState when they are not withheld, or only for this moment.
        """
        why = self.why_withheld(row)
        if why is None or why == UNDER_WAY:
            what = "are not withheld" if why is None else f"cannot be released: {why}"
            raise WrongState(f"the artifacts of execution {row.id} {what}", status=row.status)
        return self._store.submit([SetExecution(row.id, {"unredacted": None}), note])

    async def close(self) -> None:
        """Do what is still to be done, for CLOSE_S at most; what is left keeps its mark."""
        for execution_id in list(self._later):
            self.redact(execution_id)
        await self._wait(CLOSE_S)
        self._stop.set()
        await self._wait(GONE_S)
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _wait(self, seconds: float) -> None:
        if self._newest is not None and not self._newest.done():
            await asyncio.wait({asyncio.wrap_future(self._newest)}, timeout=seconds)

    def _do(self, work: Callable[[], None]) -> None:
        try:
            self._newest = self._thread.submit(work)
        except RuntimeError:
            # The worker was closed meanwhile: the mark stands, and the next one finds it.
            return

    # In the thread.

    def _look(self) -> None:
        shutil.rmtree(self._artifacts / SCRATCH, ignore_errors=True)
        try:
            found = self._marked()
        except ToolkitError as error:
            logger.error(
                "artifacts of earlier executions stay withheld: %s", error,
                extra={"action": "redaction_failed"},
            )  # fmt: skip
            return
        finally:
            self._is_looking = False
        for execution_id, known in found.items():
            self._redact(execution_id, known)

    def _marked(self) -> dict[str, _Known]:
        """Return what is still marked, and know the secrets of what can be redacted wholly."""
        rows = [row for row in self._store.unredacted() if row.id not in self._known]
        marks = [replace(Mark.of_row(row.unredacted or {}), why=None) for row in rows]
        found: dict[str, _Known] = {}
        again = self._inventory.secrets_again(marks)
        for row, mark, secrets in zip(rows, marks, again, strict=True):
            why = f"{LOST}{'; '.join(secrets.lost)}" if secrets.lost else None
            found[row.id] = _Known(secrets.redactor, replace(mark, why=why))
            if why is None:
                self._known[row.id] = found[row.id]
        return found

    def _redact(self, execution_id: str, known: _Known) -> None:
        folder = self._artifacts / execution_id
        scratch = self._artifacts / SCRATCH
        lost = known.mark.why
        try:
            problems = redact_files(folder, known.redactor, scratch, self._stop)
            # What is lost is nothing to withhold where there is no file.
            is_empty = not any(True for _ in files_in(folder))
        except TimeUp:
            return
        except Exception as error:  # noqa: BLE001 - border: one execution's files, not the others'
            # Without its own text, which may quote a file's name.
            problems, is_empty = [f"our mistake: {place_of(error)}"], False
        if lost:
            # A problem names its file, and that name may hold what cannot be looked up.
            problems = [] if is_empty else [lost]
        self._note(execution_id, known.mark, "; ".join(problems))

    def _note(self, execution_id: str, mark: Mark, why: str) -> None:
        """Take the mark away, or write why it stays."""
        if why:
            logger.warning(
                "artifacts of %s are not redacted: %s", execution_id, why,
                extra={"action": "redaction_failed", "execution_id": execution_id},
            )  # fmt: skip
            if execution_id in self._known:
                self._later.add(execution_id)
        row = replace(mark, why=why).to_row() if why else None
        try:
            stored = self._store.submit([SetExecution(execution_id, {"unredacted": row})])
        except ToolkitError:
            # The store is closed: the mark stands.
            return
        if row is None:
            stored.add_done_callback(lambda done: self._forget(execution_id, done))

    def _forget(self, execution_id: str, stored: Future[None]) -> None:
        # Not before: who finds the mark must find the redactor too.
        if stored.exception() is None:
            self._known.pop(execution_id, None)


def place_of(error: BaseException) -> str:
    """Return the class of an error and where it was raised, without its text."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"
