"""Text to standard output and standard error, from commands that must not hang or die of it.

A reader that has gone (`| head`) is no error here: what is written after that is dropped.
"""

from __future__ import annotations

import errno
import locale
import os
import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: A pipe that is writable takes this much without blocking.
CHUNK_BYTES = select.PIPE_BUF


class Output:
    """One descriptor that text goes to.

    Args:
        descriptor: 1 for standard output, 2 for standard error.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        #: Whether `send` is at work; it may be waiting for a reader.
        self.sending = False
        self._offered: list[str] = []
        #: What the system said when it could be written no longer; None while it can.
        self.failure: OSError | None = None

    @property
    def live(self) -> bool:
        """Whether lines may be redrawn: a terminal that can, and nobody asks for plain lines."""
        if os.environ.get("CI") or os.environ.get("TERM") == "dumb":
            return False
        return os.isatty(self._descriptor)

    @property
    def coloured(self) -> bool:
        """Whether colours are wanted."""
        return self.live and not os.environ.get("NO_COLOR")

    @property
    def reader_gone(self) -> bool:
        """Whether who read this has stopped reading."""
        return self.failure is not None and self.failure.errno in (errno.EPIPE, errno.EIO)

    @property
    def hung_up(self) -> bool:
        """Whether the other end is closed, asked of the system, without writing."""
        return bool(self._poll(0) & (select.POLLERR | select.POLLHUP))

    def write(self, text: str) -> None:
        """Write, and wait as long as the reader takes. Does nothing after a failure."""
        data = _encode(text)
        while data and self.failure is None:
            data = data[self._write_some(data) :]

    async def send(self, text: str) -> None:
        """Write without holding the event loop. Does nothing after a failure.

        Cancellation: raises CancelledError at once; a part may have been written.
        """
        data = _encode(text)
        self.sending = True
        try:
            while data and self.failure is None:
                await self._writable()
                data = data[self._write_some(data[:CHUNK_BYTES]) :]
        finally:
            self.sending = False
        if self._offered:
            offered, self._offered = "".join(self._offered), []
            self.offer(offered)

    def offer(self, text: str) -> None:
        """Write if that is possible at once, after what is being sent; else drop the text."""
        if self.sending:
            self._offered.append(text)
        elif self._is_writable():
            self.write(text)

    def _write_some(self, data: bytes) -> int:
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            # Somebody who shares the terminal or pipe has made it non-blocking.
            # itk: ignore[ITK108] a terminal that takes nothing must hold up who writes
            select.select([], [self._descriptor], [])
            return 0
        except OSError as error:
            self.failure = error
            return 0

    def _is_writable(self) -> bool:
        return self._poll(select.POLLOUT) != 0

    def _poll(self, wanted: int) -> int:
        poll = select.poll()
        poll.register(self._descriptor, wanted)
        return sum(events for _, events in poll.poll(0))

    async def _writable(self) -> None:
        if self._is_writable():
            return
        # Imported here: commands that only write should start quickly.
        import asyncio

        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_writer(self._descriptor, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_writer(self._descriptor)


def _encode(text: str) -> bytes:
    # What the locale cannot show is escaped: a name must not make a run fail.
    return text.encode(locale.getencoding(), errors="backslashreplace")


def stdout() -> Output:
    """Return standard output."""
    return Output(1)


def stderr() -> Output:
    """Return standard error."""
    return Output(2)


def say(text: str) -> None:
    """Write a line to standard error: a message, never a command's result."""
    stderr().write(text + "\n")


@contextmanager
def passing_line(output: Output, text: str) -> Iterator[None]:
    """Show a line on a terminal for as long as something takes; elsewhere nothing."""
    if output.live:
        output.offer(text)
    try:
        yield
    finally:
        if output.live:
            output.offer("\r\x1b[2K")


def styler(output: Output) -> Callable[[str, str], str]:
    """Return `style(text, colour)`, which colours where that is wanted."""
    if not output.coloured:
        return lambda text, _colour: text
    return lambda text, colour: f"\x1b[{COLOURS[colour]}m{text}\x1b[0m"


COLOURS = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}
