"""Processes that cannot be ended, as those of another user."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ignition_toolkit.execution import janitor_link, janitor_process

SCRIPT = Path(__file__).with_name("refusing_janitor.py")


class Refused:
    """Processes that no janitor may signal; what is left of them is ended by the test."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._pids: list[int] = []
        file.touch()

    def add(self, pid: int) -> None:
        self._pids.append(pid)
        self._file.write_text(" ".join(map(str, self._pids)), "ascii")

    def end(self) -> None:
        """End them by hand."""
        for pid in self._pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            # A worker in this process may have been quicker.
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        self._pids.clear()


@contextlib.contextmanager
def refusing(folder: Path) -> Iterator[Refused]:
    """Have workers that are opened meanwhile start such a janitor; end what is left of them."""
    file = folder / "refused"
    found = Refused(file)
    command = [sys.executable, str(SCRIPT), str(file)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            janitor_link, "start_janitor", lambda _: janitor_process.start_janitor(command)
        )
        yield found
    found.end()
