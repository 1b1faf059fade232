"""A step that has blocked the event loop reads where, for how long, and what to do."""

from __future__ import annotations

import pytest

from ignition_toolkit.execution.handler_blocks import blocked_text
from ignition_toolkit.protocol import Blocked

PLACE = "/srv/steps/handlers.py:12 in execute"
NO_PLACE = "a place that cannot be told: the interpreter was held too"
OFTEN = "12 times, for 1.50 s in all; the longest was"
LATE = "it hears of a cancel only afterwards"
DO = "await there, or do the work in a child process"
KILLED = "it hears of no cancel meanwhile and is killed after 0.25 s, without its cleanup"


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (
            Blocked(step_id="a", seconds=0.84, place=PLACE, times=1, total_s=0.84),
            f"the step blocked the event loop for 0.84 s at {PLACE}: {KILLED}; {DO}",
        ),
        (
            Blocked(step_id="a", seconds=0.15, place=PLACE, times=1, total_s=0.15),
            f"the step blocked the event loop for 0.15 s at {PLACE}: {LATE}; {DO}",
        ),
        (
            Blocked(step_id="a", seconds=3, times=1, total_s=3),
            f"the step blocked the event loop for 3.00 s at {NO_PLACE}: {KILLED}; {DO}",
        ),
        (
            Blocked(step_id="a", seconds=0.3, place=PLACE, times=12, total_s=1.5),
            f"the step blocked the event loop {OFTEN} 0.30 s at {PLACE}: {KILLED}; {DO}",
        ),
    ],
    ids=["long", "short", "interpreter held", "several"],
)
def test_the_line_says_how_long_where_and_what_to_do(said: Blocked, text: str) -> None:
    assert blocked_text(said) == text
