"""Windows of the desktop: waiting for one, pressing a key in one, a picture of one."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ignition_toolkit.designer.backend import Window, titled
from ignition_toolkit.designer.manager import DesignerManager
from ignition_toolkit.errors import WindowLost
from ignition_toolkit.playbook.step_handler import Effect
from ignition_toolkit.steps.designer.base import DesignerStep, Strict


class WaitForWindow(DesignerStep):
    """Waits for a window."""

    type = "designer.wait_for_window"
    summary = "Wait until a window with a title is there"
    effect = Effect.READS

    class Params(Strict):
        """Parameters of designer.wait_for_window."""

        title: str = Field(min_length=1, description="text in its title; case does not matter")
        timeout: float = Field(30, ge=0, description="for how long to wait, in seconds")

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Wait for it, whosever it is; outputs `window`, its title, and `pid`.

        Raises DesktopUnavailable; WindowLost after the timeout, which names the windows that are
        there. Cancellation: at once, nothing is left.
        """
        manager = await self.manager()
        seconds = self.bounded(params["timeout"])
        wanted = titled(params["title"])
        self.context.progress(0, None, f"waiting for a window titled {params['title']!r}")
        await manager.open()
        found = await manager.desktop.wait_for_window(wanted, seconds)
        if found is None:
            there = await manager.windows(lambda _window: True)
            titles = ", ".join(repr(window.title) for window in there) or "none"
            raise WindowLost(
                f"a window with {params['title']!r} in its title has not come within"
                f" {seconds:.0f} s; there are: {titles}"
            )
        return {"window": found.title, "pid": found.pid}


class Press(DesignerStep):
    """Presses a key."""

    type = "designer.press"
    summary = "Press a key or a combination, such as ctrl+s, in a window of the Designer"
    effect = Effect.WRITES
    leaves = "what the key had the Designer do; the Designer itself is ended"

    class Params(Strict):
        """Parameters of designer.press."""

        key: str = Field(min_length=1, description="such as Return, Tab, F5, ctrl+s")
        window: str = Field(min_length=1, description="text in the window's title")
        timeout: float = Field(30, ge=0, description="for how long to wait for it, in seconds")

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Bring the window to the front and press the key once; outputs `window`, its title.

        Raises StepFailed without a Designer of this execution; WindowLost when the window does not
        come, or another has the keyboard; KeyUnknown. Cancellation: at once; no key is down.
        """
        manager = await self.launched()
        text = params["window"]
        what = f"a window titled {text!r}"
        window = await self.window(manager, titled(text), params["timeout"], what)
        await manager.desktop.activate(window)
        await manager.desktop.press(window, params["key"])
        return {"window": window.title}


class Screenshot(DesignerStep):
    """Takes a picture."""

    type = "designer.screenshot"
    summary = "Keep a picture of the Designer's window with the execution"
    effect = Effect.READS

    class Params(Strict):
        """Parameters of designer.screenshot."""

        name: str = Field(min_length=1, description="the file's name in the execution's folder")
        window: str = Field("", description="text in the title of the Designer's window")

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Bring the window to the front and take its picture; outputs `file` and `window`.

        Of several windows the newest is taken. What covers it is in the picture. Where this
        execution has started no Designer, the picture shows the whole screen.

        Raises WindowLost when the Designer has no such window. Cancellation: at once, no file.
        """
        manager = await self.manager()
        await manager.open()
        window = await self._window(manager, params["window"])
        file = self.artifact(params["name"])
        if window is not None:
            await manager.desktop.activate(window)
        await manager.desktop.screenshot(window, file)
        return {"file": str(file), "window": window.title if window else None}

    async def _window(self, manager: DesignerManager, text: str) -> Window | None:
        if not manager.launches:
            return None
        found = await manager.windows(manager.own(titled(text)))
        if not found:
            words = f"window with {text!r} in its title" if text else "window"
            raise WindowLost(
                f"there is no {words} to take a picture of; {await self.seen(manager)}"
            )
        return found[-1]
