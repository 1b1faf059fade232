"""What another thread can see of a process's main thread: where it stands, and what it waited."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import NamedTuple

from ignition_toolkit.playbook.task_place import step_place
from ignition_toolkit.runner.channel import EventWriter

#: Functions by file and name that hold the loop up without a fault of the step that calls them:
#: a module is imported and a process is started in no other way, and the beginning of an attempt
#: is told by us. How long they take is a matter of the machine.
EXCUSED = frozenset(
    {
        ("<frozen importlib._bootstrap>", "_find_and_load"),
        (subprocess.__file__, "_execute_child"),
        (EventWriter.tell.__code__.co_filename, EventWriter.tell.__code__.co_name),
    }
)

#: Bytes of the kernel's account at most: three numbers.
_ACCOUNT_BYTES = 128


class Delays(NamedTuple):
    """Seconds that two threads have been ready to run and had no processor, since their start."""

    main: float
    #: Of the thread that looks.
    own: float


class MainThread:
    """Looks at the main thread. To be made in it, and used in one other thread and in it."""

    def __init__(self) -> None:
        self._ident = threading.get_ident()
        #: The kernel's id of the thread that looks; to be set by its owner.
        self.looked_from: int | None = None

    def now(self) -> float:
        """Return the monotonic second."""
        return time.monotonic()

    def delays(self) -> Delays:
        """Return how long both threads had to wait for a processor."""
        own = run_delay(self.looked_from) if self.looked_from is not None else 0.0
        # The main thread's kernel id is the pid; its `native_id` is that of before a fork.
        return Delays(run_delay(os.getpid()), own)

    def place(self) -> str | None:
        """Return `file:line in function` of the step's innermost frame; None for none or excused.

        It is asked of the interpreter, which no other thread leaves meanwhile: safe also while
        the main thread runs.
        """
        return step_place(sys._current_frames().get(self._ident), EXCUSED)


def run_delay(native_id: int) -> float:
    """Return the seconds for which a thread of this process was ready and had no processor.

    0.0 where the kernel keeps no such account, or the process has no descriptor left to read it.
    """
    try:
        # Opened each time: a step may close whatever number a descriptor has.
        with open(f"/proc/self/task/{native_id}/schedstat", "rb", buffering=0) as file:
            return int(file.read(_ACCOUNT_BYTES).split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
