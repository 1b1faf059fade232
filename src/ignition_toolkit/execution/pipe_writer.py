"""Writes to the stdin of a child process without ever blocking the supervision loop."""

from __future__ import annotations

import asyncio
import os

#: Bytes that may wait for a process that does not read; with more its pipe is closed. A start
#: command with a hundred nested playbooks of the greatest size is smaller.
MAX_WAITING_BYTES = 512 * 1024 * 1024


class PipeWriter:
    """A buffer in front of a pipe. To be used from its event loop only.

    What cannot be written because the reader is gone is dropped: the end of the process is seen
    elsewhere, by its pidfd.
    """

    def __init__(self, fd: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._fd = fd
        self._buffer = bytearray()
        self._closed = False
        self._waits = False
        os.set_blocking(fd, False)

    def write(self, data: bytes) -> None:
        """Write now what the pipe takes, and the rest as soon as it does."""
        if self._closed:
            return
        if len(self._buffer) + len(data) > MAX_WAITING_BYTES:
            self.close()
            return
        self._buffer += data
        if not self._waits:
            self._flush()

    def _flush(self) -> None:
        try:
            while self._buffer:
                del self._buffer[: os.write(self._fd, self._buffer)]
        except BlockingIOError:
            self._wait(True)
        except OSError:
            self.close()
        else:
            self._wait(False)

    def _wait(self, wanted: bool) -> None:
        if wanted and not self._waits:
            self._loop.add_writer(self._fd, self._flush)
        elif self._waits and not wanted:
            self._loop.remove_writer(self._fd)
        self._waits = wanted

    def close(self) -> None:
        """Close the pipe; what is not written yet is dropped. May be called twice."""
        if not self._closed:
            self._closed = True
            self._buffer.clear()
            self._wait(False)
            os.close(self._fd)
