"""A server's share of the processor: it goes before its runners, where it may ask for that."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: The niceness of a server that goes first, as of the janitor's.
NICENESS = -10
#: Says "/autogroup-7 nice 0": where every session has a share of its own (sched_autogroup), a
#: niceness counts only within the session, and the session has one too.
_SESSION = Path("/proc/self/autogroup")


@contextmanager
def going_first() -> Iterator[None]:
    """Be given the processor before others for the length of a block, where that is allowed.

    A hundred runners that hear of a cancel at once would else take it from whoever has to tell the
    next one. Nothing changes where somebody has chosen a niceness. Threads that are started
    meanwhile have it too, and so have processes: a runner takes the ordinary one.
    """
    if os.getpriority(os.PRIO_PROCESS, 0) or not _try_niceness(NICENESS):
        yield
        return
    session = _session_niceness()
    try:
        if session == 0:
            _set_session_niceness(NICENESS)
        yield
    finally:
        _try_niceness(0)
        if session == 0:
            _set_session_niceness(0)


def _try_niceness(niceness: int) -> bool:
    try:
        os.setpriority(os.PRIO_PROCESS, 0, niceness)
    except OSError:
        return False
    return True


def _session_niceness() -> int | None:
    """Return the niceness of this session, None where sessions have none."""
    with suppress(OSError, ValueError):
        return int(_SESSION.read_text("ascii").rpartition(" ")[2])
    return None


def _set_session_niceness(niceness: int) -> None:
    with suppress(OSError):
        _SESSION.write_text(str(niceness), "ascii")
