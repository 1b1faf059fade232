"""Writes to the stdin of a child process without ever blocking the supervision loop."""

from __future__ import annotations

import asyncio
import os


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
        os.set_blocking(fd, False)

    def write(self, data: bytes) -> None:
        """Write now what the pipe takes, and the rest as soon as it does."""
        if self._closed:
            return
        waits = bool(self._buffer)
        self._buffer += data
        if not waits:
            self._flush()
            if self._buffer:
                self._loop.add_writer(self._fd, self._flush)

    def _flush(self) -> None:
        while self._buffer and not self._closed:
            try:
                del self._buffer[: os.write(self._fd, self._buffer)]
            except BlockingIOError:
                return
            except OSError:
                self.close()
        if not self._closed:
            self._loop.remove_writer(self._fd)

    def close(self) -> None:
        """Close the pipe; what is not written yet is dropped."""
        if not self._closed:
            self._closed = True
            self._buffer.clear()
            self._loop.remove_writer(self._fd)
            os.close(self._fd)
