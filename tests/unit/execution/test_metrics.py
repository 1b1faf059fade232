"""What became of executions is counted once, by what the database has taken."""

from __future__ import annotations

from typing import Any

import pytest

from ignition_toolkit.execution.metrics import BOUNDS_S, Ends, Latencies
from ignition_toolkit.storage import EventRow
from tests.unit.storage.samples import START


# Any: fields of an execution's event, as JSON.
def event(status: str, kind: str = "execution", **fields: Any) -> EventRow:
    """Return an event of an execution that was started."""
    data = {"status": status, "started_at": "2026-11-22T10:00:00Z", "cancellation": None}
    return EventRow(id=1, execution_id="one", kind=kind, at=START, data=data | fields)


# Any: as above.
def cancelled(outcome: str | None, gone_ms: float | None, **fields: Any) -> EventRow:
    """Return the last event of an execution whose step had ended after 20 ms."""
    record = {"outcome": outcome, "step_stopped_ms": 20.0, "tree_gone_ms": gone_ms}
    return event("cancelled", cancellation=record, **fields)


@pytest.fixture
def ends() -> Ends:
    return Ends()


def test_an_execution_is_counted_at_its_end_and_not_before(ends: Ends) -> None:
    ends.on_commit([event(status) for status in ("pending", "running", "paused", "cancelling")])
    assert not ends.executions
    ends.on_commit([event("completed"), event("failed"), event("completed")])
    ends.on_commit([event("completed", "step"), event("completed", "log")])
    assert ends.executions == {"completed": 2, "failed": 1}
    assert not ends.cancels


def test_a_cancel_is_counted_with_its_latencies(ends: Ends) -> None:
    ends.on_commit([cancelled("cooperative", 30.0), cancelled("killed", 280.0)])
    assert ends.cancels == {"cooperative": 1, "killed": 1}
    assert ends.step_stopped.sum_s == pytest.approx(0.04)
    assert ends.tree_gone.sum_s == pytest.approx(0.31)
    assert ends.promises_missed == 0


@pytest.mark.parametrize(
    ("gone_ms", "missed"), [(499.9, 0), (500.0, 0), (500.1, 1), (4000.0, 1), (None, 1)]
)
def test_a_promise_is_missed_after_half_a_second(
    ends: Ends, gone_ms: float | None, missed: int
) -> None:
    ends.on_commit([cancelled("not_stopped" if gone_ms is None else "killed", gone_ms)])
    assert ends.promises_missed == missed


@pytest.mark.parametrize("outcome", ["too_late", "worker_lost", None])
def test_a_cancel_that_stopped_nothing_has_no_latency(ends: Ends, outcome: str | None) -> None:
    ends.on_commit([cancelled(outcome, None)])
    ends.on_commit([cancelled("cooperative", 0.0, started_at=None)])
    assert ends.cancels["cooperative"] == 1
    assert sum(ends.tree_gone.counts) == sum(ends.step_stopped.counts) == ends.promises_missed == 0


def test_a_latency_is_in_the_bucket_that_ends_with_it() -> None:
    latencies = Latencies()
    for milliseconds in (0.0, 10.0, 10.1, 500.0, 500.1, 60_000.0):
        latencies.add(milliseconds)
    buckets = dict(latencies.buckets())
    assert (buckets["0.01"], buckets["0.025"], buckets["0.4"]) == (2, 3, 3)
    assert (buckets["0.5"], buckets["0.75"], buckets["1.0"], buckets["+Inf"]) == (4, 5, 5, 6)
    assert len(buckets) == len(BOUNDS_S) + 1
