"""DesignerManager: the desktop of one execution, and the Designer that it started.

Importing it imports no library; the desktop is opened by the first step that needs it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ignition_toolkit.designer.backend import Wanted, Window
from ignition_toolkit.designer.processes import belonging, is_marked, is_still, new_mark
from ignition_toolkit.playbook.models import HandedOver

if TYPE_CHECKING:
    from ignition_toolkit.designer.backend import Backend


#: How often a Designer that is ended is looked for: one that forks meanwhile is found again.
END_PASSES = 5


class Launch:
    """A Designer that was started: the launcher, and whatever it has forked.

    Args:
        process: the launcher, which may have ended while the Designer runs.
        mark: in the environment of all that it started.
        keep_open: whether a person gets it when the execution completes.
    """

    def __init__(self, process: subprocess.Popen[bytes], mark: str, keep_open: bool) -> None:
        self._process = process
        self._mark = mark
        self.keep_open = keep_open
        #: Whether its window has come: it stays when a step is stopped from then on.
        self.is_up = False

    def owns(self, window: Window) -> bool:
        """Say whether a window belongs to it."""
        return window.pid is not None and is_marked(window.pid, self._mark)

    def processes(self) -> Sequence[HandedOver]:
        """Return its living processes, also those that have left its lineage or environment."""
        # The launcher is reaped on the way.
        self._process.poll()
        return belonging(self._mark)

    def end(self) -> None:
        """Kill all that it has started. What forks on meanwhile is the sweep's."""
        for _ in range(END_PASSES):
            if not (found := self.processes()):
                return
            for process in found:
                _kill(process)

    @property
    def exit_code(self) -> int | None:
        """The launcher's exit status, negative for a signal; None while it lives."""
        return self._process.poll()


def _kill(process: HandedOver) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        handle = os.pidfd_open(process.pid)
        try:
            # Looked at once it is held: the number may have become another's before.
            if is_still(process):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        finally:
            os.close(handle)


class DesignerManager:
    """What designer steps of one execution share.

    A handler writes `manager = await self.context.use(DesignerManager)`. Processes are not ended
    here: what the execution started is the sweep's, whatever becomes of its steps.
    """

    def __init__(self) -> None:
        self._backend: Backend | None = None
        self._launches: list[Launch] = []

    @property
    def desktop(self) -> Backend:
        """The desktop that `open` has connected to."""
        assert self._backend is not None, "a step has to open it first"
        return self._backend

    async def open(self) -> Backend:
        """Connect to the desktop, on first use.

        Raises DesktopUnavailable. Cancellation: at once.
        """
        if self._backend is None:
            # The one backend there is; another system's would be chosen here.
            from ignition_toolkit.designer.x11 import X11Backend

            self._backend = await X11Backend.open()
        return self._backend

    @property
    def launches(self) -> Sequence[Launch]:
        """The Designers that this execution has started, oldest first."""
        return tuple(self._launches)

    def launch(self, launcher: Path, arguments: list[str], *, keep_open: bool) -> Launch:
        """Start a Designer by its launcher, on the desktop that is open. Raises StepFailed."""
        from ignition_toolkit.designer.launcher import start_launcher

        assert self._backend is not None, "a person is told of a desktop that is missing first"
        mark = new_mark()
        process = start_launcher(launcher, arguments, mark, outlives=keep_open)
        self._launches.append(Launch(process, mark, keep_open))
        return self._launches[-1]

    def owns(self, window: Window) -> bool:
        """Say whether a window belongs to a Designer that this execution has started."""
        return any(launch.owns(window) for launch in self._launches)

    def own(self, wanted: Wanted) -> Wanted:
        """Return what wants the same windows, but of this execution's Designer only."""
        return lambda window: wanted(window) and self.owns(window)

    async def windows(self, wanted: Wanted) -> list[Window]:
        """Return the windows that are there now and wanted, oldest first."""
        found: list[Window] = []

        def note(window: Window) -> bool:
            if wanted(window):
                found.append(window)
            return False

        await self.desktop.wait_for_window(note, 0)
        return found

    def processes(self) -> Sequence[HandedOver]:
        """Return the living processes of all that this execution has started."""
        return tuple(process for launch in self._launches for process in launch.processes())

    def long_lived_processes(self) -> set[int]:
        """Return the processes that are to outlive a step that was stopped."""
        up = (launch for launch in self._launches if launch.is_up)
        return {process.pid for launch in up for process in launch.processes()}

    def handed_over(self) -> Sequence[HandedOver]:
        """Return the processes that a person gets when the execution has completed."""
        keeps = (launch for launch in self._launches if launch.keep_open and launch.is_up)
        return tuple(process for launch in keeps for process in launch.processes())

    def close(self) -> None:
        """Leave the desktop; a Designer stays as it is."""
        if self._backend is not None:
            self._backend.disconnect()
            self._backend = None
