"""A short name for a folder whose path is too long for a browser's socket in it."""

from __future__ import annotations

import os

#: Characters that a folder's path may have: Chromium puts `org.chromium.Chromium.abcdef` and a
#: socket into it, whose whole path the kernel limits to 107.
MAX_PATH = 60


class ShortFolder:
    """Names a folder by a descriptor of this process when its own path is too long.

    Nothing is written for it, so nothing is left behind, however this process ends.
    """

    def __init__(self, folder: str) -> None:
        self.path = folder
        self._fd: int | None = None
        if len(os.fsencode(folder)) > MAX_PATH:
            self._fd = os.open(folder, os.O_PATH | os.O_DIRECTORY)
            self.path = f"/proc/{os.getpid()}/fd/{self._fd}"

    def close(self) -> None:
        """Let the name go; may be called again."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
