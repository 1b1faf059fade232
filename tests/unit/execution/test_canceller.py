"""Cancels that are asked for together: who is told when, and what is written afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import cast

import pytest

from ignition_toolkit.execution.canceller import Canceller
from ignition_toolkit.execution.dispatch.local import LocalDispatcher
from ignition_toolkit.execution.requests import CancelRequest
from ignition_toolkit.execution.run import Run
from ignition_toolkit.execution.verdict import Verdict
from ignition_toolkit.playbook.models import CancellationRecord, CancelSource, ExecutionStatus
from ignition_toolkit.storage import Store
from tests.unit.execution.fakes import FakeStore

E = ExecutionStatus


@dataclass
class Said:
    """What was done, in order."""

    what: list[str] = field(default_factory=list)

    def withdraw(self, ids: Iterable[str]) -> None:
        """Stand in for the dispatcher."""
        self.what.append(f"withdraw {' '.join(ids)}")


@dataclass
class FakeRecord:
    """A record that notes a cancel."""

    execution_id: str
    said: Said
    status: ExecutionStatus = E.RUNNING
    error: Exception | None = None

    def ask_cancel(self, _cancellation: CancellationRecord, *_notes: object) -> Future[None]:
        """Be cancelling from now on."""
        if self.error is not None:
            raise self.error
        self.status = E.CANCELLING
        self.said.what.append(f"write {self.execution_id}")
        stored: Future[None] = Future()
        stored.set_result(None)
        return stored


@dataclass
class FakeRun:
    """A run that notes who is told."""

    record: FakeRecord
    supervision: object = field(default_factory=lambda: type("S", (), {"cancellation": None}))

    @property
    def is_over(self) -> bool:
        """See Run."""
        return self.record.status.final

    def tell_janitor(self, _request: CancelRequest) -> None:
        """See Run."""
        self.record.said.what.append(f"janitor {self.record.execution_id}")

    def tell_runner(self, _request: CancelRequest) -> None:
        """See Run."""
        self.record.said.what.append(f"runner {self.record.execution_id}")

    def cancel_note(self, _request: CancelRequest, *, already: bool = False) -> str:
        """See Run."""
        return f"already={already}"

    def answer(self, *, already: bool = False) -> tuple[str, bool]:
        """See Run."""
        return self.record.execution_id, already


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def canceller(said: Said) -> Canceller:
    def finish(_run: Run, _verdict: Verdict, _record: CancellationRecord | None) -> Future[None]:
        raise AssertionError("nothing here was pending")

    return Canceller(cast("Store", FakeStore()), cast("LocalDispatcher", said), finish)


def run(name: str, said: Said, **fields: object) -> Run:
    return cast("Run", FakeRun(FakeRecord(name, said, **fields)))  # type: ignore[arg-type]


async def ask(canceller: Canceller, *runs: Run) -> list[tuple[str, bool]]:
    answers = await canceller.cancel(runs, CancelRequest.now(CancelSource.API, "me"))
    return cast("list[tuple[str, bool]]", answers)


async def test_what_comes_together_is_told_together_and_written_afterwards(
    canceller: Canceller, said: Said
) -> None:
    answers = await asyncio.gather(*(ask(canceller, run(name, said)) for name in "abc"))
    assert said.what == [
        *(f"janitor {name}" for name in "abc"),
        *(f"runner {name}" for name in "abc"),
        "withdraw a b c",
        *(f"write {name}" for name in "abc"),
    ]
    assert answers == [[(name, False)] for name in "abc"]


async def test_the_second_request_for_the_same_run_is_told_that_it_is_not_the_first(
    canceller: Canceller, said: Said
) -> None:
    one = run("a", said)
    answers = await asyncio.gather(ask(canceller, one), ask(canceller, one))
    assert list(answers) == [[("a", False)], [("a", True)]]
    assert said.what.count("write a") == 1


async def test_what_ended_in_the_meantime_is_not_told_and_has_no_answer(
    canceller: Canceller, said: Said
) -> None:
    over = run("a", said, status=E.COMPLETED)
    assert await ask(canceller, over, run("b", said)) == [("b", False)]
    assert not [what for what in said.what if what.endswith(" a")]


async def test_an_error_is_told_to_who_asked_and_to_nobody_else(
    canceller: Canceller, said: Said
) -> None:
    broken = run("a", said, error=RuntimeError("broken"))
    both = (ask(canceller, broken), ask(canceller, run("b", said)))
    first, second = await asyncio.gather(*both, return_exceptions=True)
    assert (str(first), second) == ("broken", [("b", False)])


async def test_nobody_waits_for_ever_when_telling_fails(
    canceller: Canceller, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_request: CancelRequest) -> None:
        raise RuntimeError("broken")

    one, other = run("a", said), run("b", said)
    monkeypatch.setattr(one, "tell_janitor", fail)
    both = (ask(canceller, one), ask(canceller, other))
    errors = await asyncio.gather(*both, return_exceptions=True)
    assert [str(error) for error in errors] == ["broken", "broken"]
    assert await ask(canceller, other) == [("b", False)]


async def test_who_waits_no_more_keeps_nobody_from_being_cancelled(
    canceller: Canceller, said: Said
) -> None:
    waiting = asyncio.create_task(ask(canceller, run("a", said)))
    await asyncio.sleep(0)
    waiting.cancel()
    assert await ask(canceller, run("b", said)) == [("b", False)]
    assert {"janitor a", "write a"} <= set(said.what)
