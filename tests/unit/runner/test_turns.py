"""An event loop's turns are seen as they are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine

from ignition_toolkit.runner.turns import BLOCK_S, Turns, TurnSelector


def run(turns: Turns, work: Coroutine[None, None, None]) -> None:
    """Run a coroutine on a loop whose turns are counted there."""
    loop = asyncio.SelectorEventLoop(TurnSelector(turns))
    try:
        loop.run_until_complete(work)
    finally:
        loop.close()


def test_a_long_turn_is_told_once_at_its_end_with_its_length() -> None:
    told: list[tuple[float, float]] = []
    turns = Turns(on_long=lambda began, ended: told.append((began, ended)))

    async def work() -> None:
        await asyncio.sleep(0)
        until = time.monotonic() + 1.2 * BLOCK_S
        while time.monotonic() < until:
            pass
        assert told == []
        await asyncio.sleep(0)
        assert len(told) == 1

    run(turns, work())
    [(began, ended)] = told
    assert ended - began >= 1.2 * BLOCK_S


def test_the_wait_is_part_of_no_turn() -> None:
    told: list[float] = []
    turns = Turns(on_long=lambda began, ended: told.append(ended - began))
    selector = TurnSelector(turns)
    before = time.monotonic()
    selector.select(1.2 * BLOCK_S)
    assert turns.began is not None
    assert turns.began - before >= 1.2 * BLOCK_S
    assert turns.number == 1
    assert told == []
    selector.close()


def test_a_turn_that_nobody_wants_to_hear_of_ends_all_the_same() -> None:
    turns = Turns(number=1, began=time.monotonic() - 60)
    turns.end()
    assert turns.began is None
