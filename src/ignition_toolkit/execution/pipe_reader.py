"""Reads the pipes of a child process as their bytes come, in turns that stay short."""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import termios
from collections.abc import Callable

#: Bytes that are read in one turn.
READ_BYTES = 1 << 16


class PipeReader:
    """Hands on what comes; `on_end` is called once, at the end of the pipe.

    To be used from its event loop only.

    Args:
        fd: of the pipe, this object's from now on.
        on_data: gets the bytes.
        on_end: is told of the end.
        turn_bytes: how many are handed on in one turn at most.
    """

    def __init__(
        self,
        fd: int,
        on_data: Callable[[bytes], None],
        on_end: Callable[[], None] | None = None,
        turn_bytes: int = READ_BYTES,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._fd = fd
        self._on_data = on_data
        self._on_end = on_end
        self._turn_bytes = turn_bytes
        self._closed = False
        os.set_blocking(fd, False)
        self._loop.add_reader(fd, self._on_readable)

    def _on_readable(self) -> None:
        data = self._read(self._turn_bytes)
        if data:
            self._on_data(data)
        elif data is not None:
            self._loop.remove_reader(self._fd)
            if self._on_end is not None:
                self._on_end()

    def drain(self) -> None:
        """Take what is in the pipe at this moment, for a process that has ended.

        Not to the end of the pipe: a copy of the process may hold it open and write on.
        """
        left = 0 if self._closed else _waiting_bytes(self._fd)
        while left > 0 and not self._closed:
            data = self._read(min(left, self._turn_bytes))
            if not data:
                return
            left -= len(data)
            self._on_data(data)

    def close(self) -> None:
        """Close the pipe. May be called twice, also from `on_data`."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._fd)
            os.close(self._fd)

    def _read(self, count: int) -> bytes | None:
        """Return what there is, empty at the end, None when there is nothing yet."""
        try:
            return os.read(self._fd, count)
        except BlockingIOError:
            return None
        except OSError:
            return b""


def _waiting_bytes(fd: int) -> int:
    count: int = struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4))[0]
    return count
