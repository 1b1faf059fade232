"""One janitor process: its pipes, its lines, and its end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ignition_toolkit.execution.child_process import Child, Pipes, start_child
from ignition_toolkit.execution.pipe_reader import PipeReader
from ignition_toolkit.execution.pipe_writer import PipeWriter

JANITOR_COMMAND = (sys.executable, "-m", "ignition_toolkit.janitor")


@dataclass(frozen=True)
class StartedJanitor:
    """A started janitor, and our ends of its stdin and stdout."""

    child: Child
    commands_fd: int
    answers_fd: int


def start_janitor(command: Sequence[str]) -> StartedJanitor:
    """Start a janitor. Blocks for some milliseconds: for a thread.

    Raises OSError when there is no process or descriptor left; no process is left then.
    """
    pipes = Pipes()
    try:
        stdin, commands_fd = pipes.to_child()
        stdout, answers_fd = pipes.from_child()
        child = start_child(command, stdin=stdin, stdout=stdout)
    except BaseException:
        pipes.close_ours()
        raise
    finally:
        pipes.close_theirs()
    return StartedJanitor(child, commands_fd, answers_fd)


class JanitorProcess:
    """A running janitor. To be used from the supervision loop only.

    Args:
        started: the process and its pipes, which are this object's from now on.
        on_line: gets each line that it says.
        on_end: called once, after the last line.
    """

    def __init__(
        self,
        started: StartedJanitor,
        on_line: Callable[[bytes], None],
        on_end: Callable[[], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_line = on_line
        self._on_end = on_end
        self._rest = b""
        self._child = started.child
        self.pid = started.child.pid
        self.ended = asyncio.Event()
        #: Negative for a signal; None while it lives.
        self.exit_code: int | None = None
        self._loop.add_reader(self._child.pidfd, self._on_exit)
        self._commands = PipeWriter(started.commands_fd)
        self._answers = PipeReader(started.answers_fd, self._on_data)

    @property
    def is_stopped(self) -> bool:
        """Whether a signal has stopped it. The kernel tells a parent without any file."""
        try:
            told = os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        return told is not None

    def write(self, line: bytes) -> None:
        """Send a line. Never blocks; nothing happens when the process is gone."""
        self._commands.write(line)

    def close_commands(self) -> None:
        """Tell it that the worker leaves."""
        self._commands.close()

    def kill(self) -> None:
        """Kill it, for one that does not leave or answer."""
        self.send(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens when it has ended."""
        if not self.ended.is_set():
            self._child.process.send_signal(number)

    def _on_data(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._on_line(line)

    def _on_exit(self) -> None:
        self._loop.remove_reader(self._child.pidfd)
        os.close(self._child.pidfd)
        self._answers.drain()
        self._answers.close()
        self._commands.close()
        self.exit_code = self._child.process.poll()
        self.ended.set()
        self._on_end()
