"""Values read well in one line, and nothing a stranger wrote can steer the terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ignition_toolkit.cli.text import duration, milliseconds, number, plural, printable, table
from ignition_toolkit.playbook.models import ExecutionStatus, StepStatus


@given(st.text(alphabet=st.characters()))
def test_any_text_stays_on_its_line_and_cannot_steer(text: str) -> None:
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    steering = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert not {unicodedata.category(c) for c in shown if c != "\t"} & steering


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("grün 水 \t end", "grün 水 \t end"),
        ("\x1b[2Jgone\r\n", r"\x1b[2Jgone\r\n"),
        ("\u202eevil\u2028", r"\u202eevil\u2028"),
        ("\ud800", r"\ud800"),
    ],
)
def test_control_characters_are_shown_as_escapes(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 ms"),
        (-1.0, "0 ms"),
        (0.0034, "3 ms"),
        (0.1, "0.1 s"),
        (59.94, "59.9 s"),
        (60, "1 min 0 s"),
        (3599, "59 min 59 s"),
        (7380, "2 h 3 min"),
    ],
)
def test_a_duration_reads_as_a_person_says_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_duration_never_says_sixty_seconds() -> None:
    assert duration(59.97) == "1 min 0 s"


def test_milliseconds_and_numbers_carry_no_needless_digits() -> None:
    assert (milliseconds(3.21), milliseconds(261.4)) == ("3.2 ms", "261 ms")
    assert (number(3.0), number(2.5)) == ("3", "2.5")


def test_plurals() -> None:
    words = (plural(1, "process"), plural(2, "process"), plural(0, "step"))
    assert words == ("1 process", "2 processes", "0 steps")


def test_a_table_is_aligned_and_never_wrapped() -> None:
    text = table(("A", "LONG HEAD"), [("a" * 300, "x"), ("b", "y")])
    lines = text.splitlines()
    assert len(lines) == 3
    assert {line.index(last) for line, last in zip(lines[1:], "xy", strict=True)} == {302}
    assert not any(line.endswith(" ") for line in lines)


def test_every_status_has_a_colour() -> None:
    from ignition_toolkit.cli.text import STATUS_COLOURS

    assert {*ExecutionStatus, *StepStatus} <= set(STATUS_COLOURS)
