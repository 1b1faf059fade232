"""A call is made at the turn that was asked for, or when the loop stands idle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ignition_toolkit.drill.moments import CLOSE, MomentSelector, moments
from ignition_toolkit.runner.turns import Turns


def run(turn: int, work: Callable[[list[str]], object]) -> tuple[MomentSelector, list[str]]:
    """Run a coroutine function with a call at a turn; return what happened, in order."""
    seen: list[str] = []
    selector = MomentSelector(Turns())
    loop = asyncio.SelectorEventLoop(selector)

    async def armed() -> None:
        selector.arm(turn, lambda: seen.append("call"))
        await work(seen)  # type: ignore[misc]  # a coroutine function
        selector.disarm()

    try:
        loop.run_until_complete(armed())
    finally:
        loop.close()
    return selector, seen


async def three_turns(seen: list[str]) -> None:
    for number in (1, 2, 3):
        seen.append(f"turn {number}")
        await asyncio.sleep(0)
    seen.append("over")


def test_the_call_is_made_at_its_turn() -> None:
    for turn, place in ((1, 1), (2, 2), (3, 3)):
        selector, seen = run(turn, three_turns)
        assert seen.index("call") == place
        assert selector.taken == turn
        assert not selector.was_idle


def test_no_call_is_made_when_all_is_over_before_its_turn() -> None:
    _, seen = run(10, three_turns)
    assert "call" not in seen


def test_the_call_is_made_when_the_loop_stands_idle() -> None:
    async def wait_for_the_call(seen: list[str]) -> None:
        while "call" not in seen:
            await asyncio.sleep(1)

    selector, seen = run(1000, wait_for_the_call)
    assert seen == ["call"]
    assert selector.was_idle


def test_moments_follow_each_other_first_and_then_grow_further_apart() -> None:
    found = list(moments(24))
    assert found[:CLOSE] == list(range(1, CLOSE + 1))
    later = [b - a for a, b in zip(found[CLOSE:], found[CLOSE + 1 :], strict=False)]
    assert later == sorted(later)
    assert later[0] > 1
    assert len(found) == 24
