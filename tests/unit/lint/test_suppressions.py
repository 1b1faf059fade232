"""Suppressions hold for their line, need code and reason, and tell when they are of no use."""

import pytest

from ignition_toolkit.lint.findings import Finding
from ignition_toolkit.lint.suppressions import apply, suppressions


@pytest.mark.parametrize(
    ("text", "holds_for", "codes", "reason"),
    [
        ("x()  # itk: ignore[ITK101] it ends by itself\n", 1, ("ITK101",), "it ends by itself"),
        ("\n# itk: ignore[ITK101] above\nx()\n", 3, ("ITK101",), "above"),
        ("x()  # itk:ignore[ITK101, ITK102] - both\n", 1, ("ITK101", "ITK102"), "both"),
        ("x()  # itk: ignore\n", 1, (), ""),
        ("x()  # itk: ignore[ITK101] why  # noqa: S101\n", 1, ("ITK101",), "why"),
    ],
)
def test_a_comment_is_read(text: str, holds_for: int, codes: tuple[str], reason: str) -> None:
    (found,) = suppressions(text)
    assert (found.holds_for, found.codes, found.reason) == (holds_for, codes, reason)


@pytest.mark.parametrize("text", ["x = '# itk: ignore[ITK101] no'\n", "# itk is a tool\n", "(\n"])
def test_other_text_is_no_suppression(text: str) -> None:
    assert suppressions(text) == []


def finding(line: int, code: str = "ITK101") -> Finding:
    """A finding of a.py."""
    return Finding("a.py", line, 1, code, "a message")


def left(text: str, *findings: Finding) -> list[tuple[int, str]]:
    """Line and code of what is left of findings."""
    applied = apply("a.py", findings, suppressions(text), ["ITK101", "ITK102"])
    return [(one.line, one.code) for one in applied]


def test_it_suppresses_its_code_on_its_line_only() -> None:
    text = "x()  # itk: ignore[ITK101] it ends by itself\nx()\n"
    others = [finding(1, "ITK102"), finding(2)]
    assert left(text, finding(1), *others) == [(1, "ITK102"), (2, "ITK101")]


def test_each_code_of_several_has_to_be_of_use() -> None:
    assert left("x()  # itk: ignore[ITK101,ITK102] both\n", finding(1)) == [(1, "ITK191")]


def test_without_a_reason_it_is_a_finding_itself() -> None:
    assert left("x()  # itk: ignore[ITK101]\n", finding(1)) == [(1, "ITK190")]


def test_its_own_findings_cannot_be_suppressed() -> None:
    text = "x()  # itk: ignore[ITK191] nothing is unused here\n"
    assert left(text) == [(1, "ITK190")]
