"""The keys of an X11 keyboard: which to press for a character, and pressing them.

A key is pressed and released in one go, so none is ever down while something is waited for; and
between the look at who has the keyboard and the key, no other program can change that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ignition_toolkit.errors import DesktopError, KeyUnknown

if TYPE_CHECKING:
    from ignition_toolkit.designer.x11_connection import Connection

#: Names of modifiers in a combination, and what X11 calls their keys.
MODIFIERS = {"ctrl": "Control_L", "shift": "Shift_L", "alt": "Alt_L"}
#: Columns of the keyboard's table that can be reached, and the modifiers for each.
_COLUMNS: dict[int, tuple[str, ...]] = {
    0: (),
    1: ("Shift_L",),
    4: ("ISO_Level3_Shift",),
    5: ("ISO_Level3_Shift", "Shift_L"),
}
#: What a keyboard's layout has beyond Latin-1 is numbered from here.
_UNICODE = 0x01000000

#: Numbers of keys, to be pressed in this order and released in the other.
Chord = tuple[int, ...]


class Keyboard:
    """The keys of one X server."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._display = connection.display

    def chords(self, text: str) -> list[Chord]:
        """Return what to press for each character.

        Raises KeyUnknown, which tells the place and not the character: it may be a password's.
        """
        found = []
        for place, character in enumerate(text, start=1):
            chord = self._chord(_keysym(character)) if character.isprintable() else None
            if chord is None:
                raise KeyUnknown(
                    f"character {place} of {len(text)} cannot be typed: the keyboard layout of"
                    f" display {self._connection.name} has no key for it; choose a layout that has"
                    " one (setxkbmap), nothing was typed"
                )
            found.append(chord)
        return found

    def combination(self, key: str) -> Chord:
        """Return what to press for `Return`, `F5`, `ctrl+s`. Raises KeyUnknown."""
        from Xlib import XK

        *modifiers, last = key.split("+") if key != "+" else [key]
        unknown = [name for name in modifiers if name.lower() not in MODIFIERS]
        keysym = _keysym(last) if len(last) == 1 else XK.string_to_keysym(last)
        chord = self._chord(keysym) if keysym and not unknown else None
        if chord is None:
            raise KeyUnknown(
                f"expected a key such as Return, Tab, F5 or ctrl+s, found {key!r};"
                f" modifiers are {', '.join(MODIFIERS)}"
            )
        return (*(self._code(MODIFIERS[name.lower()]) for name in modifiers), *chord)

    def stroke(self, chord: Chord, is_meant: Callable[[], bool]) -> bool:
        """Press and release keys together if `is_meant` says so; nobody comes in between.

        Returns whether they were pressed. Raises DesktopError when a person holds a key that would
        change what they mean.
        """
        self._display.grab_server()
        try:
            if not is_meant():
                return False
            self._refuse_held()
            self._send(chord)
            return True
        finally:
            self._display.ungrab_server()
            # One write: the server gets the presses and the releases together, or neither.
            self._display.flush()

    def _send(self, chord: Chord) -> None:
        from Xlib import X
        from Xlib.ext import xtest

        down: list[int] = []
        try:
            for code in chord:
                down.append(code)
                xtest.fake_input(self._display, X.KeyPress, code)
        finally:
            for code in reversed(down):
                xtest.fake_input(self._display, X.KeyRelease, code)

    def _refuse_held(self) -> None:
        """Raise when a person's keys would change what ours mean."""
        from Xlib import X

        mask = self._connection.root.query_pointer().mask
        held = {X.LockMask: "Caps Lock is on", X.ShiftMask: "Shift is down"}
        held |= {X.ControlMask: "Ctrl is down", X.Mod1Mask: "Alt is down"}
        for bit, words in held.items():
            if mask & bit:
                raise DesktopError(
                    f"{words} on display {self._connection.name}, which would change what is typed;"
                    " nothing more was typed: release it, leave the keyboard alone while the step"
                    " runs, and run it again"
                )

    def _chord(self, keysym: int) -> Chord | None:
        for code, column in self._by_column(keysym):
            modifiers = [self._code(name) for name in _COLUMNS[column]]
            if all(modifiers):
                return (*modifiers, code)
        return None

    def _by_column(self, keysym: int) -> Iterable[tuple[int, int]]:
        found = self._display.keysym_to_keycodes(keysym)
        if not found and keysym > _UNICODE:
            found = self._display.keysym_to_keycodes(keysym - _UNICODE)
        return sorted((pair for pair in found if pair[1] in _COLUMNS), key=lambda pair: pair[1])

    def _code(self, name: str) -> int:
        from Xlib import XK

        XK.load_keysym_group("xkb")
        return int(self._display.keysym_to_keycode(XK.string_to_keysym(name)))


def _keysym(character: str) -> int:
    """Return X11's number of a character."""
    from Xlib import XK

    point = ord(character)
    if point < 0x100:
        return point
    return int(XK.string_to_keysym(character)) or _UNICODE + point
