"""The simulator's reference page is complete, and every documented address has row and test."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from ignition_toolkit.simulator import FaultKind, Settings
from ignition_toolkit.simulator.control_port import ACTIONS
from ignition_toolkit.simulator.routes import ROWS
from ignition_toolkit.simulator.routes.trying import OURS

HERE = Path(__file__).parent
PAGE = (HERE.parents[2] / "docs/reference/simulator.md").read_text("utf-8")

#: Lines `section | METHOD /path` of what was collected about real gateways.
DOCUMENTED = [
    line.partition(" | ")[2]
    for line in (HERE / "rows.txt").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]


def cells(heading: str) -> list[str]:
    """Return what stands in backquotes in the first column of the tables of a section."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    firsts = re.findall(r"^\|([^|]*)\|", section, re.MULTILINE)
    return [name for first in firsts for name in re.findall(r"`([^`]+)`", first)]


def test_every_setting_is_on_the_page() -> None:
    assert sorted(cells("Settings")) == sorted(Settings.model_fields)


def test_every_kind_of_fault_is_on_the_page() -> None:
    assert cells("Faults") == [kind.value for kind in FaultKind]


def test_every_action_is_on_the_page() -> None:
    assert set(ACTIONS) <= set(cells("Control port"))


@pytest.mark.parametrize("row", DOCUMENTED)
def test_every_documented_address_has_a_row_and_a_test_that_names_it(row: str) -> None:
    assert row in {known.name for known in ROWS}
    assert row in named_in_tests()


def test_no_row_is_there_that_is_documented_nowhere() -> None:
    ours = [row.name for row in ROWS if row.section == OURS]
    assert [row.name for row in ROWS if row.name not in [*DOCUMENTED, *ours]] == []
    assert [name for name in ours if f"`{name}`" not in PAGE] == []


@cache
def named_in_tests() -> set[str]:
    """Return every text that the tests of this folder hold, this file's own aside."""
    return {
        node.value
        for path in HERE.glob("test_*.py")
        if path != Path(__file__)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
