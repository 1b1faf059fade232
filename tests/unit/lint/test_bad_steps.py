"""What the linter says of each step kind that loses a cancel on purpose."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from functools import cache

import pytest

from ignition_toolkit.lint.engine import lint_paths
from tests.bad_steps import page
from tests.bad_steps.kinds import CAUGHT, CONTROL, FOLDER, handlers


@cache
def reported() -> Mapping[str, set[str]]:
    """Return the codes that the linter reports, by the class of the handler that is reached."""
    codes = defaultdict(set)
    for finding in lint_paths([FOLDER]):
        assert finding.handler, finding
        codes[finding.handler.rpartition(".")[2]].add(finding.code)
    return codes


@pytest.mark.parametrize("kind", [CONTROL, *CAUGHT])
def test_a_bad_kind_has_the_findings_that_the_table_says(kind: str) -> None:
    expected = CAUGHT[kind].lint if kind in CAUGHT else ()
    assert reported().get(handlers()[kind].__name__, set()) == set(expected)


def test_every_kind_there_is_in_the_table() -> None:
    assert set(handlers()) == {CONTROL, *CAUGHT}


def test_every_kind_says_what_is_wrong_with_it_and_what_the_fix_is() -> None:
    for kind in CAUGHT:
        text = handlers()[kind].__doc__ or ""
        assert "Wrong: " in text and "Fix:" in text, kind


def test_no_kind_is_installed_for_those_who_have_this_checkout() -> None:
    # Another process: tests beside this one show packages of theirs to this one.
    asked = "from importlib.metadata import entry_points as e\n"
    asked += "print(*(one.module for one in e(group='ignition_toolkit.steps')))"
    answer = subprocess.run(
        [sys.executable, "-I", "-c", asked], capture_output=True, text=True, check=True, timeout=60
    )
    installed = set(answer.stdout.split())
    assert "ignition_toolkit.steps.utility" in installed
    assert not installed & {handler.__module__ for handler in handlers().values()}


def test_the_page_says_what_the_table_says() -> None:
    assert page.PAGE.read_text("utf-8") == page.page(), "python -m tests.bad_steps.page"
