"""How messages show what was found."""

from __future__ import annotations

import pytest

from ignition_toolkit.playbook.wording import NAME_CHARACTERS, listed, shown


@pytest.mark.parametrize("length", [1, 61, NAME_CHARACTERS])
def test_a_name_is_shown_whole(length: int) -> None:
    name = "x" * (length - 1) + "y"
    assert shown(name) == f"'{name}'"
    assert listed([name]) == name


def test_names_that_are_too_long_can_still_be_told_apart() -> None:
    one, other = (shown(f"{'plant/' * 100}line-{number}") for number in (1, 2))
    assert one != other
    assert one.startswith("'plant/plant/")
    assert one.endswith("line-1'")
    assert len(one) < NAME_CHARACTERS


def test_a_name_with_line_breaks_stays_on_one_line() -> None:
    assert shown("a\nb\x00c") == "'a b c'"
