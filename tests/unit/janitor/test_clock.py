"""The ladder's clock, with times of its own."""

import pytest

from ignition_toolkit.janitor.clock import ANSWER_S, EACH_S, EARLIEST_S, FEW, SPAWN_S, Clock
from ignition_toolkit.janitor.proc import Identity

RUNNER = Identity(100, 7)


def clock_with_runner() -> Clock:
    clock = Clock()
    clock.start_is_announced("t", now=0)
    clock.watch("t", RUNNER)
    return clock


def test_nothing_is_due_before_its_time() -> None:
    clock = clock_with_runner()
    clock.end("t", at=10, ask_at=None)
    assert clock.next_at() == 10
    assert clock.take_due(now=9.9) == []
    assert clock.take_due(now=10) == ["t"]
    assert clock.take_due(now=11) == []
    assert clock.next_at() is None


def test_the_earliest_of_several_ends_counts() -> None:
    clock = clock_with_runner()
    clock.end("t", at=10, ask_at=None)
    clock.end("t", at=5, ask_at=4)
    clock.end("t", at=20, ask_at=8)
    assert clock.next_at() == 4
    assert clock.take_due(now=5) == ["t"]


def test_all_that_are_due_come_together() -> None:
    clock = Clock()
    for number in range(200):
        clock.end(str(number), at=10 + number / 1000, ask_at=None)
    assert len(clock.take_due(now=11)) == 200


@pytest.mark.parametrize(
    ("number", "early_s"), [(FEW, 0.0), (FEW + 30, 30 * EACH_S), (500, EARLIEST_S)]
)
def test_many_ends_begin_early_so_that_the_last_is_not_late(number: int, early_s: float) -> None:
    clock = clock_with_runner()
    clock.end("t", at=10, ask_at=9)
    for other in range(number - 1):
        clock.end(str(other), at=10, ask_at=None)
    assert clock.next_at() == pytest.approx(9 - early_s)
    assert clock.take_asks(now=9 - early_s - 0.001) == []
    assert clock.take_asks(now=9 - early_s + 0.001) == [RUNNER]
    assert clock.take_due(now=10 - early_s - 0.001) == []
    assert len(clock.take_due(now=10 - early_s + 0.001)) == number
    assert clock.next_at() is None


def test_a_runner_is_asked_once_and_before_its_end() -> None:
    clock = clock_with_runner()
    clock.end("t", at=10, ask_at=6)
    assert clock.take_asks(now=5) == []
    assert clock.take_asks(now=6) == [RUNNER]
    assert clock.take_asks(now=7) == []
    assert clock.next_at() == 10


def test_who_is_asked_late_has_time_to_answer_and_holds_up_nobody_else() -> None:
    clock = clock_with_runner()
    clock.watch("u", Identity(101, 8))
    clock.end("t", at=10, ask_at=6)
    clock.end("u", at=10, ask_at=None)
    assert clock.take_asks(now=11) == [RUNNER]
    assert clock.take_due(now=11) == ["u"]
    assert clock.next_at() == 11 + ANSWER_S
    clock.end("t", at=9, ask_at=None)
    assert clock.take_due(now=11 + ANSWER_S / 2) == []
    assert clock.take_due(now=11 + ANSWER_S) == ["t"]


def test_nobody_is_asked_where_no_runner_is_known() -> None:
    clock = Clock()
    clock.end("t", at=10, ask_at=6)
    assert clock.next_at() == 10
    assert clock.take_asks(now=7) == []


def test_an_end_can_be_taken_back_until_it_begins() -> None:
    clock = clock_with_runner()
    clock.end("t", at=10, ask_at=6)
    assert clock.spare("t")
    assert clock.next_at() is None
    clock.end("t", at=10, ask_at=None)
    clock.take_due(now=10)
    assert not clock.spare("t")
    clock.is_answered("t")
    assert not clock.spare("t")


def test_an_end_under_way_is_not_begun_again() -> None:
    clock = clock_with_runner()
    clock.end("t", at=10, ask_at=None)
    clock.take_due(now=10)
    clock.end("t", at=10, ask_at=None)
    assert clock.take_due(now=11) == []
    clock.is_answered("t")
    clock.end("t", at=10, ask_at=None)
    assert clock.take_due(now=11) == ["t"]


def test_an_end_waits_for_a_start_that_is_under_way() -> None:
    clock = Clock()
    clock.start_is_announced("t", now=0)
    clock.end("t", at=0.1, ask_at=None)
    assert clock.take_due(now=0.2) == []
    clock.watch("t", RUNNER)
    assert clock.take_due(now=0.2) == ["t"]
    assert clock.runner("t") == RUNNER


def test_an_end_does_not_wait_for_ever_for_a_start() -> None:
    clock = Clock()
    clock.start_is_announced("t", now=0)
    clock.end("t", at=0.1, ask_at=None)
    assert clock.next_at() == SPAWN_S
    assert clock.take_due(now=SPAWN_S) == ["t"]


def test_a_start_is_under_way_until_it_is_answered_or_too_old() -> None:
    clock = Clock()
    assert not clock.is_starting(now=0)
    clock.start_is_announced("t", now=0)
    clock.start_is_announced("u", now=0)
    clock.watch("t", RUNNER)
    assert clock.is_starting(now=0.5)
    clock.forget("u")
    assert not clock.is_starting(now=0.5)
    clock.start_is_announced("t", now=0)
    assert not clock.is_starting(now=SPAWN_S)


def test_a_forgotten_token_leaves_nothing() -> None:
    clock = clock_with_runner()
    clock.end("t", at=10, ask_at=5)
    clock.forget("t")
    assert clock.tokens == []
    assert list(clock.runners) == []
    assert clock.next_at() is None
    clock.is_answered("t")
    assert clock.spare("t")
