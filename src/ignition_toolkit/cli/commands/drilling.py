"""`itk drill`: becomes the drill's own process, which may import step kinds."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn


def drill(kinds: Sequence[str], times: int, junit: str | None, form: str) -> NoReturn:
    """Take the drill in the place of this process, with its exit codes; Ctrl-C is the drill's.

    Args:
        kinds: patterns of kinds; none for all.
        times: how often each is tried.
        junit: file for the results as JUnit XML.
        form: text, json or markdown.
    """
    arguments = [word for pattern in kinds for word in ("--kinds", pattern)]
    arguments += ["--times", str(times), "--format", form]
    if junit is not None:
        arguments += ["--junit", junit]
    sys.stdout.flush()
    sys.stderr.flush()
    command = [sys.executable, "-m", "ignition_toolkit.drill", *arguments]
    os.execv(sys.executable, command)  # noqa: S606 - a list, and nothing of it is a shell's
