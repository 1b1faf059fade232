"""The local dispatcher: first come, first served, and it says who waits for whom."""

from __future__ import annotations

import pytest

from ignition_toolkit.execution.dispatch import local
from ignition_toolkit.execution.dispatch.claims import DESKTOP
from ignition_toolkit.execution.dispatch.local import LocalDispatcher
from ignition_toolkit.execution.views import Claim, WaitingFor
from ignition_toolkit.playbook.models import utc_now

A, B = Claim("gateway", "http://a:8088"), Claim("gateway", "http://b:8088")


class Told:
    """What a dispatcher has told."""

    def __init__(self, slots: int = 10) -> None:
        self.started: list[str] = []
        self.waits: list[tuple[str, WaitingFor]] = []
        self.dispatcher = LocalDispatcher(slots, self.started.append, self._on_wait)

    def _on_wait(self, execution_id: str, what: WaitingFor) -> None:
        self.waits.append((execution_id, what))

    def submit(self, **claims: tuple[Claim, ...]) -> None:
        """Queue executions by name, in order, each with what it claims."""
        for name, claimed in claims.items():
            self.dispatcher.submit(name, claimed)

    def last(self, execution_id: str) -> tuple[str, str, str | None]:
        """Return kind, name and holder of what an execution was last told that it waits for."""
        what = self.what(execution_id)
        return what.kind, what.name, what.held_by

    def what(self, execution_id: str) -> WaitingFor:
        """Return what an execution was last told that it waits for."""
        return [what for name, what in self.waits if name == execution_id][-1]


def test_executions_start_in_the_order_of_asking() -> None:
    told = Told(slots=2)
    for name in "abcde":
        told.dispatcher.submit(name)
    assert told.started == ["a", "b"]
    told.dispatcher.release("b")
    told.dispatcher.release("a")
    assert told.started == ["a", "b", "c", "d"]
    assert (told.dispatcher.running, told.dispatcher.waiting) == (2, 1)


def test_who_waits_for_a_slot_is_told_once_and_nobody_is_named() -> None:
    told = Told(slots=1)
    told.submit(a=(), b=(), c=())
    before = utc_now()
    told.dispatcher.release("a")
    assert [name for name, _ in told.waits] == ["b", "c"]
    assert told.last("c") == ("slot", "one of 1 slots (ITK_MAX_RUNNING)", None)
    assert told.what("c").since < before


def test_a_withdrawn_execution_frees_nothing_that_it_does_not_hold() -> None:
    told = Told(slots=1)
    for name in "abc":
        told.dispatcher.submit(name)
    told.dispatcher.withdraw(["b"])
    told.dispatcher.release("b")
    assert told.started == ["a"]
    assert (told.dispatcher.running, told.dispatcher.waiting) == (1, 1)


def test_an_execution_that_runs_cannot_be_withdrawn() -> None:
    told = Told(slots=1)
    told.dispatcher.submit("a")
    told.dispatcher.withdraw(["a", "stranger"])
    assert told.dispatcher.running == 1


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


# Claims.


def test_one_thing_is_one_executions_and_the_next_in_line_gets_it() -> None:
    told = Told()
    told.submit(a=(A,), b=(A,), c=(A,))
    assert told.started == ["a"]
    assert told.last("b") == ("gateway", "http://a:8088", "a")
    assert told.last("c") == ("gateway", "http://a:8088", "a")
    told.dispatcher.release("a")
    assert told.started == ["a", "b"]
    assert told.last("c") == ("gateway", "http://a:8088", "b")


def test_a_thing_is_one_executions_by_whichever_name() -> None:
    told = Told(slots=4)
    plant = Claim("gateway", "plant")
    told.dispatcher.submit("a", (plant,), {plant: {A, B}})
    told.submit(by_address=(A,), by_name=(plant,), by_other_address=(B,))
    assert told.started == ["a"]
    assert told.last("by_other_address") == (B.kind, B.name, "a")
    told.dispatcher.release("a")
    assert told.started == ["a", "by_address", "by_name", "by_other_address"]


def test_who_claims_by_name_waits_for_who_claims_by_address() -> None:
    told = Told(slots=4)
    plant = Claim("gateway", "plant")
    told.submit(by_address=(A,))
    told.dispatcher.submit("by_name", (plant,), {plant: {A, B}})
    told.submit(other=(B,))
    assert told.started == ["by_address"]
    assert told.last("by_name") == ("gateway", "plant", "by_address")
    assert told.last("other") == (B.kind, B.name, "by_name")
    told.dispatcher.withdraw(["by_name"])
    assert told.started == ["by_address", "other"]


def test_waiting_for_one_thing_goes_on_when_another_gets_it_first() -> None:
    told = Told()
    told.submit(a=(A,), b=(A,), c=(A,))
    since = told.what("c").since
    told.dispatcher.release("a")
    assert told.what("c").since == since


def test_who_needs_other_things_passes_who_waits() -> None:
    told = Told(slots=4)
    told.submit(a=(A,), b=(A,), other=(B,), none=())
    assert told.started == ["a", "other", "none"]


def test_nobody_passes_one_that_waits_for_the_same_thing_even_if_nobody_has_it() -> None:
    told = Told()
    told.submit(a=(A,), both=(A, B), b=(B,))
    assert told.started == ["a"]
    assert told.last("b") == ("gateway", "http://b:8088", "both")
    told.dispatcher.release("a")
    assert told.started == ["a", "both"]
    told.dispatcher.release("both")
    assert told.started == ["a", "both", "b"]


def test_nothing_is_taken_by_who_waits_for_a_slot_alone_and_nobody_passes_it() -> None:
    told = Told(slots=1)
    told.submit(a=(), b=(A,), c=(A,))
    assert told.last("b") == ("slot", "one of 1 slots (ITK_MAX_RUNNING)", None)
    assert told.last("c") == ("gateway", "http://a:8088", "b")
    told.dispatcher.withdraw(["b"])
    assert told.started == ["a"]
    assert told.last("c")[0] == "slot"
    told.dispatcher.release("a")
    assert told.started == ["a", "c"]


def test_things_are_named_one_after_the_other_each_with_its_own_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = Told()
    told.submit(desk=(DESKTOP,), gate=(A,), waits=(A, DESKTOP))
    assert told.last("waits") == ("desktop", "the desktop", "desk")
    first = told.what("waits").since
    later = utc_now()
    monkeypatch.setattr(local, "utc_now", lambda: later)
    told.dispatcher.release("desk")
    assert told.last("waits") == ("gateway", "http://a:8088", "gate")
    assert told.what("waits").since == later > first


def test_what_is_named_stays_named_while_it_is_waited_for() -> None:
    told = Told()
    told.submit(desk=(DESKTOP,), gate=(A,), waits=(A, DESKTOP))
    count = len(told.waits)
    told.dispatcher.release("gate")
    assert len(told.waits) == count
    assert told.last("waits") == ("desktop", "the desktop", "desk")


def test_two_that_need_two_things_do_not_wait_for_each_other() -> None:
    told = Told()
    told.submit(a=(A,), b=(B,), one=(A, B), two=(B, A))
    told.dispatcher.release("b")
    told.dispatcher.release("a")
    told.dispatcher.release("one")
    assert told.started == ["a", "b", "one", "two"]


def test_a_cancel_of_the_first_in_line_lets_the_next_one_start_at_once() -> None:
    told = Told()
    told.submit(a=(A,), both=(A, B), b=(B,))
    told.dispatcher.withdraw(["both"])
    assert told.started == ["a", "b"]


def test_of_those_that_are_cancelled_together_none_starts() -> None:
    told = Told()
    told.submit(a=(A,), both=(A, B), b=(B,), c=(B,))
    told.dispatcher.withdraw(["both", "b"])
    assert told.started == ["a", "c"]


def test_a_release_after_stop_starts_nobody() -> None:
    told = Told()
    told.submit(a=(A,), b=(A,))
    told.dispatcher.stop()
    told.dispatcher.release("a")
    assert told.started == ["a"]


# What could not be stopped.


def test_what_could_not_be_stopped_frees_its_slot_and_blocks_the_rest_until_it_is_released() -> (
    None
):
    told = Told(slots=1)
    told.submit(a=(A,), b=(A,), c=())
    told.dispatcher.release("a", blocks=True)
    assert told.started == ["a", "c"]
    told.dispatcher.release("c")
    kind, name, held_by = told.last("b")
    assert (kind, held_by) == ("gateway", "a")
    assert name == "http://a:8088 (blocked: `itk release a` frees it)"
    told.dispatcher.release("a")
    assert told.started == ["a", "c"]
    told.dispatcher.unblock("a")
    told.dispatcher.unblock("a")
    assert told.started == ["a", "c", "b"]


def test_what_an_earlier_worker_could_not_stop_blocks_from_the_start() -> None:
    told = Told()
    told.dispatcher.block("old", [A])
    told.submit(a=(A,), b=(B,))
    assert told.started == ["b"]
    assert told.last("a")[2] == "old"
    assert told.dispatcher.running == 1
    told.dispatcher.unblock("old")
    assert told.started == ["b", "a"]


def test_what_runs_is_not_unblocked() -> None:
    told = Told()
    told.submit(a=(A,), b=(A,))
    told.dispatcher.unblock("a")
    assert told.started == ["a"]
