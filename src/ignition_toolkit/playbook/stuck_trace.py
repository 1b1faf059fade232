"""Reads what `faulthandler` wrote about a process that did not stop."""

from __future__ import annotations

import re

from ignition_toolkit.playbook.task_place import is_foreign

_FRAME = re.compile(r'^  File "(?P<file>.*)", line (?P<line>\d+) in (?P<function>.*)$')
_SECTION = re.compile(r"^(Current thread|Thread|Stack) .*$")


def stuck_place(trace: str) -> str | None:
    """Return `file:line in function` of the innermost frame that a step's author wrote.

    The main thread, which comes last in a trace, is preferred. None when every thread stands in
    the standard library or in ours, or the trace is empty.
    """
    for section in reversed(_sections(trace)):
        for file, line, function in section:
            if not is_foreign(file):
                return f"{file}:{line} in {function}"
    return None


def _sections(trace: str) -> list[list[tuple[str, str, str]]]:
    sections: list[list[tuple[str, str, str]]] = []
    for text in trace.splitlines():
        if _SECTION.match(text):
            sections.append([])
        elif (frame := _FRAME.match(text)) and sections:
            sections[-1].append((frame["file"], frame["line"], frame["function"]))
    return sections
