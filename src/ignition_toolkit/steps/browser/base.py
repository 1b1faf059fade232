"""What the step kinds that work on a page share.

A kind of any family derives from `BrowserStep` and writes `act`, which is given the execution's
page; `opens_page = True` for one that navigates by itself. Playwright's calls get their timeout
from `self.timeout_ms(params["timeout"])`.
"""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

from ignition_toolkit.browser.manager import BrowserManager
from ignition_toolkit.credentials import Secret
from ignition_toolkit.errors import StepFailed
from ignition_toolkit.playbook.step_handler import StepContext, StepHandler

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page


class Strict(BaseModel):
    """Base of parameters: unknown ones are refused."""

    model_config = ConfigDict(extra="forbid")


class BrowserStep(StepHandler):
    """Base of the kinds that work on the execution's page.

    A stop in the middle closes the page's context, or kills the browser, before it is told as
    done: nothing acts on the page afterwards.
    """

    #: Whether the kind opens a page itself; the others fail when none is open.
    opens_page: ClassVar[bool] = False

    def __init__(self, context: StepContext) -> None:
        super().__init__(context)
        self._manager: BrowserManager | None = None

    @abstractmethod
    async def act(self, page: Page, params: dict[str, Any]) -> dict[str, Any]:
        """Do the step on the page; as `StepHandler.execute`. Playwright's errors may pass."""

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Do the step. Cancellation: nothing acts on the page after it."""
        self._manager = await self.context.use(BrowserManager)
        async with self._manager.turn(self.context, opens=self.opens_page) as page:
            return await self.act(page, params)

    @property
    def manager(self) -> BrowserManager:
        """The execution's browser; only while the step runs."""
        assert self._manager is not None
        return self._manager

    def timeout_ms(self, wanted_ms: float) -> float:
        """Return the smaller of a parameter in milliseconds and what is left of the step's."""
        return self.manager.timeout_ms(self.context, wanted_ms)

    async def revealed(self, field: Locator, value: Secret | str) -> str:
        """Return a value that is put into a field next.

        The field of a secret is in no picture and no trace from then on. Cancellation: at once.
        """
        if not isinstance(value, Secret):
            return value
        await self.manager.hide(field)
        return value.reveal()

    def artifact(self, name: str, suffix: str = "") -> Path:
        """Return where a file of this name goes in the execution's folder.

        Raises StepFailed for a name that leads out of it.
        """
        path = Path(name if not suffix or name.endswith(suffix) else name + suffix)
        if path.is_absolute() or ".." in path.parts or not path.name:
            raise StepFailed(
                f"expected a file's name inside the execution's folder, found {name!r}"
            )
        return self.context.artifacts / path
