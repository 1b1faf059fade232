"""Starts runner processes: their arguments, pipes and environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ignition_toolkit.execution.child_process import (
    Child,
    Pipes,
    own_environment,
    start_child,
)
from ignition_toolkit.execution.owner import process_start

#: What of the server's environment a runner gets. Secrets live elsewhere, and stay there.
ENVIRONMENT = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TERM",
        "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS",
        "XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
        "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "JAVA_HOME",
        "SSL_CERT_FILE", "SSL_CERT_DIR", "PLAYWRIGHT_BROWSERS_PATH",
        "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG",
    }
)  # fmt: skip

#: Further names, separated by commas, that the operator lets through.
PASS_THROUGH_VARIABLE = "ITK_RUNNER_ENV"  # noqa: S105 - a variable's name

RUNNER_COMMAND = (sys.executable, "-m", "ignition_toolkit.runner")


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


def runner_environment(token: str, temporary: Path) -> dict[str, str]:
    """Return the environment of a runner: an allowlist, its marker, and its own TMPDIR."""
    extra = set(os.environ.get(PASS_THROUGH_VARIABLE, "").split(","))
    kept = {
        name: value
        for name, value in own_environment().items()
        if name in ENVIRONMENT or name in extra or name.startswith("LC_")
    }
    return {**kept, "ITK_RUN": token, "TMPDIR": str(temporary)}


def spawn(token: str, folder: Path, command: Sequence[str] = RUNNER_COMMAND) -> Spawned:
    """Start a runner. Blocks for some milliseconds: for a thread.

    Args:
        token: value of its marker ITK_RUN.
        folder: a folder of its own, made here; `tmp` in it is its TMPDIR.
        command: what to start; the runner's arguments are added.

    Raises OSError when there is no process, descriptor or space left; no process is left then.
    """
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, mode=0o700)
    pipes = Pipes()
    try:
        stdin, stdin_fd = pipes.to_child()
        events, events_fd = pipes.from_child()
        stdout, stdout_fd = pipes.from_child()
        stderr, stderr_fd = pipes.from_child()
        child = start_child(
            [*command, "--folder", str(folder), "--stdout-fd", str(stdout)],
            stdin=stdin,
            stdout=events,
            stderr=stderr,
            inherited=[stdout],
            environment=runner_environment(token, temporary),
        )
    except BaseException:
        pipes.close_ours()
        raise
    finally:
        pipes.close_theirs()
    # Until it is reaped the process has its entry, also when it has ended already.
    start = process_start(child.pid) or 0
    return Spawned(child, start, stdin_fd, events_fd, stdout_fd, stderr_fd)
