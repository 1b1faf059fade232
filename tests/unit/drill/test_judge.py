"""What the contract makes of a try: each thing that it forbids, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from ignition_toolkit.drill.job import Trial, Way
from ignition_toolkit.drill.judge import (
    RUN_ENDS,
    STEP_ENDS,
    breaches,
    depends_on_time,
    failed_by_itself,
)
from ignition_toolkit.playbook.models import ExecutionStatus, StepStatus


# Any: fields of a Trial.
def good(way: Way = Way.CANCEL, **fields: Any) -> Trial:
    """Return a try in which nothing was wrong, with these fields instead."""
    values: dict[str, Any] = {
        "way": way,
        "moment": 3,
        "was_asked": True,
        "was_told": True,
        "execute_end": "cancelled",
        "status": RUN_ENDS[way],
        "step_status": STEP_ENDS[way],
        "final_events": 1,
        "went_on": way is Way.SKIP,
    }
    return Trial(**{**values, **fields})


@pytest.mark.parametrize("way", list(Way))
def test_a_step_that_ends_as_it_should_breaks_nothing(way: Way) -> None:
    assert breaches(good(way)) == ()


def test_a_step_that_was_over_before_it_was_told_may_have_any_end() -> None:
    over = good(
        was_told=False,
        execute_end="returned",
        status=ExecutionStatus.COMPLETED,
        step_status=StepStatus.COMPLETED,
        went_on=True,
    )
    assert breaches(over) == ()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"execute_end": "returned"}, "swallowed"),
        ({"execute_end": "raised", "execute_error": "ValueError: x"}, "into ValueError: x"),
        ({"ended": False, "execute_end": None}, "had not ended"),
        ({"final_events": 2}, "2 times"),
        ({"final_events": 0, "step_status": None}, "0 times"),
        ({"step_status": StepStatus.FAILED}, "recorded as failed"),
        ({"status": ExecutionStatus.COMPLETED}, "execution is completed"),
        ({"went_on": True}, "has begun"),
        ({"blocked": ("0.50 s at x.py:3 in f",)}, "0.50 s at x.py:3 in f"),
        ({"left": ("thread pump",)}, "left thread pump"),
        ({"files": ("a/b",)}, "temporary file a/b"),
        ({"afterwards": ("log: late",)}, "log: late"),
        ({"leaks": ("its log",)}, "secret can be read in its log"),
        ({"lost": "its process ended"}, "its process ended"),
    ],
)
# Any: fields of a Trial.
def test_each_thing_that_is_forbidden_is_one_breach(fields: dict[str, Any], words: str) -> None:
    (breach,) = breaches(good(**fields))
    assert words in breach.text
    assert str(breach).startswith("cancel at turn 3: ")


def test_a_skip_after_which_nothing_goes_on_is_a_breach() -> None:
    (breach,) = breaches(good(Way.SKIP, went_on=False))
    assert "did not begin" in breach.text


def test_what_is_left_counts_also_when_nobody_was_told() -> None:
    (breach,) = breaches(good(was_told=False, left=("task x",)))
    assert "left task x" in breach.text


def test_only_what_a_busy_machine_can_show_is_tried_again() -> None:
    assert not depends_on_time(good(files=("half.txt",)))
    assert depends_on_time(good(left=("process chromium",)))
    assert depends_on_time(good(ended=False))
    assert depends_on_time(good(blocked=("0.2 s at x",)))
    assert not depends_on_time(good(lost="it was not over after 15 s"))


def test_a_step_that_fails_before_it_is_stopped_has_no_good_example() -> None:
    assert failed_by_itself(good(was_asked=False, step_status=StepStatus.FAILED))
    assert not failed_by_itself(good(was_asked=False, step_status=StepStatus.COMPLETED))
    assert not failed_by_itself(good(step_status=StepStatus.FAILED))


def test_a_step_may_fail_by_a_deadline_of_its_own_at_its_timeout() -> None:
    failed = good(Way.TIMEOUT, execute_end="raised", execute_error="GatewayUnreachable: slow")
    assert breaches(failed) == ()
