"""The processes of one browser: Playwright's driver, and what it started. Nothing else is touched.

The driver is a child of the runner; the browser is a child of the driver and leads a session and a
process group of its own; its crash handlers re-parent to the runner, which is a subreaper.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

#: Seconds between two looks at a driver that is being frozen, and how many there are at most.
_LOOKS = 50
#: What the kernel calls a crash handler of Chromium; it cuts names off after 15 characters.
_CRASH_HANDLER = "chrome_crashpad"


def end_driver(pid: int) -> None:
    """Kill a driver and the process groups of what it started. Takes a few milliseconds at most.

    The driver is frozen first: it may be about to start the browser.

    Args:
        pid: of the driver, a child of this process that is not reaped before it is told of.
    """
    if not _signal(pid, signal.SIGSTOP):
        return
    _await_frozen(pid)
    for child in children_of(pid):
        _signal_group(child)
        _signal(child, signal.SIGKILL)
    _signal(pid, signal.SIGKILL)


def children_of(pid: int) -> list[int]:
    """Return the children of a process, dead ones included; none when it is gone."""
    found: list[int] = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            found += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
    return found


def crash_handlers() -> Iterator[int]:
    """Yield the crash handlers of a browser among this process's children."""
    for pid in children_of(os.getpid()):
        if _name_and_state(pid)[0].startswith(_CRASH_HANDLER):
            yield pid


def is_over(pid: int) -> bool:
    """Say whether a process is gone, or a zombie."""
    return _name_and_state(pid)[1] in ("", "Z", "X")


def _await_frozen(pid: int) -> None:
    # The kernel stops it at its next return to user mode: at once, as it is nobody's tracee.
    for _ in range(_LOOKS):
        if _name_and_state(pid)[1] not in ("R", "S"):
            return
        os.sched_yield()


def _signal_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        # A child that has not made its own group yet is in ours: that one is not to be killed.
        if os.getpgid(leader) == leader:
            os.killpg(leader, signal.SIGKILL)


def _signal(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _name_and_state(pid: int) -> tuple[str, str]:
    before, _, after = _read(f"/proc/{pid}/stat").rpartition(")")
    return before.partition("(")[2], after[1:2]


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
