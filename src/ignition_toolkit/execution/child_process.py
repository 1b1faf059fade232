"""Starts child processes with pipes that are seen to end by a descriptor of the process itself."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ignition_toolkit.execution.access_token import VARIABLE as ACCESS_TOKEN
from ignition_toolkit.execution.settings import API_TOKEN_VARIABLE

#: Environment variables of ours that hold secrets.
TOKENS = frozenset({ACCESS_TOKEN, API_TOKEN_VARIABLE})

#: Exit code of a child that somebody else has reaped.
UNKNOWN_EXIT = 255


class ForkedProcess:
    """A child that this process has not started itself: another forked it and left it to us."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._exit_code: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal, None while it lives. Reaps it."""
        return self._wait(os.WNOHANG)

    def _wait(self, options: int) -> int | None:
        if self._exit_code is None:
            try:
                pid, status = os.waitpid(self.pid, options)
            except ChildProcessError:
                self._exit_code = UNKNOWN_EXIT
            else:
                self._exit_code = os.waitstatus_to_exitcode(status) if pid else None
        return self._exit_code

    def send_signal(self, number: int) -> None:
        """Send it a signal; nothing happens when it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it and wait for its end. Blocks for a moment."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self._wait(0)


@dataclass(frozen=True)
class Child:
    """A started process. Who polls `process` reaps it.

    Args:
        process: without pipes of its own.
        pidfd: becomes readable when the process has ended.
    """

    process: subprocess.Popen[bytes] | ForkedProcess
    pidfd: int

    @property
    def pid(self) -> int:
        """Pid of the process."""
        return self.process.pid


@dataclass
class Pipes:
    """Pipes to a child that is about to be started: our ends, and those that it inherits."""

    ours: list[int] = field(default_factory=list)
    theirs: list[int] = field(default_factory=list)

    def to_child(self) -> tuple[int, int]:
        """Return (its end, our end) of a pipe that we write. Raises OSError."""
        reader, writer = os.pipe()
        self.theirs.append(reader)
        self.ours.append(writer)
        return reader, writer

    def from_child(self) -> tuple[int, int]:
        """Return (its end, our end) of a pipe that we read. Raises OSError."""
        reader, writer = os.pipe()
        self.ours.append(reader)
        self.theirs.append(writer)
        return writer, reader

    def close_theirs(self) -> None:
        """Close the child's ends here, after its start."""
        while self.theirs:
            os.close(self.theirs.pop())

    def close_ours(self) -> None:
        """Close our ends, of a child that was not started."""
        while self.ours:
            os.close(self.ours.pop())


def own_environment() -> dict[str, str]:
    """Return our own environment without the tokens in it: no child needs those."""
    return {name: value for name, value in os.environ.items() if name not in TOKENS}


def start_child(
    command: Sequence[str],
    *,
    stdin: int,
    stdout: int,
    stderr: int | None = None,
    inherited: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
) -> Child:
    """Start a process in a session of its own. Blocks for some milliseconds.

    Args:
        command: the program and its arguments.
        stdin, stdout, stderr: descriptors for it; without `stderr` it has ours.
        inherited: further descriptors that it gets under their own numbers.
        environment: None for our own, without the tokens in it.

    Raises OSError when there is no process or descriptor left; no process is left then.
    """
    process = subprocess.Popen(
        command,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        pass_fds=tuple(inherited),
        env=own_environment() if environment is None else environment,
        start_new_session=True,
    )
    try:
        return Child(process, os.pidfd_open(process.pid))
    except OSError:
        process.kill()
        process.wait()
        raise
