"""Every package that pyproject.toml names has its line in the decision record."""

import re
import tomllib
from collections.abc import Iterator

from tests.meta.repository import REPO

RECORD = REPO / "docs" / "adr" / "0005-dependencies.md"


def named() -> Iterator[str]:
    """Yield the names of all dependencies: of the server, of extras and of groups."""
    said = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))
    lists = [said["project"]["dependencies"], *said["project"]["optional-dependencies"].values()]
    for listed in [*lists, *said["dependency-groups"].values()]:
        for one in listed:
            match = re.match(r"[A-Za-z0-9_.-]+", one)
            assert match, one
            yield match[0].lower()


def test_every_dependency_has_a_line_with_its_reason() -> None:
    text = RECORD.read_text("utf-8").partition("## Options rejected")[0]
    rows = "\n".join(line for line in text.splitlines() if line.startswith("|"))
    told = set(re.findall(r"[a-z0-9_.-]+", rows.lower()))
    missing = sorted(set(named()) - told)
    assert not missing, f"{RECORD.name} has no line for: {', '.join(missing)}"
