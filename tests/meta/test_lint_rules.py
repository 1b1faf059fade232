"""The linter's rules, their page, their cases and the changelog speak of the same codes."""

import re

from ignition_toolkit.lint.project import UNREADABLE
from ignition_toolkit.lint.rules import RULES
from ignition_toolkit.lint.suppressions import MALFORMED, UNUSED, suppressions
from tests.meta.repository import REPO, package_modules, place

CODES = {UNREADABLE, MALFORMED, UNUSED, *RULES}
PAGE = (REPO / "docs" / "rules.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## (ITK\d{3}) .*?$(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))

#: Suppressions of findings under src.
MAX_SUPPRESSIONS = 5


def test_every_code_has_its_section_and_every_section_its_code() -> None:
    assert set(SECTIONS) == CODES


def test_every_section_says_the_harm_the_fix_and_the_limits() -> None:
    short = [
        f"{code}: {word}"
        for code, text in SECTIONS.items()
        for word in ("**Harm.**", "**Fix.**", "**Limits.**")
        if word not in text
    ]
    assert not short, "expected these in docs/rules.md:\n" + "\n".join(short)


def test_the_page_calls_a_rule_as_the_linter_does_and_tells_who_is_looked_at() -> None:
    for code, rule in RULES.items():
        assert f"## {code} {rule.name[0].upper()}{rule.name[1:]}\n" in PAGE or (
            f"## {code} {rule.name}\n" in PAGE
        ), f"expected the heading '## {code} {rule.name}'"
        assert ("*Handlers.*" in SECTIONS[code]) == rule.handlers_only, code


def test_every_code_has_a_good_and_a_bad_case() -> None:
    cases = [path.name for path in (REPO / "tests" / "lint_cases").glob("*.py")]
    assert {name.partition("_")[0] for name in cases} == CODES
    for code in sorted(CODES):
        for kind in ("good", "bad"):
            assert any(name.startswith(f"{code}_{kind}_") for name in cases), f"{code}: no {kind}"


def test_the_changelog_names_every_code() -> None:
    text = (REPO / "CHANGELOG.md").read_text("utf-8")
    named = set(re.findall(r"ITK\d{3}", text))
    for first, last in re.findall(r"ITK(\d{3})\s+to\s+ITK(\d{3})", text):
        named |= {f"ITK{number}" for number in range(int(first), int(last) + 1)}
    assert named == CODES


def test_our_own_code_has_few_suppressions() -> None:
    found = [
        f"{place(path, one.line)} {one.reason}"
        for path, text, _ in package_modules()
        for one in suppressions(text)
    ]
    assert len(found) <= MAX_SUPPRESSIONS, "\n".join(found)
