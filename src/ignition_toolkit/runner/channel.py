"""The runner's two private descriptors: commands in by a reader thread, events out by a writer.

A step may close, print to or fork with anything: descriptors 0, 1 and 2 are not the protocol's,
and a copy made by fork loses the private ones.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ignition_toolkit.playbook.events import Logged, Progressed
from ignition_toolkit.protocol import Body, Done, Envelope, FrameTaken, LogsDropped, encode

#: Private descriptors are moved above this number, out of the way of loops that close low ones.
LOWEST_PRIVATE_FD = 501
#: Characters of log and progress messages that may wait; more are dropped and counted.
MAX_WAITING_LOGS = 8 * 1024 * 1024
#: Exit status of a runner that has a message which it cannot write.
WRITER_BROKEN_EXIT = 71

_READ_BYTES = 1 << 16
#: Characters of logs after which a batch is written.
_BATCH_SIZE = 1 << 16
#: What a log message counts beside its text.
_LOG_SIZE = 200


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
    os.register_at_fork(after_in_child=lambda: _close(commands, events))
    return commands, events


def _close(*fds: int) -> None:
    for fd in fds:
        try:
            os.close(fd)
        except OSError:
            # The step had closed it before it forked.
            continue


class EventWriter:
    """Writes envelopes from a thread of its own, in the order sent; `send` never blocks.

    Logs and progress may be dropped and counted, everything else never. Of the progress of one
    step that waits, only the newest is kept. A picture is sent only when nothing else waits.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._pid = os.getpid()
        self._waiting: deque[_Waiting] = deque()
        self._newest_progress: dict[str, _Waiting] = {}
        self._log_size = 0
        self._dropped = 0
        self._seq = 0
        #: Numbers of the newest message that was queued, was taken to be written, was written.
        self._queued = 0
        self._taken = 0
        self._written = 0
        #: How many wait for what they tell.
        self._telling = 0
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

    def send(self, body: Body) -> None:
        """Queue a message. Nothing is sent by a forked copy, or when nobody reads any more."""
        if os.getpid() == self._pid:
            with self._changed:
                self._queue(body)

    def tell(self, body: Body) -> None:
        """Queue a message that is never dropped, and wait until it is written.

        However long that takes: only who reads, is gone, or ends this process can say that the
        message needs no longer be waited for. What others queue behind it is not waited for.
        """
        if os.getpid() == self._pid:
            with self._changed:
                self._queue(body)
                number = self._queued
                self._telling += 1
                try:
                    self._changed.wait_for(lambda: self._broken or self._written >= number)
                finally:
                    self._telling -= 1

    def _queue(self, body: Body) -> None:
        if self._broken or self._is_in_the_way(body) or self._replaces_progress(body):
            return
        waiting = _Waiting(self._queued + 1, time.monotonic(), body, _droppable_size(body))
        if waiting.size and self._log_size + waiting.size > MAX_WAITING_LOGS:
            self._dropped += isinstance(body, Logged)
            return
        self._queued = waiting.number
        self._waiting.append(waiting)
        self._log_size += waiting.size
        if isinstance(body, Progressed):
            self._newest_progress[body.step_id] = waiting
        self._changed.notify_all()

    def _is_in_the_way(self, body: Body) -> bool:
        # There is another picture soon, and no step, no end and no log waits behind two of them.
        return isinstance(body, FrameTaken) and (self._busy or bool(self._waiting))

    def _replaces_progress(self, body: Body) -> bool:
        if not isinstance(body, Progressed):
            return False
        waiting = self._newest_progress.get(body.step_id)
        if waiting is not None:
            waiting.body = body
        return waiting is not None

    def shorten_log(self, most: int) -> None:
        """Drop the oldest waiting logs until at most `most` characters of them wait.

        What ends a run then overtakes a flood, and what was logged last is still told.
        """
        with self._changed:
            kept: deque[_Waiting] = deque()
            for waiting in self._waiting:
                if waiting.size and self._log_size > most:
                    self._forget(waiting)
                    self._dropped += isinstance(waiting.body, Logged)
                else:
                    kept.append(waiting)
            self._waiting = kept

    def hurry(self, most: int) -> None:
        """Do the same where somebody waits until something is told: who waits hears no stop."""
        # Looked at first: a step that logs without a pause would keep others from the lock.
        if self._telling:
            self.shorten_log(most)

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all is written, `timeout` seconds at most; return whether it is."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self._broken or (not self._waiting and not self._busy), timeout
            )

    def _write_all(self) -> None:
        try:
            while self._write(self._next()):
                with self._changed:
                    self._busy = False
                    self._written = self._taken
                    self._changed.notify_all()
        except Exception:  # noqa: BLE001 - border: a message must not be lost in silence
            traceback.print_exc()
            os._exit(WRITER_BROKEN_EXIT)
        with self._changed:
            self._broken = True
            self._waiting.clear()
            self._changed.notify_all()

    def _next(self) -> bytes:
        """Wait for messages and return some as lines."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting))
            self._busy = True
            batch = self._take()
            self._taken = batch[-1].number
            if self._dropped:
                # First, as nothing may follow `done`.
                dropped = LogsDropped(count=self._dropped)
                batch.insert(0, _Waiting(batch[0].number, time.monotonic(), dropped, 0))
                self._dropped = 0
        return b"".join(map(self._envelope, batch))

    def _take(self) -> list[_Waiting]:
        """Take few messages at a time, so that what comes next never waits behind a large block."""
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and len(batch) < 50 and size < _BATCH_SIZE:
            waiting = self._waiting.popleft()
            self._forget(waiting)
            size += waiting.size
            batch.append(waiting)
            if isinstance(waiting.body, Done):
                break
        return batch

    def _forget(self, waiting: _Waiting) -> None:
        self._log_size -= waiting.size
        if isinstance(waiting.body, Progressed):
            del self._newest_progress[waiting.body.step_id]

    def _envelope(self, waiting: _Waiting) -> bytes:
        self._seq += 1
        return encode(Envelope(seq=self._seq, pid=self._pid, t=waiting.t, body=waiting.body))

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


@dataclass
class _Waiting:
    """A message in the queue, its number there, and when it was made."""

    number: int
    t: float
    body: Body
    #: Characters of a message that may be dropped, 0 for one that may not.
    size: int


def _droppable_size(body: Body) -> int:
    return _LOG_SIZE + len(body.message) if isinstance(body, Logged | Progressed) else 0


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
        parts: list[bytes] = []
        while chunk := self._read():
            *lines, rest = chunk.split(b"\n")
            for line in lines:
                self._on_line(b"".join([*parts, line]))
                parts.clear()
            parts.append(rest)
        self._on_end()

    def _read(self) -> bytes:
        try:
            return os.read(self._fd, _READ_BYTES)
        except OSError:
            # A step closed the descriptor: as good as the end.
            return b""
