"""The desktop of an X11 session: windows by their manager, keys by XTEST, pictures by XGetImage."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ignition_toolkit.designer.backend import Wanted, Window
from ignition_toolkit.designer.png import PngWriter
from ignition_toolkit.designer.x11_connection import Connection, connect, greet
from ignition_toolkit.designer.x11_keys import Chord, Keyboard
from ignition_toolkit.errors import DesktopError, WindowLost
from ignition_toolkit.playbook.cancellation import cancellable_sleep

if TYPE_CHECKING:
    from Xlib.xobject.drawable import Window as XWindow

#: Seconds between two looks when the server tells of nothing: a title may change unnoticed.
LOOK_AGAIN_S = 0.25
#: Seconds that a window has to get the keyboard.
FOCUS_S = 10.0
#: Seconds for which a window has to keep the keyboard before it is typed into: a Swing program
#: hands it on to its first field a moment after it has got it, and loses keys in between.
SETTLED_S = 0.3
#: Seconds between two keys.
KEY_PAUSE_S = 0.01
#: Rows of a picture that are fetched in one go.
STRIP_ROWS = 64
#: Source of a request to the window manager: a tool that acts for a person.
_FOR_A_PERSON = 2


class X11Backend:
    """Drives the desktop of an X server. Made by `open`; see `Backend` for the six calls."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._display = connection.display
        self._keyboard = Keyboard(connection)

    @classmethod
    async def open(cls) -> X11Backend:
        """Connect to the desktop that DISPLAY names. Raises DesktopUnavailable.

        Cancellation: at once.
        """
        await greet()
        return cls(connect())

    def disconnect(self) -> None:
        """Leave the X server."""
        self._connection.close()

    async def wait_for_window(self, wanted: Wanted, timeout_s: float) -> Window | None:
        """Return the first window that is wanted, None when none has come in time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while True:
            await self._connection.answering()
            with self._connection.speaking():
                found = next(filter(wanted, self._windows()), None)
            left = deadline - loop.time()
            if found is not None or left <= 0:
                return found
            await self._connection.changed(min(left, LOOK_AGAIN_S))

    async def activate(self, window: Window) -> None:
        """Bring a window to the front and give it the keyboard; raises WindowLost."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + FOCUS_S
        await self._connection.answering()
        with self._connection.speaking():
            self._ask_manager(window, "_NET_ACTIVE_WINDOW", [_FOR_A_PERSON, 0, 0, 0, 0])
        line: list[int] = []
        since = loop.time()
        while True:
            await self._connection.answering()
            with self._connection.speaking():
                before, line = line, self._focus_line()
            if window.id not in line or line != before:
                since = loop.time()
            elif loop.time() >= since + SETTLED_S:
                return
            if loop.time() >= deadline:
                raise WindowLost(
                    f"the window {window.title!r} did not get the keyboard within {FOCUS_S:g} s;"
                    f" {self._who_has_it()}; nothing was typed"
                )
            await cancellable_sleep(SETTLED_S / 10)

    async def type_text(self, window: Window, text: str, on_typed: Callable[[int], None]) -> None:
        """Type a text into a window that has the keyboard, one key at a time."""
        with self._connection.speaking():
            chords = self._keyboard.chords(text)
        for count, chord in enumerate(chords, start=1):
            await self._stroke(window, chord)
            on_typed(count)
            await cancellable_sleep(KEY_PAUSE_S)

    async def press(self, window: Window, key: str) -> None:
        """Press a key or a combination such as `Return` or `ctrl+s`."""
        with self._connection.speaking():
            chord = self._keyboard.combination(key)
        await self._stroke(window, chord)
        await cancellable_sleep(KEY_PAUSE_S)

    async def screenshot(self, window: Window | None, file: Path) -> None:
        """Write what a window, or the screen, shows to a PNG file."""
        await self._connection.answering()
        with self._connection.speaking():
            x, y, width, height = self._place(window)
        with PngWriter(file, width, height) as picture:
            for row in range(0, height, STRIP_ROWS):
                await self._connection.answering()
                with self._connection.speaking():
                    rows = min(STRIP_ROWS, height - row)
                    picture.add_bgrx(self._pixels(x, y + row, width, rows))
                # An answer that is there already gives the loop no turn.
                await asyncio.sleep(0)
            picture.finish()

    async def close(self, window: Window) -> None:
        """Ask a window to close, as its close button does."""
        await self._connection.answering()
        with self._connection.speaking():
            self._ask_manager(window, "_NET_CLOSE_WINDOW", [0, _FOR_A_PERSON, 0, 0, 0])

    async def _stroke(self, window: Window, chord: Chord) -> None:
        await self._connection.answering()
        with self._connection.speaking():
            if self._keyboard.stroke(chord, lambda: self._has_keyboard(window)):
                return
        # The manager may be half way through giving it to another window.
        await cancellable_sleep(LOOK_AGAIN_S)
        raise WindowLost(
            f"the window {window.title!r} lost the keyboard while keys were typed into it;"
            f" {self._who_has_it()}, and got none of them: leave the desktop alone while the step"
            " runs, and run it again"
        )

    # Windows.

    def _windows(self) -> Iterator[Window]:
        """Yield the windows that the manager lists, oldest first."""
        from Xlib.error import XError

        for number in self._numbers(self._connection.root, "_NET_CLIENT_LIST"):
            try:
                yield self._describe(number)
            except XError:
                continue  # gone since it was listed

    def _describe(self, number: int) -> Window:
        window = self._object(number)
        pids = self._numbers(window, "_NET_WM_PID")
        return Window(number, self._title(window), pids[0] if pids else None)

    def _title(self, window: XWindow) -> str:
        for name in ("_NET_WM_NAME", "WM_NAME"):
            found = window.get_full_property(self._connection.atom(name), 0)
            if found and found.value:
                value = found.value
                return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        return ""

    def _numbers(self, window: XWindow, name: str) -> list[int]:
        found = window.get_full_property(self._connection.atom(name), 0)
        return [int(number) for number in found.value] if found else []

    def _object(self, number: int) -> XWindow:
        # The library's word for any kind of object; this kind is a window.
        made: XWindow = self._display.create_resource_object("window", number)
        return made

    # Who has the keyboard.

    def _has_keyboard(self, window: Window) -> bool:
        return window.id in self._focus_line()

    def _focus_line(self) -> list[int]:
        """Return the numbers of the window that gets keys, and of those around it."""
        from Xlib.error import XError

        focus = self._display.get_input_focus().focus
        line: list[int] = []
        try:
            # A number instead of a window means nobody, or whoever is under the pointer.
            while not isinstance(focus, int) and focus.id != self._connection.root.id:
                line.append(focus.id)
                focus = focus.query_tree().parent
        except XError:
            return []
        return line

    def _who_has_it(self) -> str:
        with self._connection.speaking():
            line = self._focus_line()
            titles = [window.title for window in self._windows() if window.id in line]
        return f"{titles[0]!r} has it" if titles else "no window of the desktop has it"

    def _ask_manager(self, window: Window, request: str, data: list[int]) -> None:
        from Xlib import X
        from Xlib.protocol import event

        message = event.ClientMessage(
            window=self._object(window.id),
            client_type=self._connection.atom(request),
            data=(32, data),
        )
        mask = X.SubstructureRedirectMask | X.SubstructureNotifyMask
        self._connection.root.send_event(message, event_mask=mask)
        self._display.flush()

    # Pictures.

    def _place(self, window: Window | None) -> tuple[int, int, int, int]:
        """Return where a window is on the screen, as far as it is: x, y, width, height."""
        from Xlib.error import XError

        screen = self._connection.root.get_geometry()
        if window is None:
            return 0, 0, screen.width, screen.height
        try:
            inner = self._object(window.id).get_geometry()
            at = self._connection.root.translate_coords(window.id, 0, 0)
        except XError as error:
            raise WindowLost(f"the window {window.title!r} has closed") from error
        left, top = max(0, at.x), max(0, at.y)
        right = min(screen.width, at.x + inner.width)
        bottom = min(screen.height, at.y + inner.height)
        if right <= left or bottom <= top:
            raise WindowLost(f"the window {window.title!r} is outside of the screen")
        return left, top, right - left, bottom - top

    def _pixels(self, x: int, y: int, width: int, height: int) -> bytes:
        from Xlib import X

        image = self._connection.root.get_image(x, y, width, height, X.ZPixmap, 0xFFFFFFFF)
        data = bytes(image.data)
        if image.depth not in (24, 32) or len(data) != 4 * width * height:
            raise DesktopError(
                f"expected a screen of 24 bits a pixel, found depth {image.depth} on display"
                f" {self._connection.name}; a picture of it cannot be taken"
            )
        return data
