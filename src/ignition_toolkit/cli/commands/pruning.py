"""`itk prune`: removes old executions, by the server that owns the data folder or by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from ignition_toolkit.cli.asking import as_text, ask
from ignition_toolkit.cli.claim import serving_owner
from ignition_toolkit.cli.exits import Exit
from ignition_toolkit.cli.login import login_name
from ignition_toolkit.cli.output import say, stdout
from ignition_toolkit.cli.text import byte_size, local_date_time, plural, printable
from ignition_toolkit.errors import OperatorError
from ignition_toolkit.execution.owner import FolderLock
from ignition_toolkit.execution.requests import PruneRequest
from ignition_toolkit.execution.settings import Settings
from ignition_toolkit.execution.views import PruneReport

Piece = Callable[[], PruneReport]


def prune(settings: Settings, older_than: int | None, *, dry_run: bool, as_json: bool) -> int:
    """Remove old executions and say what was removed. Returns the exit code.

    Ctrl-C ends it; what is left is removed another time.

    Raises:
        OperatorError: there is no such data folder, somebody else's run owns it, or everything is
            to be kept.
        StoreError: the database cannot be read or written.
    """
    request = PruneRequest(older_than, dry_run, login_name(), "cli")
    owner = serving_owner(settings)
    if owner is not None:
        report = _whole(lambda: _ask_server(owner.url, settings.data_dir, request))
    else:
        report = _prune_here(settings, request)
    stdout().write(as_text(report.model_dump(mode="json")) if as_json else _text(report))
    for problem in report.problems:
        say(f"itk: {printable(problem)}")
    return Exit.FAILED if report.problems else Exit.COMPLETED


def _ask_server(url: str | None, data_dir: Path, request: PruneRequest) -> PruneReport:
    # Any: a JSON body.
    body: dict[str, Any] = {"dry_run": request.dry_run}
    if request.older_than_days is not None:
        body["older_than_days"] = request.older_than_days
    answer = ask(url, lambda client: client.post("/api/prune", body), data_dir)
    return PruneReport.model_validate(answer)


def _prune_here(settings: Settings, request: PruneRequest) -> PruneReport:
    # Taking the folder would make it.
    if not settings.data_dir.is_dir():
        raise OperatorError(
            f"there is no data folder {settings.data_dir}: expected one that was used before; "
            "name it with --data-dir or ITK_DATA_DIR"
        )
    # Imported here: a server that is asked needs none of it.
    from ignition_toolkit.execution.opened_store import open_store
    from ignition_toolkit.execution.pruning import Pruner

    lock = FolderLock.take(settings.data_dir, "prune")
    try:
        with closing(open_store(settings)) as store:
            artifacts, keep_days = settings.artifacts_dir, settings.keep_days
            pruner = Pruner(store, artifacts, keep_days, threading.Event())
            return _whole(lambda: pruner.prune(request))
    finally:
        lock.release()


def _whole(piece: Piece) -> PruneReport:
    """Have piece after piece done, and return what they come to together."""
    total = piece()
    while total.more and not total.dry_run:
        total = _sum(total, piece())
    return total


def _sum(first: PruneReport, second: PruneReport) -> PruneReport:
    counted = ("executions", "artifact_folders", "artifact_bytes", "database_bytes")
    sums = {name: (getattr(first, name) or 0) + (getattr(second, name) or 0) for name in counted}
    # What could not be removed comes again with each piece.
    problems = dict.fromkeys((*first.problems, *second.problems))
    return second.model_copy(update={**sums, "problems": tuple(problems)})


def _text(report: PruneReport) -> str:
    return "".join(f"{line}\n" for line in _lines(report))


def _lines(report: PruneReport) -> Iterator[str]:
    before, others = map(local_date_time, (report.before, report.failures_before))
    which = f"completed before {before}, others that ended before {others}"
    if before == others:
        which = f"ended before {before}"
    if not report.executions and not report.artifact_folders:
        yield f"nothing to remove: no execution {which}"
        return
    at_least = "at least " if report.more else ""
    done = "would be removed" if report.dry_run else "removed"
    yield f"{at_least}{plural(report.executions, 'execution')} {done}: {which}"
    size = byte_size(report.artifact_bytes)
    yield f"  artifacts  {at_least}{size} in {plural(report.artifact_folders, 'folder')}"
    if report.database_bytes is not None:
        yield f"  database   {byte_size(report.database_bytes)} less"
