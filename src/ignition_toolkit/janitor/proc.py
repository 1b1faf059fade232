"""What /proc says about one process, and signals that reach only the process that is meant.

A pid alone names nobody: it is given to another process when its own has gone. Everything here
works on an :class:`Identity`, and a signal goes through a pidfd that was opened before the
identity was checked once more.
"""

from __future__ import annotations

import errno
import os
import signal
from contextlib import suppress
from enum import Enum
from typing import NamedTuple

#: The environment variable that marks everything a runner starts.
MARKER = b"ITK_RUN="
#: The one that marks what may be left to a person, when the execution that started it completes.
HAND_OVER_MARK = b"ITK_DESIGNER="

_KERNEL_THREAD = 0x00200000
_CHUNK_BYTES = 65536
#: No such process any more, not ours to read, or an environment that is not mapped (EIO).
_GONE_OR_CLOSED = {errno.ENOENT, errno.ESRCH, errno.EACCES, errno.EPERM, errno.EIO}
#: Neither stopped nor dead processes act: stopped, traced, zombie, dead.
_STILL = "TtZX"


class Identity(NamedTuple):
    """One process and no other: its pid and the clock tick, counted from boot, of its start."""

    pid: int
    start: int


class Stat(NamedTuple):
    """The fields of /proc/PID/stat that matter here."""

    pid: int
    raw_name: bytes
    state: str
    ppid: int
    session: int
    flags: int
    threads: int
    start: int

    @property
    def identity(self) -> Identity:
        """Return the pid with its start time."""
        return Identity(self.pid, self.start)

    @property
    def name(self) -> str:
        """Return what the process calls itself, 15 bytes of it."""
        return self.raw_name.decode(errors="replace")

    @property
    def is_kernel_thread(self) -> bool:
        """Say whether it belongs to the kernel; such a thread has no environment."""
        return bool(self.flags & _KERNEL_THREAD)


class Sent(Enum):
    """What became of a signal."""

    #: The process was alive and has the signal.
    DELIVERED = "delivered"
    #: The process had ended, or the pid belongs to another one now.
    GONE = "gone"
    #: The kernel does not let us signal it: another user's process.
    REFUSED = "refused"


def parse_stat(raw: bytes) -> Stat:
    """Read a line of /proc/PID/stat; the name in it may hold brackets, spaces and line ends.

    Several hundred lines are read for each end, so nothing is converted that may not be needed.

    Raises:
        ValueError: the text is not such a line.
    """
    head, _, tail = raw.rpartition(b") ")
    pid, _, name = head.partition(b" (")
    fields = tail.split(None, 20)
    if len(fields) < 20:
        raise ValueError(f"expected a line of /proc/PID/stat, found {raw[:80]!r}")
    state, ppid, _, session, _, _, flags, *_ = fields
    numbers = (int(ppid), int(session), int(flags), int(fields[17]), int(fields[19]))
    return Stat(int(pid), name, state.decode().upper(), *numbers)


def read_stat(pid: int) -> Stat | None:
    """Return what /proc/PID/stat says now, None when there is no such process."""
    raw = read_file(f"/proc/{pid}/stat", is_short=True)
    return parse_stat(raw) if raw else None


def identify(pid: int) -> Identity | None:
    """Return who has this pid now, None when nobody has."""
    stat = read_stat(pid)
    return stat.identity if stat else None


def list_pids() -> list[int]:
    """Return every pid of /proc, in the order of the numbers."""
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def list_threads(pid: int) -> list[int]:
    """Return the ids of the threads of a process, empty when there is no such process."""
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except OSError as error:
        _raise_unless_gone(error)
        return []


def read_marker(stat: Stat) -> str | None:
    """Return the value of ITK_RUN in a process's environment, None when it shows none.

    A process in uninterruptible sleep is not asked: it may hold the lock of its memory, and
    whoever reads its environment then waits with it, possibly for ever.
    """
    return _read_variable(stat, MARKER)


def read_hand_over_mark(stat: Stat) -> str | None:
    """Return the value of ITK_DESIGNER in a process's environment, as `read_marker` does."""
    return _read_variable(stat, HAND_OVER_MARK)


def _read_variable(stat: Stat, name: bytes) -> str | None:
    if stat.is_kernel_thread or stat.state == "D":
        return None
    value = find_marker(read_file(f"/proc/{stat.pid}/environ"), name)
    if value is None and stat.state == "Z":
        # The main thread has ended and shows no environment; the others may run on and show it.
        for thread in _other_threads(stat.pid):
            path = f"/proc/{stat.pid}/task/{thread}/environ"
            value = value or find_marker(read_file(path), name)
    return value


def find_marker(environ: bytes, name: bytes = MARKER) -> str | None:
    """Return a variable's value in the text of an environment, None when it is not set.

    Args:
        environ: entries that end with a NUL each.
        name: the variable's, with the sign of equality.
    """
    if name not in environ:
        return None
    for entry in environ.split(b"\0"):
        if entry.startswith(name):
            return entry[len(name) :].decode(errors="replace")
    return None


def is_over(stat: Stat) -> bool:
    """Say whether this entry of /proc is a corpse.

    When a main thread ends while others run, the process shows as a zombie and goes on acting:
    then it has more than the one thread (measured; the same as other entries in /proc/PID/task).
    """
    return stat.state in "ZX" and stat.threads <= 1


def is_gone(identity: Identity) -> bool:
    """Say whether this process has ended; a reused pid and a zombie that cannot act count so."""
    stat = read_stat(identity.pid)
    return stat is None or stat.start != identity.start or is_over(stat)


def is_still(identity: Identity) -> bool:
    """Say whether no thread of this process runs: it is stopped, or it has ended."""
    stat = read_stat(identity.pid)
    if stat is None or stat.start != identity.start:
        return True
    if stat.state not in _STILL:
        return False
    return stat.threads <= 1 or all(
        _is_thread_still(stat.pid, tid) for tid in _other_threads(stat.pid)
    )


def send(identity: Identity, number: signal.Signals) -> Sent:
    """Send a signal to exactly this process and say whether it was alive to get it.

    The pidfd is opened first and the start time compared then, so that a pid that changes hands
    in between cannot send the signal to a stranger.
    """
    try:
        handle = os.pidfd_open(identity.pid)
    except OSError:
        # Only a process that is gone, or no descriptor left (EMFILE): the start time is then
        # all there is, and it is compared right before the signal.
        handle = -1
    try:
        return _send_checked(handle, identity, number)
    finally:
        if handle >= 0:
            os.close(handle)


def _send_checked(handle: int, identity: Identity, number: signal.Signals) -> Sent:
    if is_gone(identity):
        return Sent.GONE
    try:
        if handle >= 0:
            signal.pidfd_send_signal(handle, number)
        else:
            os.kill(identity.pid, number)
    except ProcessLookupError:
        return Sent.GONE
    except PermissionError:
        return Sent.REFUSED
    return Sent.DELIVERED


def stop_unseen(pid: int) -> None:
    """Send SIGSTOP to whoever has this pid, without a look at who that is.

    For who may be gone before it can be looked at; a stranger can be sent SIGCONT afterwards.
    """
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGSTOP)


def read_owner(pid: int) -> int | None:
    """Return the real user id that a process runs as, None when there is no such process."""
    for line in read_file(f"/proc/{pid}/status").splitlines():
        if line.startswith(b"Uid:"):
            return int(line.split()[1])
    return None


def read_file(path: str, *, is_short: bool = False) -> bytes:
    """Return what a file of /proc holds; empty when its process is gone or may not be read.

    Args:
        path: the file.
        is_short: it is known to come in one piece, so that its end need not be looked for.

    Raises:
        OSError: the machine is out of files or memory. That must never look like "gone".
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        _raise_unless_gone(error)
        return b""
    parts = []
    try:
        while part := os.read(handle, _CHUNK_BYTES):
            parts.append(part)
            if is_short:
                break
    except OSError as error:
        _raise_unless_gone(error)
        return b""
    finally:
        os.close(handle)
    return b"".join(parts)


def _raise_unless_gone(error: OSError) -> None:
    if error.errno not in _GONE_OR_CLOSED:
        raise error


def _other_threads(pid: int) -> list[int]:
    return [thread for thread in list_threads(pid) if thread != pid]


def _is_thread_still(pid: int, thread: int) -> bool:
    raw = read_file(f"/proc/{pid}/task/{thread}/stat")
    return not raw or parse_stat(raw).state in _STILL
