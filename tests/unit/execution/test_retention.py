"""Old executions go once a day without being asked, and whatever is wrong one day, go the next."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from ignition_toolkit.errors import StoreError
from ignition_toolkit.execution import retention as retention_module
from ignition_toolkit.execution.pruning import Pruner
from ignition_toolkit.execution.requests import PruneRequest
from ignition_toolkit.execution.retention import Retention
from ignition_toolkit.execution.views import PruneReport
from tests.polling import poll_until_async
from tests.unit.execution.fakes import FakeStore
from tests.unit.storage.samples import START


@dataclass
class FakePruner:
    """Notes what is asked for; `more` are the answers, an exception is raised."""

    more: list[bool | Exception] = field(default_factory=list)
    asked: list[PruneRequest] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)

    def prune(self, request: PruneRequest) -> PruneReport:
        self.threads.add(threading.current_thread().name)
        answer = self.more.pop(0) if self.more else False
        self.asked.append(request)
        if isinstance(answer, Exception):
            raise answer
        return PruneReport(
            dry_run=False,
            before=START,
            failures_before=START,
            executions=1,
            artifact_folders=0,
            artifact_bytes=0,
            more=answer,
        )


@pytest.fixture(autouse=True)
def quick_days(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a day pass quickly."""
    for name in ("FIRST_S", "DAILY_S", "BETWEEN_S"):
        monkeypatch.setattr(retention_module, name, 0.001)


def made(pruner: FakePruner, keep_days: int = 30) -> Retention:
    """Return a retention with that pruner."""
    retention = Retention(FakeStore().as_store, Path("/nonexistent"), keep_days)
    retention._pruner = cast("Pruner", pruner)
    return retention


async def test_every_look_goes_on_until_nothing_is_left_and_a_failure_ends_none() -> None:
    pruner = FakePruner([True, True, False, StoreError("database is locked"), True])
    retention = made(pruner)
    retention.begin()
    await poll_until_async(lambda: len(pruner.asked) >= 7)
    await retention.close()
    assert {request.source for request in pruner.asked} == {"schedule"}
    assert {request.older_than_days for request in pruner.asked} == {None}
    assert all(name.startswith("itk-prune") for name in pruner.threads)


async def test_where_everything_is_kept_nobody_looks() -> None:
    retention = made(FakePruner(), keep_days=0)
    retention.begin()
    assert retention._daily is None
    await retention.close()


async def test_what_is_asked_for_is_done_and_what_is_raised_is_told() -> None:
    pruner = FakePruner([False, StoreError("database is locked")])
    retention = made(pruner)
    request = PruneRequest(older_than_days=7)
    assert (await retention.prune(request)).executions == 1
    with pytest.raises(StoreError, match="locked"):
        await retention.prune(request)
    assert pruner.asked == [request, request]
    await retention.close()


async def test_nothing_is_begun_after_a_stop() -> None:
    pruner = FakePruner()
    retention = made(pruner)
    retention.begin()
    retention.stop()
    with pytest.raises(StoreError, match="stopping"):
        await retention.prune(PruneRequest())
    await retention.close()
    await retention.close()
    assert pruner.asked == []
