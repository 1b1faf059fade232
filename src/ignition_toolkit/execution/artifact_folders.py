"""The executions' folders of artifacts: how much they hold, and their removal without any hurry."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

#: Seconds of work after which it rests for as long: a cancel's write may wait for the same disk.
TURN_S = 0.02


class TimeUp(Exception):
    """The time for this piece of work is over; the rest is done another time."""


class Pace:
    """Keeps a thread from working without a rest, and for too long.

    Args:
        stop: ends the work early.
        seconds: how long it may take.
    """

    def __init__(self, stop: threading.Event, seconds: float) -> None:
        self._stop = stop
        self._until = time.monotonic() + seconds
        self._turn_since = time.monotonic()

    def rest(self) -> None:
        """Wait a moment when it is time for that. Raises TimeUp when it was long enough."""
        now = time.monotonic()
        if now >= self._until or self._stop.is_set():
            raise TimeUp
        if now - self._turn_since >= TURN_S:
            self._stop.wait(TURN_S)
            self._turn_since = time.monotonic()


@dataclass
class Tally:
    """What was found, or removed."""

    folders: int = 0
    #: Bytes of the files, as their sizes say.
    size: int = 0


def measure_folder(folder: Path, tally: Tally, pace: Pace) -> None:
    """Add what a folder holds, if there is one. Raises TimeUp, OSError, RecursionError."""
    _walk(folder, tally, pace, remove=False)


def remove_folder(folder: Path, tally: Tally, pace: Pace) -> None:
    """Remove a folder, if there is one, and add what it held.

    Links are removed, what they lead to is left. What was removed before an error stays so.

    Raises TimeUp, in the middle too; OSError and RecursionError when it cannot be removed.
    """
    _walk(folder, tally, pace, remove=True)


def _walk(folder: Path, tally: Tally, pace: Pace, *, remove: bool) -> None:
    pace.rest()
    if not os.path.lexists(folder):
        return
    # Bottom up, by descriptors: nobody can have it led elsewhere by a link meanwhile.
    for _, folders, files, parent in os.fwalk(folder, topdown=False):
        for name in files:
            tally.size += os.stat(name, dir_fd=parent, follow_symlinks=False).st_size
            if remove:
                os.unlink(name, dir_fd=parent)
            pace.rest()
        for name in folders if remove else ():
            _remove_empty(name, parent)
    if remove:
        os.rmdir(folder)
    tally.folders += 1


def _remove_empty(name: str, parent: int) -> None:
    try:
        os.rmdir(name, dir_fd=parent)
    except NotADirectoryError:
        # A link to a folder.
        os.unlink(name, dir_fd=parent)
