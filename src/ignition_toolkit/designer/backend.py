"""What drives a desktop: six calls, whatever the system. X11 has them; another system gets a class.

Nothing here starts a task, a thread or a process.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Window:
    """A top-level window.

    Args:
        id: the desktop's own number of it.
        title: as it was when it was looked at.
        pid: of the process that it says it belongs to; None when it says nothing.
    """

    id: int
    title: str
    pid: int | None = None


#: Between a name and the rest of a title, with blanks around it: hyphen, en dash, em dash.
_DASH = "[-\u2013\u2014]"

#: Says whether a window is meant.
Wanted = Callable[[Window], bool]


class Backend(Protocol):
    """A desktop that can be driven.

    Every call raises DesktopUnavailable when the desktop is gone. Cancellation: each raises at
    once, with no key and no button down; a window that was asked to do something may do it yet.
    """

    async def wait_for_window(self, wanted: Wanted, timeout_s: float) -> Window | None:
        """Return the first window that is wanted, None when none has come in time.

        Args:
            timeout_s: seconds, 0 or more; 0 looks once.
        """

    async def activate(self, window: Window) -> None:
        """Bring a window to the front and give it the keyboard; raises WindowLost."""

    async def type_text(self, window: Window, text: str, on_typed: Callable[[int], None]) -> None:
        """Type a text into a window that has the keyboard, one key at a time.

        Before each key it is checked that the window still has the keyboard.

        Args:
            text: without line ends and other control characters.
            on_typed: told after each key how many characters were typed.

        Raises WindowLost when another window has the keyboard, which gets none of the keys;
        KeyUnknown, before anything is typed, for a character that the keyboard does not have.
        """

    async def press(self, window: Window, key: str) -> None:
        """Press a key or a combination such as `Return` or `ctrl+s`; raises as `type_text`."""

    async def screenshot(self, window: Window | None, file: Path) -> None:
        """Write what a window, or the screen, shows to a PNG file; raises WindowLost."""

    async def close(self, window: Window) -> None:
        """Ask a window to close, as its close button does. One that is gone is closed."""

    def disconnect(self) -> None:
        """Leave the desktop as it is."""


def titled(text: str) -> Wanted:
    """Return what says whether a window's title holds a text; case does not matter."""
    wanted = text.casefold()
    return lambda window: wanted in window.title.casefold()


def entitled(pattern: str) -> Wanted:
    """Return what says whether a window has exactly this title; `*` stands for any text."""
    whole = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
    return lambda window: whole.fullmatch(window.title) is not None


def naming(name: str) -> Wanted:
    """Return what says whether a window's title has a name as a part of its own.

    Such a part stands alone, in brackets, or between dashes, bars, slashes and colons: `Line` is
    named by `Line - Ignition Designer` and by `Ignition Designer [Line]`, not by `Line 2 - ...`.
    """
    before, after = rf"(?:^|{_DASH}\s+|[|/:]\s*|[(\[])", rf"(?:$|\s+{_DASH}|\s*[|/:()\[\]])"
    part = re.compile(before + re.escape(name) + after)
    return lambda window: part.search(window.title) is not None
