"""What a drill has found, as people and programs read it."""

from __future__ import annotations

from xml.etree import ElementTree

from ignition_toolkit.drill.exercise import result_of
from ignition_toolkit.drill.job import Breach, Report, Way
from ignition_toolkit.drill.results import (
    Mark,
    Result,
    Results,
    as_junit,
    as_markdown,
    as_text,
)

KEPT = Result(kind="acme.wait", mark=Mark.KEPT, took_s=(0.001, 0.002, 0.012), tries=4)
BROKEN = Result(
    kind="acme.block", mark=Mark.BROKEN, tries=2, lines=("it left \x1b<thread>", "and more")
)
UNTRIED = Result(kind="acme.desk", mark=Mark.NOT_TRIED, lines=("no display",))
ALL = Results(results=(KEPT, BROKEN, UNTRIED))


def test_one_broken_kind_is_enough_to_fail_and_nothing_tried_is_no_proof() -> None:
    assert not ALL.is_good
    assert Results(results=(KEPT, UNTRIED)).is_good
    assert not Results(results=(UNTRIED,)).is_good
    assert not Results(results=()).is_good


def test_the_text_has_times_breaches_and_the_promise() -> None:
    lines = as_text(ALL).splitlines()
    assert lines[0] == "acme.wait   kept       median 2 ms, slowest 12 ms"
    assert "    it left \x1b<thread>" in lines
    assert lines[-1].startswith("1 kept, 1 broken, 1 not tried; the slowest stop took 12 ms")
    assert lines[-1].endswith("of 500 ms")


def test_where_no_step_was_under_way_no_time_is_claimed() -> None:
    assert Results(results=(BROKEN, UNTRIED)).summary == (
        "0 kept, 1 broken, 1 not tried; no step was under way when it was stopped"
    )


def test_the_table_has_a_dash_where_nothing_was_stopped() -> None:
    rows = as_markdown(ALL).splitlines()
    assert rows[2] == "| `acme.wait` | kept | 4 | 2.0 | 12.0 | 12.0 |"
    assert rows[4] == "| `acme.desk` | not tried | 0 | - | - | - |"


def test_the_junit_file_counts_and_holds_no_control_character() -> None:
    suite = ElementTree.fromstring(as_junit(ALL))
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.get("message") == "it left ?<thread>"
    assert failure.text == "it left ?<thread>\nand more"


def test_several_rounds_of_a_kind_are_one_result() -> None:
    one = Report(kind="a", took_s=(0.01,), tries=3)
    result = result_of([one, one])
    assert (result.mark, result.tries, result.took_s) == (Mark.KEPT, 6, (0.01, 0.01))


def test_a_stop_beyond_the_promise_breaks_it_though_the_contract_was_kept() -> None:
    result = result_of([Report(kind="a", took_s=(0.01, 0.7), tries=3)])
    assert result.mark is Mark.BROKEN
    assert "700 ms" in result.lines[0]


def test_a_breach_and_what_could_not_be_tried_are_told_apart() -> None:
    breach = Breach(way=Way.SKIP, moment=4, text="it left a task")
    assert result_of([Report(kind="a", breaches=(breach,))]).lines == (
        "skip at turn 4: it left a task",
    )
    untried = result_of([Report(kind="a", unready="no gateway answers")])
    assert (untried.mark, untried.lines) == (Mark.NOT_TRIED, ("no gateway answers",))
