"""Engines in this process whose browser steps share one browser: each start costs seconds."""

import asyncio
from pathlib import Path
from typing import Any, TypeVar

from ignition_toolkit.browser.manager import BrowserManager
from ignition_toolkit.playbook.cancellation import CancelReason
from ignition_toolkit.playbook.engine import EngineResult, PlaybookEngine
from ignition_toolkit.playbook.models import (
    CancelSource,
    Parameter,
    ParameterType,
    Playbook,
    Program,
    Step,
    StepStatus,
)
from ignition_toolkit.runner.kinds import handlers_of
from tests.integration.browser.site import SOON_S
from tests.integration.runner.driver import step
from tests.polling import poll_until_async
from tests.unit.playbook.engine_host_fake import FakeHost, is_step

KINDS = {
    **handlers_of("ignition_toolkit.steps.browser"),
    **handlers_of("ignition_toolkit.steps.perspective"),
}

R = TypeVar("R")


class BrowserHost(FakeHost):
    """Has every step use the one browser."""

    def __init__(self, manager: BrowserManager, artifacts: Path, **fields: Any) -> None:
        super().__init__(*KINDS.values(), **fields)
        self._manager = manager
        self._artifacts = artifacts

    @property
    def artifacts(self) -> Path:
        return self._artifacts

    async def use(self, resource: type[R]) -> R:
        assert isinstance(self._manager, resource)
        return self._manager


class Bench:
    """One browser, and what runs playbooks with it, on the pages of a host at `url`."""

    def __init__(
        self, manager: BrowserManager, url: str, artifacts: Path, *, is_gateway: bool = False
    ) -> None:
        self.manager = manager
        self.url = url
        self._is_gateway = is_gateway
        self.artifacts = artifacts
        self.host = BrowserHost(manager, artifacts)
        self.engine: PlaybookEngine | None = None

    def open(self, path: str) -> Step:
        """Return a step that opens a page."""
        return step("open", "browser.navigate", {"url": self.url + path})

    async def run(self, *steps: Step, credentials: dict[str, Any] | None = None) -> EngineResult:
        """Run steps to the end."""
        self.host = BrowserHost(self.manager, self.artifacts, credentials=credentials)
        given = {"gateway_url": self.url} if self._is_gateway else {}
        parameters = tuple(Parameter(name=it, type=ParameterType.STRING) for it in given)
        main = Playbook(name="main", path="main.yaml", steps=steps, parameters=parameters)
        self.engine = PlaybookEngine(Program(main=main), given, self.host)
        return await self.engine.run()

    def output(self, step_id: str) -> dict[str, Any]:
        """Return the outputs of a step that has completed."""
        last = self.host.last(step_id)
        assert last.status is StepStatus.COMPLETED, last.error
        return last.output or {}

    def error(self, step_id: str) -> str:
        """Return the error of a step that has failed."""
        last = self.host.last(step_id)
        assert last.status is StepStatus.FAILED
        return last.error or ""

    async def await_waiting(self, step_id: str) -> None:
        """Return once a step runs and its call is under way in the browser."""
        await poll_until_async(
            lambda: (
                any(is_step(step_id, StepStatus.RUNNING)(event) for event in self.host.events)
                and self.is_calling()
            ),
            SOON_S,
        )

    def is_calling(self) -> bool:
        """Return whether a call to the browser is under way."""
        page = self.manager._page
        return page is not None and bool(page._impl_obj._connection._callbacks)

    async def cancel(self, running: "asyncio.Task[EngineResult]") -> EngineResult:
        """Cancel the run and return when it is over."""
        assert self.engine is not None
        self.engine.cancel(CancelReason(CancelSource.API, "me"))
        return await running
