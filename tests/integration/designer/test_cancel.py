"""Designer steps that are cancelled: nothing is left, no key is down, and none is pressed later."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ignition_toolkit.playbook.models import CancellationRecord, CancelOutcome, ExecutionStatus
from ignition_toolkit.runner.kinds import handlers_of
from tests.integration.designer.desktop import OwnWindow, Screen, XServer
from tests.integration.designer.scene import LONG, PASSWORD, forked, sleeping
from tests.integration.execution.rig import (
    SOON_S,
    Rig,
    is_alive,
    playbook,
    step,
    step_statuses,
    steps,
)
from tests.polling import FIRST_S, poll_until_async

KINDS = handlers_of("ignition_toolkit.steps.designer")
#: Seconds after a cancel for which nothing may come.
LISTEN_S = 2.0
#: Of a Designer: it never takes the keyboard, and stays when it is asked to close.
SHY = "Shy - Ignition Designer"

#: Parameters with which each kind is under way until it is stopped.
HELD: dict[str, dict[str, Any]] = {
    "designer.close": {"timeout": 200},
    "designer.launch": {"window": "nowhere", "timeout": 200},
    "designer.login": {"username": "a", "password": PASSWORD, "window": SHY, "timeout": 200},
    "designer.open_project": {"project_name": "nowhere", "timeout": 200},
    "designer.press": {"key": "Return", "window": "nowhere", "timeout": 200},
    "designer.screenshot": {"name": "picture", "window": SHY},
    "designer.wait_for_window": {"title": "nowhere", "timeout": 200},
}
#: Kinds that are not for this system: they refuse before they do anything.
REFUSED = {"designer.launch_shortcut"}


@pytest.fixture
def leaves_nothing() -> None:
    """Leave the look for what is left to `rig`: its runners come and go during these tests."""


@pytest.fixture
def front(desktop: str) -> Iterator[OwnWindow]:
    """Give another program's window, which has the keyboard."""
    with contextlib.closing(Screen(desktop)) as screen:
        yield screen.window("Chat")


class Designer:
    """A Designer of one window, which is the test's own and so outlives a cancel."""

    def __init__(self, screen: Screen, launcher: Path) -> None:
        self.screen = screen
        self.launcher = launcher

    def launch(self, title: str) -> dict[str, Any]:
        """Return the step that starts it."""
        file = str(self.launcher)
        return step("launch", "designer.launch", launcher_file=file, window=title)

    async def appears(self, title: str, *, is_shy: bool = False) -> OwnWindow:
        """Open its window, once it has been started."""
        pid = await poll_until_async(lambda: forked(self.launcher), SOON_S)
        return OwnWindow(self.screen, title, pid=pid, is_shy=is_shy)

    @property
    def is_gone(self) -> bool:
        """Whether it was started, and its process has ended."""
        pid = forked(self.launcher)
        return pid is not None and not is_alive(pid)


@pytest.fixture
def designer(desktop: str, tmp_path: Path) -> Iterator[Designer]:
    with contextlib.closing(Screen(desktop)) as screen:
        yield Designer(screen, sleeping(tmp_path))


def pressed(window: OwnWindow) -> int:
    """Return how many keys a window has got."""
    return sum(key.is_down for key in window.seen())


async def type_long(rig: Rig, designer: Designer) -> tuple[str, OwnWindow]:
    """Have two hundred characters typed into a window; return the execution and the window."""
    login = step("login", "designer.login", username=LONG, password=PASSWORD, window="Field")
    execution_id = await rig.start(playbook(designer.launch("Field"), login))
    field = await designer.appears("Field")
    await poll_until_async(lambda: pressed(field) > 5, SOON_S)
    return execution_id, field


async def is_silent(screen: Screen, window: OwnWindow) -> None:
    """Look for as long as something might come."""
    count, until = pressed(window), time.monotonic() + LISTEN_S

    def is_over() -> bool:
        assert pressed(window) == count
        assert screen.keys_down() == []
        return time.monotonic() >= until

    await poll_until_async(is_over, SOON_S)


async def cancel_typing(rig: Rig, designer: Designer, front: OwnWindow, at: int) -> None:
    """Cancel when so many keys were pressed."""
    (designer.launcher.parent / "pid").unlink(missing_ok=True)
    execution_id, field = await type_long(rig, designer)
    await poll_until_async(lambda: pressed(field) >= at, SOON_S)
    view, record = await rig.cancelled(execution_id)
    assert step_statuses(view) == {"launch": "completed", "login": "cancelled"}
    assert record.step_id == "login"
    assert pressed(field) < len(LONG)
    await is_silent(designer.screen, field)
    assert designer.is_gone
    assert front.seen() == []
    field.destroy()


async def test_typing_that_is_not_cancelled_comes_to_its_end(rig: Rig, designer: Designer) -> None:
    """What the cancelled ones would have done."""
    execution_id, field = await type_long(rig, designer)
    last = designer.screen.code("Return")
    await poll_until_async(lambda: last in {key.code for key in field.seen()}, SOON_S)
    assert pressed(field) > len(LONG) + len(PASSWORD)
    field.destroy()
    assert (await rig.final(execution_id)).status is ExecutionStatus.COMPLETED


@pytest.mark.parametrize("at", [20, 100])
async def test_no_key_comes_after_a_cancel_in_the_middle_of_typing(
    rig: Rig, designer: Designer, front: OwnWindow, at: int
) -> None:
    await cancel_typing(rig, designer, front, at)


@pytest.mark.stress
@pytest.mark.timeout(1200)
async def test_no_key_comes_after_twenty_cancels_in_the_middle_of_typing(
    rig: Rig, designer: Designer, front: OwnWindow
) -> None:
    for turn in range(20):
        await cancel_typing(rig, designer, front, 8 + 8 * turn)


def test_every_kind_is_held_by_a_test() -> None:
    """A kind that is new is missing here."""
    assert KINDS.keys() == HELD.keys() | REFUSED


async def hold(rig: Rig, designer: Designer, kind: str) -> str:
    """Have a step of a kind under way as `a`; return the execution."""
    held = step("a", kind, **HELD[kind])
    if kind == "designer.launch":
        held["parameters"]["launcher_file"] = str(designer.launcher)
        execution_id = await rig.start(playbook(held))
        await poll_until_async(lambda: forked(designer.launcher), SOON_S)
    else:
        execution_id = await rig.start(playbook(designer.launch(SHY), held))
        await designer.appears(SHY, is_shy=True)
    await rig.step_is(execution_id, "a", "running")
    return execution_id


@pytest.mark.parametrize("kind", sorted(HELD))
async def test_a_step_of_every_kind_is_cancelled_and_leaves_nothing(
    rig: Rig, designer: Designer, front: OwnWindow, kind: str
) -> None:
    execution_id = await hold(rig, designer, kind)
    _check(await rig.cancelled(execution_id), designer, front)
    folder = rig.worker.settings.data_dir / "artifacts" / execution_id
    assert list(folder.glob("**/*")) == []


@pytest.mark.parametrize("kind", ["designer.close", "designer.wait_for_window"])
async def test_a_step_is_cancelled_while_the_x_server_hangs(
    rig: Rig, designer: Designer, front: OwnWindow, server: XServer, kind: str
) -> None:
    """Neither the step nor what ends it waits for the desktop."""
    execution_id = await hold(rig, designer, kind)
    with server.stopped():
        cancelled = await rig.cancelled(execution_id)
    _check(cancelled, designer, front)


async def test_a_step_is_cancelled_that_connects_to_an_x_server_that_hangs(
    rig: Rig, server: XServer, desktop: str
) -> None:
    with server.stopped():
        wait = step("a", "designer.wait_for_window", **HELD["designer.wait_for_window"])
        execution_id = await rig.start(playbook(wait))
        # It says that it waits, and then connects.
        async with asyncio.timeout(SOON_S):
            while not await rig.events(execution_id, "progress"):
                await asyncio.sleep(FIRST_S)
        _view, record = await rig.cancelled(execution_id)
    assert record.outcome is CancelOutcome.COOPERATIVE


def _check(cancelled: tuple[Any, CancellationRecord], designer: Designer, front: OwnWindow) -> None:
    view, record = cancelled
    assert step_statuses(view)["a"] == "cancelled"
    assert steps(view)["a"].error is None
    assert record.step_id == "a"
    assert record.leftovers == ()
    assert designer.is_gone
    assert front.seen() == []
    assert designer.screen.keys_down() == []
