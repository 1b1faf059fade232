"""docs/onboarding.md leads newcomers to what is there."""

import re
import tomllib

import pytest

from tests.meta.repository import REPO, SRC

PAGE = (REPO / "docs" / "onboarding.md").read_text("utf-8")
#: Pages that lead on to others by a link.
LEADS = {
    "README.md": ("docs/onboarding.md", "docs/how-to/own-step-kind.md", "docs/who-catches-what.md"),
    "CONTRIBUTING.md": ("docs/onboarding.md", "docs/CANCELLATION_PATTERN.md"),
    ".github/pull_request_template.md": ("../docs/CANCELLATION_PATTERN.md",),
    "docs/CANCELLATION_PATTERN.md": ("how-to/own-step-kind.md", "who-catches-what.md", "rules.md"),
    "docs/onboarding.md": ("CANCELLATION_PATTERN.md", "how-to/own-step-kind.md", "glossary.md"),
    "examples/acme-steps/README.md": ("../../docs/how-to/own-step-kind.md",),
}


def rows() -> list[tuple[list[str], list[str]]]:
    """Return the names in each row of the table of places: of the package, and of its tests."""
    section = PAGE.partition("## Where what lives")[2].partition("\n## ")[0]
    lines = [line.split("|")[2:4] for line in section.splitlines() if line.startswith("| ")]
    places, tests = ([re.findall(r"`([^`]+)`", row[side]) for row in lines[1:]] for side in (0, 1))
    return list(zip(places, tests, strict=True))


def test_every_place_that_the_page_names_exists() -> None:
    missing = []
    for places, tests in rows():
        folder = (SRC / places[0]).parent if places[0].endswith(".py") else SRC
        missing += [
            name for name in places if not ((folder / name).exists() or (SRC / name).exists())
        ]
        top = (REPO / tests[0]).parent
        missing += [name for name in tests if not ((REPO / name).exists() or (top / name).exists())]
    assert len(rows()) > 10
    assert not missing, f"docs/onboarding.md names what is not there: {missing}"


def test_the_page_has_a_row_for_every_part_of_the_package() -> None:
    named = {name.partition("/")[0] for places, _ in rows() for name in places}
    config = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    [layers] = [one["layers"] for one in config["contracts"] if one["id"] == "layers"]
    parts = {name.strip(" ()") for layer in layers for name in layer.split("|")}
    parts = {name for name in parts if (SRC / name).is_dir()} | {"janitor", "lint", "simulator"}
    assert parts - named <= {"credentials", "testing"}


@pytest.mark.parametrize("page", LEADS)
def test_a_page_leads_on_to_what_its_reader_needs_next(page: str) -> None:
    text = (REPO / page).read_text("utf-8")
    lost = [target for target in LEADS[page] if f"]({target}" not in text]
    assert not lost, f"{page} has no link to {lost}"
