"""Every rule finds what its bad cases announce, and nothing in the good ones."""

from pathlib import Path

import pytest

from ignition_toolkit.lint.engine import lint_paths
from tests.unit.lint.cases import CASES, code_of, expected, found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_case_has_exactly_the_findings_that_it_announces(case: Path) -> None:
    assert found(lint_paths([case])) == expected(case)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_bad_case_announces_its_own_code_and_a_good_one_nothing(case: Path) -> None:
    codes = {code for _, code in expected(case)}
    assert ("_good_" in case.name) == (not codes)
    assert not codes or code_of(case) in codes
