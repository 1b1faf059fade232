"""A process that has imported what every runner needs, and forks one at each request.

Importing takes some tenths of a second, a fork some milliseconds. No thread and no event loop may
run here: a fork copies only the thread that calls it, and half of everything else.

What is asked and answered is told in docs/protocol.md.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import sys
import traceback
from pathlib import Path
from typing import NamedTuple, NoReturn

from ignition_toolkit.protocol import MARKER
from ignition_toolkit.runner import session

#: Bytes of a request; more is not sent.
MAX_REQUEST = 1 << 16
#: Descriptors of a request: stdin, stdout for the protocol, what steps write to 1 and to 2.
DESCRIPTORS = 4
#: Exit status of a copy that could not become a runner.
FAILED_EXIT = 70


class Request(NamedTuple):
    """What a runner is to be."""

    token: str
    folder: str
    tmpdir: str


def serve(control_fd: int) -> NoReturn:
    """Fork a runner for each request until the other end is closed."""
    control = socket.socket(fileno=control_fd)
    control.send(b'{"op":"ready"}')
    while True:
        data, fds, _, _ = socket.recv_fds(control, MAX_REQUEST, DESCRIPTORS)
        if not data:
            os._exit(0)
        answer = _answer(control, Request(**json.loads(data)), fds)
        for fd in fds:
            os.close(fd)
        control.send(json.dumps(answer).encode())


def _answer(control: socket.socket, request: Request, fds: list[int]) -> dict[str, object]:
    try:
        return {"op": "forked", "pid": _fork(control, request, fds)}
    except OSError as error:
        return {"op": "failed", "error": str(error)}


def _fork(control: socket.socket, request: Request, fds: list[int]) -> int:
    """Return the pid of a new runner, which is a child of this process's parent."""
    told, tells = os.pipe()
    between = os.fork()
    if not between:
        _fork_and_leave(control, request, fds, tells)
    os.close(tells)
    os.waitpid(between, 0)
    with os.fdopen(told, "rb") as pipe:
        said = pipe.read()
    if not said:
        raise OSError("there is no room for another process")
    return int(said)


def _fork_and_leave(
    control: socket.socket, request: Request, fds: list[int], tells: int
) -> NoReturn:
    """In a first copy: fork the runner and end, so that it becomes the worker's own child."""
    try:
        # Before the runner exists: nobody ever sees it without its marker.
        show(request)
        pid = os.fork()
        if pid:
            os.write(tells, b"%d" % pid)
            os._exit(0)
        os.close(tells)
        os.setsid()
        control.close()
        be_a_runner(request, fds)
    except BaseException:  # noqa: BLE001 - border: a copy must never come back to the loop above
        traceback.print_exc()
    finally:
        os._exit(FAILED_EXIT)


def be_a_runner(request: Request, fds: list[int]) -> NoReturn:
    """Take over the descriptors and the environment of a runner, and be it."""
    stdin, events, stdout, stderr = fds
    os.dup2(stdin, 0)
    os.dup2(events, 1)
    os.dup2(stderr, 2)
    for fd in (stdin, events, stderr):
        os.close(fd)
    renew_streams()
    os.environ.update({MARKER: request.token, "TMPDIR": request.tmpdir})
    session.main(Path(request.folder), stdout)


def renew_streams() -> None:
    """Make `sys.stdin`, `stdout` and `stderr` anew: those of the fork server know its own files."""
    for fd, name in enumerate(("stdin", "stdout", "stderr")):
        stream = open(fd, "w" if fd else "r", closefd=False)  # noqa: SIM115 - open to the end
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def show(request: Request) -> None:
    """Have the process table show a runner: its marker, and its arguments.

    The kernel shows the memory in which a program's arguments and environment were at its start;
    what is written there instead must be no longer. See proc(5), `cmdline`.
    """
    fields = Path("/proc/self/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    arguments, arguments_end, environment, environment_end = map(int, fields[45:49])
    name = f"{MARKER}=".encode()
    _replace(environment, environment_end, name, name + request.token.encode(), b"\0")
    folder = b"--folder\0" + os.fsencode(request.folder)
    _replace(arguments, arguments_end, b"--fork-server", folder, b"")


def _replace(begin: int, end: int, opening: bytes, text: bytes, until: bytes) -> None:
    """Overwrite what begins with `opening` in a part of this process's memory.

    Args:
        until: where the old text ends; empty for the end of the part.
    """
    memory = ctypes.string_at(begin, end - begin)
    start = memory.index(opening)
    stop = memory.index(until, start) if until else len(memory)
    if len(text) > stop - start:
        raise OSError(f"{len(text)} bytes do not fit into {stop - start}: {opening.decode()}")
    ctypes.memmove(begin + start, text.ljust(stop - start, b"\0"), stop - start)
