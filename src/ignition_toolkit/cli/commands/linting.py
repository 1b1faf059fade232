"""`itk lint`: where the code of step handlers loses a cancel."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from ignition_toolkit.cli.exits import Exit
from ignition_toolkit.cli.output import say, stdout
from ignition_toolkit.cli.text import plural, printable
from ignition_toolkit.errors import OperatorError


def lint(paths: Sequence[str], form: str) -> int:
    """Print findings as lines, or as one JSON array. Returns the exit code.

    Args:
        paths: Python files, and folders whose `.py` files are looked at together.
        form: `text` or `json`.

    Raises:
        OperatorError: a path does not exist, or astroid is not installed.
    """
    if find_spec("astroid") is None:
        raise OperatorError(
            "itk lint needs the package astroid, which is not installed here:"
            " pip install 'ignition-toolkit[lint]'"
        )
    # Imported here: it needs astroid, which no other command does.
    from ignition_toolkit.lint.engine import lint_paths

    try:
        findings = lint_paths([Path(path) for path in paths])
    except FileNotFoundError as error:
        raise OperatorError(f"{error}: no such file or folder") from error
    if form == "json":
        stdout().write(json.dumps([one.to_json() for one in findings], indent=2) + "\n")
    else:
        stdout().write("".join(f"{printable(one.to_text())}\n" for one in findings))
        say(f"itk: {plural(len(findings), 'finding')}")
    return Exit.FAILED if findings else Exit.COMPLETED
