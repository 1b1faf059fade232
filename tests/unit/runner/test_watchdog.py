"""A block is told with its length and place; a busy machine, and what is ours, are not told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ignition_toolkit.protocol import Blocked
from ignition_toolkit.runner import watchdog as watchdog_module
from ignition_toolkit.runner.main_thread import Delays
from ignition_toolkit.runner.turns import BLOCK_S, Turns
from ignition_toolkit.runner.watchdog import Watchdog
from tests.polling import poll_until

HERE, THERE = "handlers.py:12 in execute", "handlers.py:30 in fetch"


class FakeSight:
    """A main thread that stands where a test says."""

    def __init__(self) -> None:
        self.looked_from: int | None = None
        self.t = 1000.0
        self.main = self.own = 0.0
        self.where: str | None = None
        self.looks = 0
        self.meanwhile: Callable[[], None] = lambda: None

    def now(self) -> float:
        return self.t

    def delays(self) -> Delays:
        return Delays(self.main, self.own)

    def place(self) -> str | None:
        self.looks += 1
        self.meanwhile()
        return self.where


class Scene:
    """A watchdog of step `a`, on a loop whose turns the test makes."""

    def __init__(self) -> None:
        self.turns, self.sight = Turns(), FakeSight()
        self.told: list[Blocked] = []
        self.dog = Watchdog(self.turns, self.told.append, self.sight)
        self.dog.follow("a")

    def begin(self) -> None:
        """Begin a turn."""
        self.turns.number += 1
        self.turns.began = self.sight.t

    def pass_(self, seconds: float, *, main: float = 0.0, own: float = 0.0) -> None:
        """Let time pass, and either thread be without a processor for a part of it."""
        self.sight.t += seconds
        self.sight.main += main
        self.sight.own += own

    def look(self, where: str | None) -> None:
        """Have the watchdog look, and find this."""
        self.sight.where = where
        self.dog.look()

    def end(self) -> None:
        """End the turn, as the loop does."""
        began = self.turns.began
        assert began is not None
        if self.sight.t - began >= BLOCK_S:
            self.dog.on_long_turn(began, self.sight.t)
        self.turns.began = None


@pytest.fixture
def scene() -> Scene:
    return Scene()


def blocked(seconds: float, place: str | None) -> Blocked:
    """Return the message of one block."""
    return Blocked(step_id="a", seconds=seconds, place=place, times=1, total_s=seconds)


def test_a_block_is_told_with_its_whole_length_and_its_newest_place(scene: Scene) -> None:
    scene.begin()
    scene.pass_(0.05)
    scene.look(HERE)
    scene.pass_(0.1)
    scene.look(THERE)
    scene.pass_(0.35)
    assert scene.told == []
    scene.end()
    assert scene.told == [blocked(0.5, THERE)]


def test_a_turn_without_a_processor_is_no_block(scene: Scene) -> None:
    scene.begin()
    for _ in range(5):
        scene.pass_(0.1, main=0.085)
        scene.look(HERE)
    scene.end()
    assert scene.told == []


def test_the_wait_for_a_processor_before_the_first_look_is_taken_off_too(scene: Scene) -> None:
    scene.begin()
    scene.pass_(0.15, main=0.1)
    scene.look(HERE)
    scene.pass_(0.01)
    scene.end()
    assert scene.told == []


def test_of_a_block_on_a_busy_machine_its_own_part_is_told(scene: Scene) -> None:
    scene.begin()
    scene.pass_(0.1, main=0.05)
    scene.look(HERE)
    scene.pass_(0.4, main=0.2)
    scene.end()
    assert scene.told == [blocked(0.25, HERE)]


def test_what_is_not_the_steps_code_is_not_told(scene: Scene) -> None:
    scene.begin()
    for _ in range(5):
        scene.pass_(0.1)
        scene.look(None)
    scene.pass_(0.15)
    scene.end()
    assert scene.told == []


def test_of_a_turn_that_is_partly_the_steps_that_part_is_told(scene: Scene) -> None:
    scene.begin()
    scene.pass_(0.1)
    scene.look(None)
    scene.pass_(0.1)
    scene.look(HERE)
    scene.pass_(0.1)
    scene.look(HERE)
    scene.pass_(0.1)
    scene.look(None)
    scene.pass_(0.1)
    scene.end()
    assert scene.told == [blocked(0.2, HERE)]


def test_who_holds_the_interpreter_is_told_without_a_place(scene: Scene) -> None:
    scene.look(HERE)
    scene.begin()
    scene.pass_(0.5)
    scene.end()
    assert scene.told == [blocked(0.5, None)]


def test_who_holds_the_interpreter_after_a_look_is_told_with_that_place(scene: Scene) -> None:
    scene.begin()
    scene.pass_(0.01)
    scene.look(HERE)
    scene.pass_(3.0)
    scene.end()
    assert scene.told == [blocked(3.01, HERE)]


@pytest.mark.parametrize(
    ("seconds", "own"), [(0.19, 0.0), (0.5, 0.35)], ids=["too short", "the watchdog had to wait"]
)
def test_that_nobody_looked_proves_nothing_by_itself(
    scene: Scene, seconds: float, own: float
) -> None:
    scene.begin()
    scene.pass_(seconds, own=own)
    scene.end()
    assert scene.told == []


def test_nothing_is_told_between_steps(scene: Scene) -> None:
    scene.dog.follow(None)
    scene.begin()
    scene.pass_(0.1)
    scene.look(HERE)
    scene.pass_(0.4)
    scene.end()
    assert scene.told == []


def test_a_place_of_one_turn_is_not_taken_for_the_next(scene: Scene) -> None:
    scene.begin()
    scene.look(HERE)
    scene.end()
    scene.begin()
    scene.pass_(0.12)
    scene.end()
    assert scene.told == []


def test_a_loop_that_waits_is_not_looked_into(scene: Scene) -> None:
    scene.look(HERE)
    assert scene.sight.looks == 0
    scene.begin()
    scene.look(HERE)
    assert scene.sight.looks == 1


def test_a_turn_that_ends_during_the_look_is_not_blamed(scene: Scene) -> None:
    def next_turn() -> None:
        scene.sight.meanwhile = lambda: None
        scene.end()
        scene.begin()

    scene.begin()
    scene.pass_(0.05)
    scene.sight.meanwhile = next_turn
    scene.look(HERE)
    scene.pass_(0.15)
    scene.end()
    assert scene.told == []


def test_each_step_is_told_with_its_own_id(scene: Scene) -> None:
    for step_id in ("a", "outer/inner"):
        scene.dog.follow(step_id)
        scene.begin()
        scene.pass_(0.1)
        scene.look(HERE)
        scene.pass_(0.1)
        scene.end()
    assert [told.step_id for told in scene.told] == ["a", "outer/inner"]


def test_the_thread_looks_while_a_step_runs_and_at_no_other_time(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog_module, "LOOK_S", 0.005)
    scene.begin()
    scene.dog.follow(None)
    scene.dog.start()
    try:
        for looks in (3, 6):
            scene.dog.follow("a")
            poll_until(lambda at_least=looks: scene.sight.looks >= at_least)  # type: ignore[misc]
            scene.dog.follow(None)
            poll_until(lambda: not scene.dog._wanted.is_set())
        assert scene.sight.looked_from == scene.dog.native_id is not None
        assert scene.turns.on_long is not None
    finally:
        scene.dog.stop()
    assert scene.turns.on_long is None
