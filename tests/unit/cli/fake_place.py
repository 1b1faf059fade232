"""A place where an execution runs as its test says."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from ignition_toolkit.cli.events import Event
from ignition_toolkit.errors import ToolkitError
from ignition_toolkit.execution.requests import StartRequest
from ignition_toolkit.execution.views import ExecutionView
from tests.unit.cli.samples import execution


@dataclass
class FakePlace:
    """Gives the execution that is set, and the events that are put."""

    can_kill: bool = True
    look_s: float = 0.02
    view: ExecutionView = field(default_factory=execution)
    #: Raised by the next looks and cancels, in this order, before anything else happens.
    look_errors: list[ToolkitError] = field(default_factory=list)
    cancel_errors: list[ToolkitError] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    news: asyncio.Queue[list[Event]] = field(default_factory=asyncio.Queue)

    async def start(self, _request: StartRequest) -> ExecutionView:
        """Return the execution."""
        return self.view

    async def execution(self, _execution_id: str) -> ExecutionView:
        """Return the execution as it was set last."""
        if self.look_errors:
            raise self.look_errors.pop(0)
        return self.view

    async def events(self, _execution_id: str) -> AsyncGenerator[list[Event], None]:
        """Yield what was put, for ever."""
        while True:
            yield await self.news.get()

    async def cancel(self, _execution_id: str) -> None:
        """Note it."""
        if self.cancel_errors:
            raise self.cancel_errors.pop(0)
        self.done.append("cancel")

    def kill_now(self, _execution_id: str) -> bool:
        """Note it."""
        self.done.append("kill")
        return self.can_kill
