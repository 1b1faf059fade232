"""`# itk: ignore[ITK101] reason`: findings that somebody has looked at and left.

A suppression holds for its own line, or, alone on a line, for the next one. It needs the code and
a reason, and one that suppresses nothing is a finding itself.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ignition_toolkit.lint.findings import Finding

#: Codes of findings about suppressions; they cannot be suppressed.
MALFORMED = "ITK190"
UNUSED = "ITK191"

_COMMENT = re.compile(r"#\s*itk:\s*ignore(?:\[(?P<codes>[^\]]*)\])?(?P<reason>.*)")
_WORD = re.compile(r"\w\w")


@dataclass
class Suppression:
    """One comment of this kind.

    Attributes:
        line: its own, from 1.
        column: where it begins, from 1.
        holds_for: the line whose findings it suppresses.
        codes: the rules that it names.
        reason: the words behind them.
        used: the codes that it did suppress.
    """

    line: int
    column: int
    holds_for: int
    codes: tuple[str, ...]
    reason: str
    used: set[str] = field(default_factory=set)


def suppressions(text: str) -> list[Suppression]:
    """Return the suppressions in a module's text, in their order."""
    if "itk:" not in text:
        return []
    try:
        return list(_found(text))
    except (tokenize.TokenError, SyntaxError):
        return []


def _found(text: str) -> Iterator[Suppression]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        if (found := _COMMENT.match(token.string)) is None:
            continue
        line, column = token.start
        alone = not token.line[:column].strip()
        codes = tuple(code.strip() for code in (found["codes"] or "").split(",") if code.strip())
        reason = found["reason"].partition("#")[0].strip(" \t-:")
        yield Suppression(line, column + 1, line + alone, codes, reason)


def apply(
    path: str, findings: Iterable[Finding], comments: list[Suppression], known: Iterable[str]
) -> list[Finding]:
    """Return what is left of a module's findings, and what is wrong with its suppressions.

    Args:
        path: of the module.
        findings: those of this module.
        comments: its suppressions.
        known: the codes of all rules.
    """
    left = [finding for finding in findings if not _is_suppressed(finding, comments)]
    codes = set(known)
    complaints = [one for comment in comments for one in _complaints(path, comment, codes)]
    return sorted([*left, *complaints])


def _is_suppressed(finding: Finding, comments: list[Suppression]) -> bool:
    hit = False
    for comment in comments:
        if comment.holds_for == finding.line and finding.code in comment.codes:
            comment.used.add(finding.code)
            hit = True
    return hit


def _complaints(path: str, comment: Suppression, known: set[str]) -> Iterator[Finding]:
    def complain(code: str, message: str) -> Finding:
        return Finding(path, comment.line, comment.column, code, message)

    form = "write `# itk: ignore[ITK101] why it is right here`"
    if not comment.codes:
        yield complain(MALFORMED, f"a suppression names no rule, and suppresses nothing; {form}")
        return
    if not _WORD.search(comment.reason):
        yield complain(MALFORMED, f"a suppression gives no reason; {form}")
    for code in comment.codes:
        if code not in known:
            yield complain(MALFORMED, f"there is no rule {code!r} to suppress; {form}")
        elif code not in comment.used:
            yield complain(
                UNUSED, f"this suppression of {code} suppresses nothing any more; take it out"
            )
