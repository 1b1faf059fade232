"""Durations, figures and the order of steps, as the pages show them."""

import json
import math
from datetime import timedelta

import pytest

from ignition_toolkit.execution.views import StepView
from ignition_toolkit.playbook.models import CancelOutcome, CancelSource, StepStatus
from ignition_toolkit.web import formats
from tests.unit.api.fake_worker import BEGIN


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (-3000, "0 ms"),
        (0, "0 ms"),
        (12, "12 ms"),
        (94, "94 ms"),
        (95, "0.1 s"),
        (2250, "2.3 s"),
        (9949, "9.9 s"),
        (9950, "10 s"),
        (59_499, "59 s"),
        (59_500, "1 min 0 s"),
        (3_599_499, "59 min 59 s"),
        (3_600_000, "1 h 0 min"),
        (90_061_000, "25 h 1 min"),
    ],
)
def test_a_duration_reads_like_a_persons_words(milliseconds: int, text: str) -> None:
    assert formats.duration(milliseconds) == text


def test_a_figure_that_was_not_measured_is_not_a_zero() -> None:
    assert formats.milliseconds(None) == "not measured"
    assert formats.milliseconds(0.2) == "0 ms"
    assert formats.milliseconds(1262.4) == "1,262 ms"


def test_every_outcome_and_every_source_has_words() -> None:
    assert set(formats.OUTCOMES) == set(CancelOutcome)
    assert set(formats.SOURCES) == set(CancelSource)


def _step(step_id: str, **more: object) -> StepView:
    parent = step_id.rpartition("/")[0] or None
    fields = {"step_name": step_id, "parent_step_id": parent, "type": "t", **more}
    return StepView(step_id=step_id, status=StepStatus.RUNNING, **fields)  # type: ignore[arg-type]


def test_nested_steps_stand_below_their_outer_ones() -> None:
    stored = [_step(name) for name in ("a", "b", "c", "b/x", "a/y", "b/x/deep", "b/z", "gone/q")]
    names = [step.step_id for step in formats.in_tree_order(stored)]
    assert names == ["a", "a/y", "b", "b/x", "b/x/deep", "b/z", "c", "gone/q"]


def test_elapsed_goes_on_until_the_end_and_then_stands_still() -> None:
    running = _step("a", started_at=BEGIN)
    done = _step("b", started_at=BEGIN, completed_at=BEGIN + timedelta(seconds=2))
    later = BEGIN + timedelta(seconds=65)
    assert formats.elapsed(running, later) == "1 min 5 s"
    assert formats.elapsed(done, later) == "2.0 s"
    assert formats.elapsed(_step("c"), later) == ""


def test_elapsed_counts_whole_milliseconds_as_the_pages_script_does() -> None:
    begin, micro = BEGIN.replace(microsecond=123_999), timedelta(microseconds=1)
    for end, text in ((begin + micro, "1 ms"), (begin + 1000 * micro, "1 ms")):
        assert formats.elapsed(_step("a", started_at=begin, completed_at=end), end) == text


def test_a_value_is_readable_text() -> None:
    assert formats.readable("plain\ntext") == "plain\ntext"
    assert formats.readable(True) == "true"
    assert formats.readable({"ü": 1}) == '{"ü": 1}'
    long = {"key": ["value"] * 20}
    assert formats.readable(long).count("\n") > 20
    assert json.loads(formats.readable(long)) == long
    assert not math.isnan(json.loads(formats.readable(1.5)))


def test_a_value_of_millions_of_characters_is_cut_and_says_so() -> None:
    text = formats.shortened("x" * 3_000_000)
    assert len(text) < 6000
    assert "2,995,000 more characters" in text
    assert formats.shortened("x" * 5000) == "x" * 5000


def test_steps_run_after_a_cancel_stand_at_the_top_level() -> None:
    ids = ["a", "a/b", "a/b/c", "on_cancel/tidy", "on_cancel/tidy/inner", "a/on_cancel/b"]
    assert [formats.depth(step_id) for step_id in ids] == [0, 1, 2, 0, 1, 1]
    assert [formats.is_after_cancel(step_id) for step_id in ids] == [False] * 3 + [True] * 3
    assert formats.depth("on_cancel") == 0
    assert not formats.is_after_cancel("on_cancel")
