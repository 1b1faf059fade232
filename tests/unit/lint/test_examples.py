"""What people are given to copy has no finding."""

import re
from pathlib import Path

from ignition_toolkit.lint.engine import lint_paths

REPO = Path(__file__).parents[3]


def test_the_example_package_has_no_finding() -> None:
    assert lint_paths([REPO / "examples" / "acme-steps"]) == []


def test_the_example_of_the_pattern_page_has_no_finding(tmp_path: Path) -> None:
    page = (REPO / "docs" / "CANCELLATION_PATTERN.md").read_text("utf-8")
    [example] = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    (tmp_path / "example.py").write_text(example, "utf-8")
    assert lint_paths([tmp_path]) == []
