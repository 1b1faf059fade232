"""What the linter says of packages that are well kept was looked at, alarm by alarm."""

from __future__ import annotations

import re
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from ignition_toolkit.lint.engine import lint_paths
from ignition_toolkit.lint.findings import Finding

PACKAGES = ("anyio", "starlette", "httpx2", "uvicorn", "procrastinate")
LOOKED_AT = tomllib.loads(Path(__file__).with_name("well_kept.toml").read_text("utf-8"))["alarm"]
MOST = 10

_WHERE = re.compile(r"(?:, in |, reached by .* -> |, reached by )(\S+)\. On Cancel ")


def folder_of(package: str) -> Path:
    """Return where an installed package is, without importing it."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def alarm(finding: Finding, folders: dict[Path, str]) -> tuple[str, str, str, str]:
    """Return package, file, code and function of a finding."""
    folder = next(one for one in folders if Path(finding.path).is_relative_to(one))
    where = _WHERE.search(finding.message)
    assert where, finding.message
    file = Path(finding.path).relative_to(folder).as_posix()
    return folders[folder], file, finding.code, where[1]


@pytest.mark.parametrize(
    "packages",
    [("starlette", "uvicorn"), pytest.param(PACKAGES, marks=pytest.mark.stress)],
    ids=["two", "all"],
)
def test_each_alarm_was_looked_at_and_there_are_ten_at_most(packages: tuple[str, ...]) -> None:
    folders = {folder_of(package): package for package in packages}
    findings = lint_paths(list(folders))
    assert len(findings) <= MOST, "\n".join(finding.to_text() for finding in findings)
    keys = ("package", "file", "code", "where")
    looked_at = {tuple(one[key] for key in keys) for one in LOOKED_AT if one["package"] in packages}
    assert {alarm(finding, folders) for finding in findings} == looked_at
    assert all(len(one["why"]) > 20 for one in LOOKED_AT)
