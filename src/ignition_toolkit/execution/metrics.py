"""The figures of one worker, as plain numbers. What a monitoring system reads is made in `api`.

Nothing here is called on the way of a cancel: what became of executions is counted from the events
that the database has taken, on the store's thread; everything else is read when it is asked for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from ignition_toolkit.execution.supervisor import PROMISE_MS
from ignition_toolkit.playbook.models import CancelOutcome, ExecutionStatus
from ignition_toolkit.storage.rows import EventRow

#: Upper bounds of the histograms' buckets, in seconds; the promise is one of them.
BOUNDS_S = (0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0)

_FINAL = frozenset(status.value for status in ExecutionStatus if status.final)
#: Outcomes of cancels that stopped something, with figures that were measured.
_STOPPED = frozenset(
    outcome.value
    for outcome in (CancelOutcome.COOPERATIVE, CancelOutcome.KILLED, CancelOutcome.NOT_STOPPED)
)


@dataclass
class Latencies:
    """A histogram over `BOUNDS_S`; its last bucket has no bound."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    sum_s: float = 0.0

    def add(self, milliseconds: float) -> None:
        """Count one latency."""
        seconds = milliseconds / 1000
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.sum_s += seconds

    def buckets(self) -> list[tuple[str, int]]:
        """Return each bucket's bound as text, and how many latencies are not above it."""
        bounds = [*map(str, BOUNDS_S), "+Inf"]
        return list(zip(bounds, accumulate(self.counts), strict=True))


class Ends:
    """What became of executions, counted when their final state is stored."""

    def __init__(self) -> None:
        #: Executions by their final status.
        self.executions = Counter[str]()
        #: Cancels of executions by their outcome.
        self.cancels = Counter[str]()
        #: From a cancel to the end of the running step, and of everything that it had started.
        self.step_stopped = Latencies()
        self.tree_gone = Latencies()
        #: Cancels after which something was left for longer than the promised half second.
        self.promises_missed = 0

    def on_commit(self, rows: Iterable[EventRow]) -> None:
        """Take note of events that the database has taken; called on its thread."""
        for row in rows:
            # Nothing follows a final status: each execution comes here once.
            if row.kind == "execution" and row.data["status"] in _FINAL:
                self.executions[row.data["status"]] += 1
                if row.data["cancellation"] is not None:
                    self._add(row.data["cancellation"], started=row.data["started_at"] is not None)

    # Any: a cancellation record as JSON.
    def _add(self, record: Mapping[str, Any], *, started: bool) -> None:
        if record["outcome"] is not None:
            self.cancels[record["outcome"]] += 1
        # One that was still pending had nothing to be stopped.
        if not started or record["outcome"] not in _STOPPED:
            return
        gone_ms = record["tree_gone_ms"]
        if record["step_stopped_ms"] is not None:
            self.step_stopped.add(record["step_stopped_ms"])
        if gone_ms is not None:
            self.tree_gone.add(gone_ms)
        self.promises_missed += gone_ms is None or gone_ms > PROMISE_MS


@dataclass(frozen=True, kw_only=True)
class Readings:
    """All figures of a worker at one moment; those that count begin at 0 with the worker.

    Args:
        ends: what became of executions.
        running: executions that have a slot.
        pending: executions that wait to be started.
        warm_runners: runners that are ready.
        runner_starts: runners that came up.
        runner_start_failures: runners that did not.
        unsaved: changes that the database has not taken yet.
        dropped_log_lines: see Losses.
        dropped_output_bytes: see Losses.
        dropped_log_events: log events that the store dropped while too many waited.
        supervision_blocks: how often the supervision loop was late.
        supervision_blocked_s: by how many seconds in all.
        handler_blocks: how often a step's handler has blocked its runner's event loop.
        handler_blocked_s: for how many seconds in all.
    """

    ends: Ends
    running: int
    pending: int
    warm_runners: int
    runner_starts: int
    runner_start_failures: int
    unsaved: int
    dropped_log_lines: int
    dropped_output_bytes: int
    dropped_log_events: int
    supervision_blocks: int
    supervision_blocked_s: float
    handler_blocks: int
    handler_blocked_s: float
