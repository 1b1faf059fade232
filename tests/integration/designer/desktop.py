"""A desktop without a screen: an X server, a window manager, and windows of the test's own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from Xlib import XK, X, Xutil, display
from Xlib.protocol import event

from tests.polling import poll_until

#: Seconds for a program to come up on a busy machine.
UP_S = 60.0
#: Seconds for a window manager that is up to take a window.
PROBE_S = 1.0


#: Ends a program with the process that has started it, however that ends.
WITH_ME = ("setpriv", "--pdeathsig", "KILL", "--")


@dataclass(frozen=True)
class XServer:
    """An X server of the tests' own: the name of its display, and its process."""

    name: str
    pid: int

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Have it answer nobody meanwhile, as a server that hangs."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            poll_until(lambda: ") T " in Path(f"/proc/{self.pid}/stat").read_text(), UP_S)
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)


@contextlib.contextmanager
def x_server() -> Iterator[XServer]:
    """Run an X server with a number of its own."""
    readable, writable = os.pipe()
    server = subprocess.Popen(
        [*WITH_ME, "Xvfb", "-displayfd", str(writable), "-screen", "0", "1024x700x24",
         "-nolisten", "tcp", "-noreset"],
        pass_fds=[writable],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(writable)
    try:
        with open(readable) as said:
            number = said.readline().strip()
        assert number, f"Xvfb ended with status {server.wait()}"
        yield XServer(f":{number}", server.pid)
    finally:
        server.terminate()
        server.wait(UP_S)


@contextlib.contextmanager
def window_manager(name: str) -> Iterator[int]:
    """Run openbox on a display; it manages windows when this gives its pid."""
    manager = subprocess.Popen(
        [*WITH_ME, "openbox", "--sm-disable"],
        env={**os.environ, "DISPLAY": name},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with contextlib.closing(Screen(name)) as screen:
            poll_until(screen.is_managed, UP_S)
        yield manager.pid
    finally:
        manager.terminate()
        manager.wait(UP_S)


@dataclass(frozen=True)
class Key:
    """A key that a window got, at a second of the server's clock, which is the monotonic one."""

    code: int
    is_down: bool
    t: float


class Screen:
    """A program of the test's own on a display: it has windows, and sees who gets which keys."""

    def __init__(self, name: str) -> None:
        self.display = display.Display(name)
        self.root = self.display.screen().root
        self._seen: dict[int, list[Key]] = {}

    def close(self) -> None:
        """Leave; its windows go with it."""
        self.display.close()

    def is_managed(self) -> bool:
        """Whether the window manager has taken a window.

        One that is mapped while the manager comes up may never be taken, so each look has its own.
        """
        probe = OwnWindow(self, "probe")
        try:
            poll_until(lambda: probe.id in self.listed(), PROBE_S)
        except AssertionError:
            return False
        finally:
            probe.destroy()
        return True

    def window(self, title: str, *, is_front: bool = True) -> OwnWindow:
        """Open a window, and wait until it has the keyboard."""
        window = OwnWindow(self, title)
        if is_front:
            poll_until(window.takes_keyboard, UP_S)
        return window

    def listed(self) -> set[int]:
        """Return the numbers of the windows that the manager lists."""
        name = self.display.intern_atom("_NET_CLIENT_LIST")
        found = self.root.get_full_property(name, X.AnyPropertyType)
        return {int(number) for number in found.value} if found is not None else set()

    def seen_by(self, window: int) -> list[Key]:
        """Return the keys that a window of this program got so far, in order."""
        self.display.sync()
        while self.display.pending_events():
            found = self.display.next_event()
            if found.type in (X.KeyPress, X.KeyRelease):
                key = Key(found.detail, found.type == X.KeyPress, found.time / 1000)
                self._seen.setdefault(found.window.id, []).append(key)
        return self._seen.setdefault(window, [])

    def code(self, key: str) -> int:
        """Return the number of a key by its name."""
        return int(self.display.keysym_to_keycode(XK.string_to_keysym(key)))

    def keys_down(self) -> list[int]:
        """Return the numbers of the keys that are down, whoever pressed them."""
        bits = self.display.query_keymap()
        return [8 * at + bit for at, byte in enumerate(bits) for bit in range(8) if byte >> bit & 1]


class OwnWindow:
    """A window that notes the keys that it gets."""

    def __init__(
        self, screen: Screen, title: str, *, pid: int | None = None, is_shy: bool = False
    ) -> None:
        """Open it.

        Args:
            pid: of the process that it says it belongs to; this one for None.
            is_shy: whether it never takes the keyboard.
        """
        self._screen = screen
        self._display = screen.display
        self.title = title
        self._window = screen.root.create_window(
            40, 30, 300, 100, 0, screen.display.screen().root_depth,
            background_pixel=0x2060C0, event_mask=X.KeyPressMask | X.KeyReleaseMask,
        )  # fmt: skip
        self._set("_NET_WM_NAME", self._display.intern_atom("UTF8_STRING"), 8, title.encode())
        cardinal = self._display.intern_atom("CARDINAL")
        self._set("_NET_WM_PID", cardinal, 32, [pid or os.getpid()])
        # Asked to close it does nothing; without this the manager would end the connection.
        self._window.set_wm_protocols([self._display.intern_atom("WM_DELETE_WINDOW")])
        if is_shy:
            self._window.set_wm_hints(flags=Xutil.InputHint, input=0)
        self._window.map()
        self._display.sync()

    def _set(self, name: str, kind: int, size: int, value: bytes | list[int]) -> None:
        self._window.change_property(self._display.intern_atom(name), kind, size, value)

    @property
    def id(self) -> int:
        """Its number."""
        return int(self._window.id)

    def has_keyboard(self) -> bool:
        """Whether it gets the keys."""
        focus = self._display.get_input_focus().focus
        return not isinstance(focus, int) and focus.id == self.id

    def takes_keyboard(self) -> bool:
        """Come to the front, and say whether it is there yet.

        The manager may keep a new window back while keys are typed into another one.
        """
        if self.has_keyboard():
            return True
        name = self._display.intern_atom("_NET_ACTIVE_WINDOW")
        message = event.ClientMessage(
            window=self._window, client_type=name, data=(32, [2, 0, 0, 0, 0])
        )
        mask = X.SubstructureRedirectMask | X.SubstructureNotifyMask
        self._screen.root.send_event(message, event_mask=mask)
        self._display.sync()
        return False

    def rename(self, title: str) -> None:
        """Have another title."""
        self.title = title
        self._set("_NET_WM_NAME", self._display.intern_atom("UTF8_STRING"), 8, title.encode())
        self._display.sync()

    def destroy(self) -> None:
        """Go away."""
        self._window.destroy()
        self._display.sync()

    def seen(self) -> list[Key]:
        """Return the keys that it got so far, in order."""
        return self._screen.seen_by(self.id)
