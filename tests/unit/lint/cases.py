"""The annotated files of tests/lint_cases: which finding is expected on which line."""

from __future__ import annotations

import re
from pathlib import Path

from ignition_toolkit.lint.findings import Finding

FOLDER = Path(__file__).parents[2] / "lint_cases"
CASES = sorted(FOLDER.glob("*.py"))

_EXPECTED = re.compile(r"# expect: (ITK\d{3}(?:, ITK\d{3})*)\s*$")


def expected(case: Path) -> set[tuple[int, str]]:
    """Return line and code of each finding that a case announces."""
    lines = case.read_text("latin-1").splitlines()
    found = ((number, _EXPECTED.search(line)) for number, line in enumerate(lines, start=1))
    return {(number, code) for number, match in found if match for code in match[1].split(", ")}


def found(findings: list[Finding]) -> set[tuple[int, str]]:
    """Return line and code of each finding."""
    return {(finding.line, finding.code) for finding in findings}


def code_of(case: Path) -> str:
    """Return the code that a case is about."""
    return case.name.partition("_")[0]
