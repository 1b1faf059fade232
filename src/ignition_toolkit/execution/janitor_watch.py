"""Notices that a janitor does not do what is due, and wakes it, or has it replaced.

A janitor that somebody has stopped (a terminal, a debugger, a freezer) is not dead, so that nothing
else would end the wait for its answer.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable

from ignition_toolkit.execution.janitor_process import JanitorProcess

logger = logging.getLogger(__name__)

#: Seconds after which something that was due and has no answer is looked into.
LATE_S = 0.05
#: Seconds that a janitor has to run after it was woken; one that is stopped again is killed.
WAKE_S = 0.02
#: Seconds after which a janitor that runs and says nothing is killed. It answers an end that does
#: not succeed after 5 s.
SILENT_S = 8.0


class JanitorWatch:
    """Looks at the janitor while an answer is late. To be used from the supervision loop only.

    Args:
        due_t: returns the monotonic second since or from which the janitor has something to do;
            None when nothing is asked of it.
        process: returns the janitor of now, None before the first.
    """

    def __init__(
        self, due_t: Callable[[], float | None], process: Callable[[], JanitorProcess | None]
    ) -> None:
        self._due_t = due_t
        self._process = process
        self._timer: asyncio.TimerHandle | None = None
        self._woken: JanitorProcess | None = None
        self._silent_from_t = 0.0

    def note_life(self) -> None:
        """Note that the janitor was started, or has said something."""
        self._silent_from_t = time.monotonic()

    def look_later(self) -> None:
        """Look when what is asked for is late; to be called after each question."""
        due_t = self._due_t()
        if due_t is None:
            return
        if self._timer is None:
            self.note_life()
        self._look_at(max(due_t, time.monotonic()) + LATE_S)

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_at(self, t: float) -> None:
        # The loop's clock is the monotonic one.
        if self._timer is not None:
            if self._timer.when() <= t:
                return
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(t, self._look)

    def _look(self) -> None:
        self._timer = None
        due_t, process = self._due_t(), self._process()
        if due_t is None:
            self._woken = None
            return
        now = time.monotonic()
        if process is not None and not process.ended.is_set() and due_t + LATE_S <= now:
            self._see_to(process, now - max(due_t, self._silent_from_t))
        self._look_at(max(due_t, now) + (WAKE_S if self._woken is process else LATE_S))

    def _see_to(self, process: JanitorProcess, silent_s: float) -> None:
        if not process.is_stopped:
            self._woken = None
            if silent_s > SILENT_S:
                self._replace(process, f"says nothing since {silent_s:.1f} s")
        elif self._woken is not process:
            self._woken = process
            logger.error(
                "the janitor (pid %d) was stopped while a tree is to be ended; it is continued",
                process.pid, extra={"action": "janitor_stopped"},
            )  # fmt: skip
            process.send(signal.SIGCONT)
        else:
            self._replace(process, "was stopped and could not be continued")

    def _replace(self, process: JanitorProcess, why: str) -> None:
        logger.error(
            "the janitor (pid %d) %s; it is killed and another is started", process.pid, why,
            extra={"action": "janitor_killed"},
        )  # fmt: skip
        process.kill()
