"""Reads the pipes of a child process as their bytes come, in turns that stay short."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

_READ_BYTES = 1 << 16
#: Reads of what is left in a pipe when its process has ended; a pipe holds 64 KiB, or 1 MiB.
_DRAIN_READS = 64


class PipeReader:
    """Hands on what comes; `on_end` is called once, at the end of the pipe."""

    def __init__(
        self, fd: int, on_data: Callable[[bytes], None], on_end: Callable[[], None] | None = None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._fd = fd
        self._on_data = on_data
        self._on_end = on_end
        self._closed = False
        os.set_blocking(fd, False)
        self._loop.add_reader(fd, self._on_readable)

    def _on_readable(self) -> None:
        data = self._read()
        if data:
            self._on_data(data)
        elif data is not None:
            self._loop.remove_reader(self._fd)
            if self._on_end is not None:
                self._on_end()

    def drain(self) -> None:
        """Take what is in the pipe now. For a process that has ended: a copy may hold it open."""
        for _ in range(_DRAIN_READS):
            data = None if self._closed else self._read()
            if not data:
                return
            self._on_data(data)

    def close(self) -> None:
        """Close the pipe."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._fd)
            os.close(self._fd)

    def _read(self) -> bytes | None:
        """Return what there is, empty at the end, None when there is nothing yet."""
        try:
            return os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            return b""
