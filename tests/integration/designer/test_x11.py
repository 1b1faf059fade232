"""The X11 backend against windows of the test's own: who gets which key, and who does not."""

from __future__ import annotations

import asyncio
import gc
import struct
import warnings
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from Xlib import XK

from ignition_toolkit.designer import x11, x11_connection
from ignition_toolkit.designer.backend import Window, titled
from ignition_toolkit.designer.x11 import X11Backend
from ignition_toolkit.designer.x11_connection import connect
from ignition_toolkit.errors import DesktopUnavailable, KeyUnknown, WindowLost
from tests.integration.designer.desktop import UP_S, OwnWindow, Screen, XServer, x_server
from tests.polling import FIRST_S, poll_until_async

LONG = "The filling line is ready. " * 8


@pytest.fixture
async def backend(desktop: str) -> AsyncIterator[X11Backend]:
    opened = await X11Backend.open()
    yield opened
    opened.disconnect()


async def found(backend: X11Backend, title: str) -> Window:
    window = await backend.wait_for_window(titled(title), UP_S)
    assert window is not None
    return window


def characters(screen: Screen, window: OwnWindow) -> str:
    """Return what the keys that a window got say, unshifted."""
    pressed = [key.code for key in window.seen() if key.is_down]
    keysyms = [screen.display.keycode_to_keysym(code, 0) for code in pressed]
    return "".join(chr(keysym) for keysym in keysyms if keysym < 0x100)


async def test_a_window_is_found_by_a_part_of_its_title_when_it_comes(
    backend: X11Backend, screen: Screen
) -> None:
    wait = asyncio.ensure_future(backend.wait_for_window(titled("LOGIN"), UP_S))
    await asyncio.sleep(0)
    own = screen.window("Login - Ignition Ä", is_front=False)
    window = await wait
    assert window is not None
    assert (window.id, window.title) == (own.id, "Login - Ignition Ä")


async def test_a_window_whose_title_changes_is_found(backend: X11Backend, screen: Screen) -> None:
    own = screen.window("Starting", is_front=False)
    await found(backend, "starting")
    own.rename("Tank Farm - Ignition Designer")
    assert (await found(backend, "tank farm")).id == own.id


async def test_a_window_that_does_not_come_is_none(backend: X11Backend) -> None:
    assert await backend.wait_for_window(titled("nowhere"), 0.05) is None


async def test_a_wait_for_a_window_is_cancelled_at_once(backend: X11Backend) -> None:
    wait = asyncio.ensure_future(backend.wait_for_window(titled("nowhere"), 3600))
    await asyncio.sleep(0)
    wait.cancel()
    with pytest.raises(asyncio.CancelledError):
        await wait
    assert await backend.wait_for_window(titled("nowhere"), 0) is None


async def test_typing_gives_a_window_every_character_and_leaves_no_key_down(
    backend: X11Backend, screen: Screen
) -> None:
    own = screen.window("Field")
    window = await found(backend, "field")
    counted: list[int] = []
    await backend.type_text(window, "Aa1!@~ z", counted.append)
    assert characters(screen, own) == "aa112` z"
    assert counted == list(range(1, 9))
    assert [key.is_down for key in own.seen()].count(True) == len(own.seen()) / 2
    assert screen.keys_down() == []


async def test_a_combination_is_pressed_in_order_and_released_in_the_other(
    backend: X11Backend, screen: Screen
) -> None:
    own = screen.window("Field")
    await backend.press(await found(backend, "field"), "ctrl+shift+F5")
    codes = [
        screen.display.keysym_to_keycode(XK.string_to_keysym(name))
        for name in ("Control_L", "Shift_L", "F5")
    ]
    assert [(key.code, key.is_down) for key in own.seen()] == [
        *((code, True) for code in codes),
        *((code, False) for code in reversed(codes)),
    ]


async def test_cancelled_typing_types_nothing_more_and_leaves_no_key_down(
    backend: X11Backend, screen: Screen
) -> None:
    own = screen.window("Field")
    window = await found(backend, "field")
    typed: list[int] = []
    typing = asyncio.ensure_future(backend.type_text(window, LONG, typed.append))
    await poll_until_async(lambda: len(typed) >= 20, UP_S)
    typing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await typing
    count = len(own.seen())
    assert screen.keys_down() == []
    # A look at the desktop, so that the server has done all that it was asked before.
    await backend.wait_for_window(titled("nowhere"), 0.2)
    assert len(own.seen()) == count
    assert len(typed) < len(LONG)


async def test_another_window_that_takes_the_keyboard_gets_no_key(
    backend: X11Backend, screen: Screen
) -> None:
    own = screen.window("Field")
    window = await found(backend, "field")
    typed: list[int] = []
    typing = asyncio.ensure_future(backend.type_text(window, LONG, typed.append))
    await poll_until_async(lambda: len(typed) >= 20, UP_S)
    other = screen.window("Chat")
    with pytest.raises(WindowLost, match=r"'Field' lost the keyboard .*'Chat' has it"):
        await typing
    assert other.seen() == []
    assert len(own.seen()) >= 2 * 20
    assert screen.keys_down() == []


async def test_a_window_that_is_not_in_front_gets_no_key_until_it_is(
    backend: X11Backend, screen: Screen
) -> None:
    own = screen.window("Field")
    other = screen.window("Chat")
    window = await found(backend, "field")
    with pytest.raises(WindowLost):
        await backend.type_text(window, "secret", lambda _count: None)
    assert own.seen() == other.seen() == []
    await backend.activate(window)
    await backend.type_text(window, "secret", lambda _count: None)
    assert characters(screen, own) == "secret"
    assert other.seen() == []


async def test_a_window_that_closes_while_it_is_typed_into_is_lost(
    backend: X11Backend, screen: Screen
) -> None:
    own = screen.window("Field")
    window = await found(backend, "field")
    own.destroy()
    with pytest.raises(WindowLost):
        await backend.type_text(window, "x", lambda _count: None)


async def test_a_window_that_never_gets_the_keyboard_is_told(
    backend: X11Backend, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = screen.window("Field")
    window = await found(backend, "field")
    own.destroy()
    monkeypatch.setattr(x11, "FOCUS_S", 0.05)
    with pytest.raises(WindowLost, match="nothing was typed"):
        await backend.activate(window)


async def test_a_character_without_a_key_is_refused_before_anything_is_typed(
    backend: X11Backend, screen: Screen
) -> None:
    own = screen.window("Field")
    window = await found(backend, "field")
    for text in ("ab漢", "ab\n"):
        with pytest.raises(KeyUnknown, match="character 3 of 3") as refused:
            await backend.type_text(window, text, lambda _count: None)
        assert text[2] not in refused.value.message
    for key in ("Retrun", "super+x", ""):
        with pytest.raises(KeyUnknown, match="expected a key such as"):
            await backend.press(window, key)
    assert own.seen() == []


async def test_a_picture_shows_the_window_and_has_its_size(
    backend: X11Backend, screen: Screen, tmp_path: Path
) -> None:
    screen.window("Field")
    file = tmp_path / "a.png"

    async def is_painted() -> bool:
        await backend.screenshot(await found(backend, "field"), file)
        width, height, pixels = read_png(file)
        assert (width, height) == (300, 100)
        return pixels == b"\x20\x60\xc0" * (300 * 100)

    async with asyncio.timeout(UP_S):
        while not await is_painted():
            await asyncio.sleep(FIRST_S)
    assert sorted(tmp_path.iterdir()) == [file]


def read_png(file: Path) -> tuple[int, int, bytes]:
    """Return width, height and colours of a picture, as the format's own page says."""
    data = file.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = [], 8
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", data, at + 8 + size)[0] == zlib.crc32(kind + body)
        chunks.append((kind, body))
        at += 12 + size
    width, height, *rest = struct.unpack(">IIBBBBB", chunks[0][1])
    assert rest == [8, 2, 0, 0, 0]
    assert chunks[-1] == (b"IEND", b"")
    raw = zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT"))
    rows = [raw[at : at + 1 + 3 * width] for at in range(0, len(raw), 1 + 3 * width)]
    assert {row[0] for row in rows} == {0}
    return width, height, b"".join(row[1:] for row in rows)


async def test_a_picture_of_the_screen_has_its_size(backend: X11Backend, tmp_path: Path) -> None:
    await backend.screenshot(None, tmp_path / "a.png")
    width, height, _ = read_png(tmp_path / "a.png")
    assert (width, height) == (1024, 700)


async def test_a_picture_that_is_cancelled_leaves_no_file(
    backend: X11Backend, tmp_path: Path
) -> None:
    shot = asyncio.ensure_future(backend.screenshot(None, tmp_path / "a.png"))
    async with asyncio.timeout(UP_S):
        while not list(tmp_path.iterdir()):
            await asyncio.sleep(0)
    shot.cancel()
    with pytest.raises(asyncio.CancelledError):
        await shot
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, "found Wayland"),
        ({}, "DISPLAY is not set"),
        ({"DISPLAY": ":64999"}, "could not connect"),
        ({"DISPLAY": "nonsense"}, "could not connect"),
    ],
)
def test_no_desktop_that_can_be_driven_is_told(environment: dict[str, str], expected: str) -> None:
    with warnings.catch_warnings():
        # The library leaves the socket of a refused connection to the collector.
        warnings.simplefilter("ignore", ResourceWarning)
        with pytest.raises(DesktopUnavailable, match=expected):
            connect(environment)
        gc.collect()


def test_a_display_without_a_window_manager_is_told() -> None:
    with x_server() as server, pytest.raises(DesktopUnavailable, match="no window manager runs"):
        connect({"DISPLAY": server.name})


async def test_a_server_that_does_not_answer_holds_nobody_up_and_is_told(
    backend: X11Backend, screen: Screen, server: XServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = screen.window("Field")
    window = await found(backend, "field")
    with server.stopped():
        wait = asyncio.ensure_future(backend.wait_for_window(titled("nowhere"), 3600))
        # The loop is free meanwhile, or this would not come back.
        assert await asyncio.wait({wait}, timeout=0.05) == (set(), {wait})
        wait.cancel()
        with pytest.raises(asyncio.CancelledError):
            await wait
        with monkeypatch.context() as patch:
            patch.setattr(x11_connection, "ANSWER_S", 0.05)
            for call in (
                backend.activate(window),
                backend.type_text(window, "x", lambda _count: None),
                backend.close(window),
                backend.screenshot(window, Path("/nonexistent")),
                X11Backend.open(),
            ):
                with pytest.raises(DesktopUnavailable, match="has not answered within"):
                    await call
    await backend.type_text(window, "y", lambda _count: None)
    assert characters(screen, own) == "y"
