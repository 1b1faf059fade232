"""What random runs share: the worker that keeps its events, and what was seen of each execution."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import TypeVar

from bench.figures import summary, table
from ignition_toolkit.execution.owner import FolderLock
from ignition_toolkit.execution.settings import Settings
from ignition_toolkit.execution.supervisor import PROMISE_MS
from ignition_toolkit.execution.views import ExecutionSummary
from ignition_toolkit.execution.worker import Worker
from ignition_toolkit.playbook.models import ExecutionStatus
from ignition_toolkit.storage import EventRow
from tests.e2e.observer import marked, monotonic_of
from tests.integration.execution.rig import SOON_S, Rig
from tests.polling import poll_until_async

T = TypeVar("T")
#: Seconds in which all runners that were used are forgotten, and no other is being started.
REST_S = 30.0


class RecordedWorker(Worker):
    """A worker whose events are also kept here, as they were committed."""

    def __init__(self, settings: Settings, lock: FolderLock) -> None:
        self.rows: dict[str, list[EventRow]] = {}
        super().__init__(settings, lock)

    def _publish(self, rows: list[EventRow]) -> None:
        for row in rows:
            self.rows.setdefault(row.execution_id, []).append(row)
        super()._publish(rows)


@dataclass
class Tally:
    """What the machines have seen."""

    runs: int = 0
    reruns: int = 0
    pruned: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    #: Of the cancels that were asked for.
    outcomes: Counter[str] = field(default_factory=Counter)
    #: Of the steps that were timed out or skipped while they ran.
    steps: Counter[str] = field(default_factory=Counter)
    on_cancel: Counter[str] = field(default_factory=Counter)
    #: Milliseconds from each of those until its tree was gone.
    gone_ms: list[float] = field(default_factory=list)

    def table(self) -> str:
        """Return all of it as it stands in bench/README.md."""
        late = sum(ms > PROMISE_MS for ms in self.gone_ms)
        rows = [
            (
                "runs, reruns among them, pruned before the look",
                self.runs,
                self.reruns,
                self.pruned,
            ),
            ("ended", _said(self.statuses)),
            ("cancels", _said(self.outcomes)),
            ("steps stopped alone", _said(self.steps)),
            ("on_cancel steps", _said(self.on_cancel)),
            ("request until the tree was gone (record), ms", summary(self.gone_ms)),
            ("of these later than 500 ms", f"{late} of {len(self.gone_ms)}"),
            ("violations", 0),
        ]
        return table(["what", "seen"], [[row[0], ", ".join(map(str, row[1:]))] for row in rows])


def _said(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.most_common())


@dataclass
class Scene:
    """What all machines share."""

    rig: Rig
    worker: RecordedWorker
    loop: asyncio.Runner
    tally: Tally = field(default_factory=Tally)
    machines: int = 0
    #: What went wrong, as it was when it did.
    failures: list[Exception] = field(default_factory=list)

    def ask(self, question: Awaitable[T]) -> T:
        """Await something, while no event loop runs in this thread."""

        async def ask() -> T:
            return await question

        return self.loop.run(ask())


@dataclass
class Watched:
    """One execution, and what was asked of it."""

    execution_id: str
    #: With which the names of its files begin.
    prefix: str
    begin: float
    rows: list[EventRow]
    asked: bool = False

    @property
    def is_over(self) -> bool:
        """Whether its final status is committed."""
        rows = [row for row in list(self.rows) if row.kind == "execution"]
        return bool(rows) and ExecutionStatus(rows[-1].data["status"]).final

    @property
    def is_in_a_step(self) -> bool:
        """Whether a step runs; true of one that is over too."""
        steps = {row.data["step_id"]: row.data for row in list(self.rows) if row.kind == "step"}
        return self.is_over or any(step["status"] == "running" for step in steps.values())

    @property
    def last(self) -> ExecutionSummary:
        """Its summary as the last event has it."""
        return ExecutionSummary.model_validate(self.rows[-1].data)

    @property
    def end(self) -> float:
        """Monotonic second of its final status."""
        assert self.last.completed_at is not None
        return monotonic_of(self.last.completed_at.timestamp())


def count(tally: Tally, run: Watched) -> None:
    """Take an execution that is over into a tally."""
    tally.statuses[str(run.last.status)] += 1
    if run.asked and (record := run.last.cancellation) is not None:
        tally.outcomes[str(record.outcome)] += 1
        tally.on_cancel.update(str(result.status) for result in record.on_cancel)
        if record.tree_gone_ms is not None:
            tally.gone_ms.append(record.tree_gone_ms)
    stops = {
        (row.data["step_id"], record["requested_at"]): record
        for row in run.rows
        if row.kind == "step" and (record := row.data["cancellation"]) is not None
    }
    for record in stops.values():
        tally.steps[f"{record['source']} {record['outcome']}"] += 1
        if record["tree_gone_ms"] is not None:
            tally.gone_ms.append(record["tree_gone_ms"])


async def at_rest(rig: Rig) -> None:
    """Fail unless a worker becomes as it was before anything was started."""
    core = rig.worker._core
    manager, pool = core.manager, core._pool
    await poll_until_async(lambda: not manager._runs and not manager._tasks, SOON_S)
    assert (manager.running, manager.pending, manager.blocking) == (0, 0, [])
    lines = manager._dispatcher._lines
    assert (lines._lines, lines._claims) == ({}, {})

    def is_quiet() -> bool:
        asked = core.programs._questions._runner
        kept = {*pool.warm_pids, *([asked.pid] if asked is not None else [])}
        if set(pool.pids) != kept or pool._starting:
            return False
        ours = marked(lambda text: text.startswith(pool._prefix))
        return {identity.pid for identity in ours} == pool.children

    await poll_until_async(is_quiet, REST_S)
