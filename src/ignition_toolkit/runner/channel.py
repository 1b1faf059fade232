"""The runner's two private descriptors: commands in by a reader thread, events out by a writer.

A step may close, print to or fork with anything: descriptors 0, 1 and 2 are not the protocol's,
and a copy made by fork loses the private ones.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections import deque
from collections.abc import Callable

from ignition_toolkit.protocol import Body, Done, Envelope, Logged, LogsDropped, Progressed, encode

#: Private descriptors are moved above this number, out of the way of loops that close low ones.
LOWEST_PRIVATE_FD = 501
#: Log and progress messages that may wait; more are dropped and counted.
MAX_WAITING_LOGS = 10_000
#: Seconds that the end of a run waits for what was logged before it.
FLUSH_S = 2.0

_READ_BYTES = 1 << 16


def private_copy(fd: int) -> int:
    """Return a copy of a descriptor above 500 that is closed on exec."""
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, LOWEST_PRIVATE_FD)


def isolate_standard_streams(stdout_fd: int) -> tuple[int, int]:
    """Move the pipes on 0 and 1 to private descriptors; return them as (commands, events).

    Afterwards 0 is the null device, 1 is `stdout_fd` (whose own number is closed), 2 stays.
    """
    commands, events = private_copy(0), private_copy(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(stdout_fd, 1)
    os.close(stdout_fd)
    os.register_at_fork(after_in_child=lambda: (os.close(commands), os.close(events)))
    return commands, events


class EventWriter:
    """Writes envelopes from a thread of its own; `send` never blocks.

    Logs and progress may be dropped and counted, everything else never. A `done` after a cancel
    overtakes what waits, because a stop must not wait behind a flood.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._pid = os.getpid()
        self._waiting: deque[tuple[float, Body]] = deque()
        self._logs = 0
        self._dropped = 0
        self._seq = 0
        self._busy = False
        self._broken = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._write_all, name="itk-events", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def native_id(self) -> int | None:
        """The kernel's id of the thread."""
        return self._thread.native_id

    def send(self, body: Body, *, urgent: bool = False) -> None:
        """Queue a message; an urgent one goes out next. Nothing is sent by a forked copy."""
        if os.getpid() != self._pid:
            return
        droppable = isinstance(body, (Logged, Progressed))
        with self._changed:
            if droppable and self._logs >= MAX_WAITING_LOGS:
                self._dropped += 1
                return
            self._logs += droppable
            item = (time.monotonic(), body)
            if urgent:
                self._waiting.appendleft(item)
            else:
                self._waiting.append(item)
            self._changed.notify_all()

    def flush(self, timeout: float) -> bool:
        """Wait until all is written, at most `timeout` seconds; return whether it is."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self._broken or (not self._waiting and not self._busy), timeout
            )

    def _write_all(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: bool(self._waiting))
                batch = self._take()
                self._busy = True
            if not self._write(batch):
                with self._changed:
                    self._broken = True
                    self._changed.notify_all()
                return

    def _take(self) -> bytes:
        lines = []
        # Few at a time, so that an urgent message never waits behind a large block.
        for _ in range(min(len(self._waiting), 50)):
            at, body = self._waiting.popleft()
            self._logs -= isinstance(body, (Logged, Progressed))
            lines.append(self._envelope(at, body))
            if isinstance(body, Done):
                break
        if self._dropped:
            lines.append(self._envelope(time.monotonic(), LogsDropped(count=self._dropped)))
            self._dropped = 0
        return b"".join(lines)

    def _envelope(self, at: float, body: Body) -> bytes:
        self._seq += 1
        return encode(Envelope(seq=self._seq, pid=self._pid, t=at, body=body))

    def _write(self, data: bytes) -> bool:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._fd, view) :]
            except OSError:
                # The supervisor is gone, or a step closed the descriptor: nobody is there to
                # tell; the supervisor sees the end of the stream and ends this process.
                return False
        return True


class CommandReader:
    """Reads command lines in a thread of its own, so that the end of the pipe is always seen.

    Args:
        fd: the private descriptor.
        on_line: called in the thread with each line.
        on_end: called in the thread when the supervisor's end is closed.
    """

    def __init__(self, fd: int, on_line: Callable[[bytes], None], on_end: Callable[[], None]):
        self._fd = fd
        self._on_line = on_line
        self._on_end = on_end
        self._thread = threading.Thread(target=self._read_all, name="itk-commands", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def native_id(self) -> int | None:
        """The kernel's id of the thread."""
        return self._thread.native_id

    def _read_all(self) -> None:
        rest = b""
        while chunk := self._read():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._on_line(line)
        self._on_end()

    def _read(self) -> bytes:
        try:
            return os.read(self._fd, _READ_BYTES)
        except OSError:
            # A step closed the descriptor: as good as the end.
            return b""
