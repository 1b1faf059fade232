"""Starts runner processes: their arguments, pipes and environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ignition_toolkit.execution.child_process import (
    Child,
    Pipes,
    own_environment,
    start_child,
)
from ignition_toolkit.execution.fork_server import ForkServer
from ignition_toolkit.execution.owner import process_start
from ignition_toolkit.execution.runner_folders import TEMPORARY
from ignition_toolkit.protocol import MARKER

#: What of the server's environment a runner gets. Secrets live elsewhere, and stay there.
ENVIRONMENT = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TERM",
        "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS",
        "XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
        "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "JAVA_HOME",
        "SSL_CERT_FILE", "SSL_CERT_DIR", "PLAYWRIGHT_BROWSERS_PATH", "PLAYWRIGHT_NODEJS_PATH",
        "ITK_BROWSER", "ITK_HEADED", "ITK_STRICT_CANCEL",
        "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG",
    }
)  # fmt: skip

#: Further names, separated by commas, that the operator lets through.
PASS_THROUGH_VARIABLE = "ITK_RUNNER_ENV"  # noqa: S105 - a variable's name

#: Starts a runner's process from its token, its own folder, its TMPDIR, and its descriptors: stdin,
#: where its protocol goes, and its steps' stdout and stderr. Raises OSError; blocks.
Starter = Callable[[str, Path, Path, Sequence[int]], Child]


@dataclass(frozen=True)
class Spawned:
    """A started runner and the supervisor's ends of its pipes.

    Args:
        child: the process.
        start: clock tick of its start.
        stdin_fd: for commands.
        events_fd: what its protocol says, its first stdout.
        stdout_fd, stderr_fd: what steps write.
    """

    child: Child
    start: int
    stdin_fd: int
    events_fd: int
    stdout_fd: int
    stderr_fd: int


def runner_environment() -> dict[str, str]:
    """Return the environment of runners, but for their marker and TMPDIR: an allowlist."""
    extra = set(os.environ.get(PASS_THROUGH_VARIABLE, "").split(","))
    return {
        name: value
        for name, value in own_environment().items()
        if name in ENVIRONMENT or name in extra or name.startswith("LC_")
    }


def forking(server: ForkServer) -> Starter:
    """Return what has a fork server fork a runner."""

    def start(token: str, folder: Path, tmpdir: Path, fds: Sequence[int]) -> Child:
        process = server.fork(token, folder, tmpdir, fds)
        try:
            return Child(process, os.pidfd_open(process.pid))
        except OSError:
            process.kill()
            raise

    return start


def executing(command: Sequence[str]) -> Starter:
    """Return what executes a command as a runner, its arguments added."""

    def start(token: str, folder: Path, tmpdir: Path, fds: Sequence[int]) -> Child:
        stdin, events, stdout, stderr = fds
        return start_child(
            [*command, "--folder", str(folder), "--stdout-fd", str(stdout)],
            stdin=stdin,
            stdout=events,
            stderr=stderr,
            inherited=[stdout],
            environment={**runner_environment(), MARKER: token, "TMPDIR": str(tmpdir)},
        )

    return start


def spawn(token: str, folder: Path, start: Starter) -> Spawned:
    """Start a runner. Blocks for some milliseconds: for a thread.

    Args:
        token: value of its marker ITK_RUN.
        folder: a folder of its own, made here; `tmp` in it is its TMPDIR.
        start: starts the process.

    Raises OSError when there is no process, descriptor or space left; no process is left then.
    """
    temporary = folder / TEMPORARY
    temporary.mkdir(parents=True, mode=0o700)
    pipes = Pipes()
    try:
        stdin, stdin_fd = pipes.to_child()
        events, events_fd = pipes.from_child()
        stdout, stdout_fd = pipes.from_child()
        stderr, stderr_fd = pipes.from_child()
        child = start(token, folder, temporary, (stdin, events, stdout, stderr))
    except BaseException:
        pipes.close_ours()
        raise
    finally:
        pipes.close_theirs()
    # Until it is reaped the process has its entry, also when it has ended already.
    start_tick = process_start(child.pid) or 0
    return Spawned(child, start_tick, stdin_fd, events_fd, stdout_fd, stderr_fd)
