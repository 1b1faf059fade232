"""What a program's steps need of this machine, looked at before the first of them runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ignition_toolkit.errors import BrowserMissing
from ignition_toolkit.playbook.models import Program, Step

#: Packages of step kinds that need a browser.
_IN_BROWSER = ("ignition_toolkit.steps.browser", "ignition_toolkit.steps.perspective")


def what_is_missing(program: Program, modules: Mapping[str, str]) -> str | None:
    """Return one line that says what the program's steps lack here and what to do, else None.

    Args:
        program: with its nested playbooks; steps after a cancel count too.
        modules: module of each kind.

    Imports no handler and starts nothing.
    """
    if not any(modules.get(step.type, "") in _IN_BROWSER for step in _steps(program)):
        return None
    from ignition_toolkit.browser.finding import find_browser

    try:
        find_browser()
    except BrowserMissing as error:
        return error.message
    return None


def _steps(program: Program) -> Iterator[Step]:
    for playbook in (program.main, *program.nested.values()):
        yield from playbook.steps
        yield from playbook.on_cancel
