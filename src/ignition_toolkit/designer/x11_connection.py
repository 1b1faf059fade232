"""A connection to an X server on the event loop, and why there may be none.

Requests that have an answer wait for it and hold the event loop: a millisecond with a server on
the same machine. So each look and each key begins with a question that holds nothing up
(`answering`), and the connection itself with another (`greet`). A server that stops between such a
question and what follows does hold the loop, and the ladder ends the runner.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ignition_toolkit.errors import DesktopUnavailable

if TYPE_CHECKING:
    from Xlib.display import Display
    from Xlib.protocol.rq import ReplyRequest
    from Xlib.xobject.drawable import Window as XWindow

#: Seconds that an X server has to answer; one on the same machine takes less than a millisecond.
ANSWER_S = 5.0

#: Names of displays of this machine, with the number that their socket has.
_LOCAL = re.compile(r"(?:unix)?:(\d+)(?:\.\d+)?")
#: Where they are, by their number.
_SOCKETS = "/tmp/.X11-unix/X"  # noqa: S108 - every X server's own place
#: First words of a client: lowest byte first, protocol 11.0, no authorisation. Who lets nobody in
#: answers too.
_HELLO = b"l\0\x0b\0\0\0\0\0\0\0\0\0"

_INSTALL = "install it with: pip install 'ignition-toolkit[designer]'"


class Connection:
    """One connection, to be used from the event loop's thread only."""

    def __init__(self, display: Display, name: str) -> None:
        self.display = display
        self.name = name
        self.root: XWindow = display.screen().root
        self._atoms: dict[str, int] = {}
        self._changed = asyncio.Event()
        #: The server has said something since this was cleared.
        self._heard = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(display.fileno(), self._on_readable)

    def atom(self, name: str) -> int:
        """Return the server's number of a name."""
        if name not in self._atoms:
            self._atoms[name] = self.display.intern_atom(name)
        return self._atoms[name]

    async def answering(self) -> None:
        """Return once the server has answered a question; what waits for it holds nothing up.

        Raises DesktopUnavailable when it does not within ANSWER_S. Cancellation: at once.
        """
        from Xlib.protocol import request

        with self.speaking():
            question = request.GetInputFocus(display=self.display.display, defer=True)
            self.display.flush()
        try:
            async with asyncio.timeout(ANSWER_S):
                while not self._is_answered(question):
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:
            raise _no_answer(self.name) from None

    def _is_answered(self, question: ReplyRequest) -> bool:
        self._drain()
        # The library has no other way to look whether an answer is there than to wait for it.
        return question._data is not None or question._error is not None

    async def changed(self, within_s: float) -> None:
        """Return when the server has told of a change since the last call, or the time is over.

        Cancellation: at once.
        """
        self._drain()
        # Not asyncio.wait_for: in Python 3.11 it loses a cancel that comes with the event.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._changed.wait()
        self._changed.clear()

    @contextlib.contextmanager
    def speaking(self) -> Iterator[None]:
        """Turn the library's errors of a lost connection into DesktopUnavailable."""
        from Xlib.error import ConnectionClosedError

        try:
            yield
        except (ConnectionClosedError, OSError) as error:
            self._loop.remove_reader(self.display.fileno())
            raise DesktopUnavailable(
                f"the X server of display {self.name} has ended while a step used it ({error});"
                " start it again and run the execution again"
            ) from error

    def close(self) -> None:
        """Leave the server. One that is gone is left already."""
        self._loop.remove_reader(self.display.fileno())
        with contextlib.suppress(Exception):  # border: the library, of a connection that is broken
            self.display.close()

    def _on_readable(self) -> None:
        try:
            self._drain()
        except DesktopUnavailable:
            # Who waits looks again, and is told by its own request.
            self._changed.set()
        self._heard.set()

    def _drain(self) -> None:
        # Also events that came along with an answer: no descriptor tells of those.
        with self.speaking():
            while self.display.pending_events():
                self.display.next_event()
                self._changed.set()


async def greet(environment: Mapping[str, str] = os.environ) -> None:
    """Return when the X server that the environment names has answered anything at all.

    One of another machine is not asked, and whatever else is wrong is for `connect` to tell.
    Raises DesktopUnavailable when it does not answer within ANSWER_S. Cancellation: at once.
    """
    name = _display_name(environment)
    if (found := _LOCAL.fullmatch(name)) is None:
        return
    try:
        async with asyncio.timeout(ANSWER_S):
            await _exchange(f"{_SOCKETS}{found[1]}")
    except TimeoutError:
        raise _no_answer(name) from None
    except (OSError, EOFError):
        return


async def _exchange(path: str) -> None:
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(_HELLO)
        await reader.readexactly(1)
    finally:
        writer.transport.abort()


def _no_answer(name: str) -> DesktopUnavailable:
    return DesktopUnavailable(
        f"the X server of display {name} has not answered within {ANSWER_S:g} s: look whether its"
        " process is stopped or the machine is too busy, and run the execution again"
    )


def connect(environment: Mapping[str, str] = os.environ) -> Connection:
    """Return a connection to the desktop that the environment names.

    Raises DesktopUnavailable when there is none that can be driven: Wayland, no display, no X
    server, no window manager, no XTEST, or python-xlib is not installed.
    """
    name = _display_name(environment)
    display = _open(name)
    try:
        _check(display, name)
    except BaseException:
        display.close()
        raise
    return Connection(display, name)


def _display_name(environment: Mapping[str, str]) -> str:
    if wayland := environment.get("WAYLAND_DISPLAY"):
        raise DesktopUnavailable(
            f"designer steps need a desktop on X11, found Wayland (WAYLAND_DISPLAY={wayland});"
            " log in to an X11 session, or start the server with DISPLAY of an X server and"
            " without WAYLAND_DISPLAY"
        )
    if name := environment.get("DISPLAY"):
        return name
    raise DesktopUnavailable(
        "designer steps need a desktop, and DISPLAY is not set: start the server in the session of"
        " the person whose desktop it is, or with DISPLAY of an X server such as Xvfb"
    )


def _open(name: str) -> Display:
    try:
        from Xlib import display, error
    except ImportError as missing:
        raise DesktopUnavailable(f"designer steps need python-xlib: {_INSTALL}") from missing
    try:
        opened = display.Display(name)
    except (
        error.DisplayError,
        error.ConnectionClosedError,
        error.XauthError,
        OSError,
        OverflowError,  # a display's number that no port has
    ) as refused:
        raise DesktopUnavailable(
            f"expected an X server at display {name} (DISPLAY), and could not connect: {refused};"
            " start it, or give the server the right DISPLAY and XAUTHORITY"
        ) from refused
    # What has no answer and fails is a window that has gone meanwhile, which the next look tells.
    opened.set_error_handler(lambda _error, _request: 0)
    return opened


def _check(display: Display, name: str) -> None:
    from Xlib import X

    if not display.has_extension("XTEST"):
        raise DesktopUnavailable(
            f"the X server of display {name} lacks the extension XTEST, which types keys"
        )
    root = display.screen().root
    check = display.intern_atom("_NET_SUPPORTING_WM_CHECK")
    found = root.get_full_property(check, X.AnyPropertyType)
    if not found or not _confirms(display, int(found.value[0]), check):
        raise DesktopUnavailable(
            f"no window manager runs on display {name}, so no window can be told from another or"
            " be given the keyboard; start one, openbox is enough"
        )
    root.change_attributes(event_mask=X.PropertyChangeMask)


def _confirms(display: Display, number: int, check: int) -> bool:
    """Say whether the window that the manager names is there: the property outlives a dead one."""
    from Xlib import X, error

    window = display.create_resource_object("window", number)
    try:
        found = window.get_full_property(check, X.AnyPropertyType)
    except error.XError:
        return False
    return found is not None and int(found.value[0]) == number
