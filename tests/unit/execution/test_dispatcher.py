"""The local dispatcher: first come, first served, and it says who waits for whom."""

from __future__ import annotations

from ignition_toolkit.execution.dispatch.local import LocalDispatcher
from ignition_toolkit.execution.views import WaitingFor


class Told:
    """What a dispatcher has told."""

    def __init__(self, slots: int) -> None:
        self.started: list[str] = []
        self.waits: list[tuple[str, WaitingFor]] = []
        self.dispatcher = LocalDispatcher(slots, self.started.append, self._on_wait)

    def _on_wait(self, execution_id: str, what: WaitingFor) -> None:
        self.waits.append((execution_id, what))


def test_executions_start_in_the_order_of_asking() -> None:
    told = Told(slots=2)
    for name in "abcde":
        told.dispatcher.submit(name)
    assert told.started == ["a", "b"]
    told.dispatcher.release("b")
    told.dispatcher.release("a")
    assert told.started == ["a", "b", "c", "d"]
    assert (told.dispatcher.running, told.dispatcher.waiting) == (2, 1)


def test_who_waits_is_told_for_what_since_when_and_who_holds_it() -> None:
    told = Told(slots=1)
    told.dispatcher.submit("a")
    told.dispatcher.submit("b")
    ((name, what),) = told.waits
    assert name == "b"
    assert (what.kind, what.name) == ("slot", "one of 1 slots (ITK_MAX_RUNNING)")
    assert what.held_by == "a"


def test_who_still_waits_is_told_when_the_named_holder_has_gone() -> None:
    told = Told(slots=1)
    for name in "abc":
        told.dispatcher.submit(name)
    since = told.waits[-1][1].since
    told.dispatcher.release("a")
    name, what = told.waits[-1]
    assert (name, what.held_by, what.since) == ("c", "b", since)


def test_a_withdrawn_execution_frees_nothing_that_it_does_not_hold() -> None:
    told = Told(slots=1)
    for name in "abc":
        told.dispatcher.submit(name)
    assert told.dispatcher.withdraw("b")
    told.dispatcher.release("b")
    assert told.started == ["a"]
    assert (told.dispatcher.running, told.dispatcher.waiting) == (1, 1)


def test_an_execution_that_runs_cannot_be_withdrawn() -> None:
    told = Told(slots=1)
    told.dispatcher.submit("a")
    assert not told.dispatcher.withdraw("a")


def test_releasing_twice_frees_one_slot() -> None:
    told = Told(slots=1)
    for name in "abc":
        told.dispatcher.submit(name)
    told.dispatcher.release("a")
    told.dispatcher.release("a")
    assert told.started == ["a", "b"]


def test_after_stop_nothing_starts_and_what_waits_stays() -> None:
    told = Told(slots=1)
    told.dispatcher.submit("a")
    told.dispatcher.submit("b")
    told.dispatcher.stop()
    told.dispatcher.release("a")
    told.dispatcher.submit("c")
    assert told.started == ["a"]
    assert told.dispatcher.waiting == 2
