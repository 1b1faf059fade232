"""LiveView: whether somebody watches an execution's page, and the way that its pictures take.

Importing this module imports no library.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

#: Characters at most of one picture as base64; a larger one is not sent.
MAX_PICTURE = 1024 * 1024


class LiveView:
    """The way of pictures out of a process. To be used from one event loop.

    Args:
        send: takes a picture, a JPEG as base64; never blocks, and may drop it.
    """

    def __init__(self, send: Callable[[str], None]) -> None:
        self._send = send
        self._watched = asyncio.Event()
        self._over = False

    @property
    def watched(self) -> bool:
        """Whether somebody watches: else no picture is taken."""
        return self._watched.is_set()

    def watch(self, watched: bool) -> None:
        """Take note that somebody watches, or that nobody does any more."""
        if watched and not self._over:
            self._watched.set()
        else:
            self._watched.clear()

    async def wait_watched(self, seconds: float) -> bool:
        """Return True when somebody watches, False after so many seconds. Cancellation: at once."""
        try:
            async with asyncio.timeout(seconds):
                return await self._watched.wait()
        except TimeoutError:
            return False

    def show(self, picture: str) -> None:
        """Send a picture, unless nobody watches."""
        if self.watched and len(picture) <= MAX_PICTURE:
            self._send(picture)

    def end(self) -> None:
        """Send nothing more: the execution is cancelled, or over."""
        self._over = True
        self._watched.clear()
