"""What the step kinds of this family share: the desktop, waiting for a window, typing into it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.designer.backend import Wanted, Window
from ignition_toolkit.designer.manager import DesignerManager
from ignition_toolkit.errors import StepFailed, WindowLost
from ignition_toolkit.playbook.cancellation import cancellable_sleep
from ignition_toolkit.playbook.step_handler import StepHandler

#: Seconds before the end of a step's own time at which its waits end, to say why.
SAY_WHY_S = 1.0


class Strict(BaseModel):
    """Base of parameters: unknown ones are refused."""

    model_config = ConfigDict(extra="forbid")


class DesignerStep(StepHandler):
    """Base of the family."""

    async def manager(self) -> DesignerManager:
        """Return the execution's manager."""
        return await self.context.use(DesignerManager)

    async def launched(self) -> DesignerManager:
        """Return the manager of an execution that has started a Designer. Raises StepFailed."""
        manager = await self.manager()
        if manager.launches:
            return manager
        raise StepFailed(
            f"{self.type}: this execution has started no Designer, and one that a person has open"
            " is left alone; put a designer.launch step before it. After a step that had to be"
            " killed, the Designer is gone too"
        )

    def bounded(self, timeout_s: float) -> float:
        """Return the seconds to wait: what is asked for, or what is left of the step's time."""
        return max(0.0, min(timeout_s, self.context.remaining() - SAY_WHY_S))

    async def window(self, manager: DesignerManager, wanted: Wanted, s: float, what: str) -> Window:
        """Wait for a window of this execution's Designer; raises WindowLost, naming the others.

        Args:
            s: seconds to wait at most.
            what: the window, in words for an error.
        """
        self.context.progress(0, None, f"waiting for {what}")
        seconds = self.bounded(s)
        found = await manager.desktop.wait_for_window(manager.own(wanted), seconds)
        if found is not None:
            return found
        raise WindowLost(
            f"{what} has not come within {seconds:.0f} s; {await self.seen(manager)}; titles differ"
            " by version, the step's parameters say which to expect"
        )

    async def seen(self, manager: DesignerManager) -> str:
        """Return which windows the execution's Designer has, in words."""
        if windows := await manager.windows(manager.owns):
            return f"the Designer has {', '.join(repr(window.title) for window in windows)}"
        if manager.processes():
            return "the Designer has no window"
        codes = [str(launch.exit_code) for launch in manager.launches]
        return f"the Designer has ended (exit status of its launcher: {', '.join(codes)})"

    async def fill(self, manager: DesignerManager, window: Window, text: str | Secret) -> None:
        """Replace what the focused field of a window holds; a Secret is shown nowhere.

        Raises WindowLost, KeyUnknown. Cancellation: at once, no key is down.
        """
        shown = not isinstance(text, Secret)
        plain = text.reveal() if isinstance(text, Secret) else text

        def on_typed(count: int) -> None:
            # The pace of a password's keys is nobody's business either.
            if shown:
                self.context.progress(count, len(plain), "typing")

        await manager.desktop.press(window, "ctrl+a")
        await manager.desktop.type_text(window, plain, on_typed)

    async def until_gone(self, manager: DesignerManager, window: Window, s: float) -> bool:
        """Wait until a window has closed; say whether it has."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.bounded(s)
        while await manager.desktop.wait_for_window(lambda other: other.id == window.id, 0):
            if loop.time() >= deadline:
                return False
            await cancellable_sleep(min(0.1, max(0.0, deadline - loop.time())))
        return True

    def artifact(self, name: str) -> Path:
        """Return where a picture goes in the execution's folder. Raises StepFailed."""
        path = Path(name if name.endswith(".png") else f"{name}.png")
        if path.is_absolute() or ".." in path.parts:
            raise StepFailed(f"name: expected a name inside the execution's folder, found {name!r}")
        target = self.context.artifacts / path
        target.parent.mkdir(parents=True, exist_ok=True)
        return target
