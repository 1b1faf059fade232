"""Small source trees for the linter to look at."""

from __future__ import annotations

import textwrap
from pathlib import Path

from ignition_toolkit.lint.engine import lint_paths
from ignition_toolkit.lint.findings import Finding


def write(folder: Path, files: dict[str, str]) -> Path:
    """Write files, by their path inside a folder; return the folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), "utf-8")
    return folder


def looked_at(folder: Path, files: dict[str, str]) -> list[Finding]:
    """Write files and return what is found in the folder."""
    return lint_paths([write(folder, files)])


def places(folder: Path, findings: list[Finding]) -> list[str]:
    """Return `path:line code` of each finding, the path inside the folder."""
    return [f"{Path(one.path).relative_to(folder)}:{one.line} {one.code}" for one in findings]
