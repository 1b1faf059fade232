"""The runner's side of an engine: events out, handlers and resources in."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from ignition_toolkit.errors import NotFound
from ignition_toolkit.playbook.engine_host import EngineHost
from ignition_toolkit.playbook.events import (
    Event,
    Logged,
    LogLevel,
    ScopeOpened,
    Settled,
    StepChanged,
    VariableSet,
)
from ignition_toolkit.playbook.json_values import from_wire, to_wire
from ignition_toolkit.playbook.step_handler import StepHandler
from ignition_toolkit.protocol import Start
from ignition_toolkit.runner.channel import EventWriter
from ignition_toolkit.runner.cleanness import Cleanness
from ignition_toolkit.runner.kinds import Kinds

logger = logging.getLogger(__name__)

R = TypeVar("R")

#: Seconds that each resource of the execution has to close itself at the end.
CLOSE_S = 0.15


class RunnerHost(EngineHost):
    """What the engine of one execution gets from its process."""

    def __init__(self, start: Start, writer: EventWriter, cleanness: Cleanness) -> None:
        self._start = start
        self._writer = writer
        self._cleanness = cleanness
        self._kinds = Kinds(start.modules)
        self._credentials = cast("dict[str, dict[str, Any]]", from_wire(start.credentials))
        self._resources: dict[type[Any], asyncio.Future[Any]] = {}
        self._proceed = asyncio.Event()
        self._own_tasks: set[asyncio.Task[Any]] = set()
        self._running: list[str] = []

    @property
    def execution_id(self) -> str:
        """Id of the execution."""
        return self._start.execution_id

    @property
    def artifacts(self) -> Path:
        """The execution's folder for files that stay; made on first use."""
        folder = Path(self._start.artifacts)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def own(self, task: asyncio.Task[Any]) -> None:
        """Count a task as the runner's own."""
        self._own_tasks.add(task)

    def emit(self, event: Event) -> None:
        """Send an event to the supervisor. Never blocks."""
        if isinstance(event, StepChanged) and event.output is not None:
            event = event.model_copy(update={"output": to_wire(event.output)})
        elif isinstance(event, VariableSet):
            event = event.model_copy(update={"value": to_wire(event.value)})
        elif isinstance(event, ScopeOpened):
            event = event.model_copy(update={"parameters": to_wire(event.parameters)})
        if isinstance(event, StepChanged):
            self._follow(event)
        self._writer.send(event)

    def _follow(self, event: StepChanged) -> None:
        if event.status.final and event.step_id in self._running:
            self._running.remove(event.step_id)
        elif not event.status.final and event.step_id not in self._running:
            self._running.append(event.step_id)

    @property
    def current_step(self) -> str | None:
        """Id of the innermost running step."""
        return self._running[-1] if self._running else None

    async def settled(self, settled: Settled) -> None:
        """Say that a timeout or a skip was acted on; return when told to proceed.

        An unclean process is not told so: it is ended.
        """
        self._proceed.clear()
        if settled.ended:
            # Tasks that were cancelled along with the step's need a turn each to end.
            for _ in range(5):
                await asyncio.sleep(0)
            dirt = self._cleanness.dirt(self._tasks_to_keep())
            settled = settled.model_copy(update={"unclean": tuple(dirt[:20])})
        self._writer.send(settled)
        await self._proceed.wait()

    def _tasks_to_keep(self) -> set[asyncio.Task[Any]]:
        outer = {task for task in asyncio.all_tasks() if task.get_name() in self._running}
        current = asyncio.current_task()
        return self._own_tasks | outer | ({current} if current else set())

    def proceed(self) -> None:
        """Let `settled` return."""
        self._proceed.set()

    def handler_class(self, kind: str) -> type[StepHandler]:
        """Return the handler of a kind, importing its module on first use."""
        return self._kinds.handler(kind)

    def credential(self, name: str) -> Mapping[str, Any]:
        """Return a credential that the supervisor sent. Raises NotFound."""
        try:
            return self._credentials[name]
        except KeyError:
            raise NotFound(f"no credential named {name!r} was sent to this execution") from None

    async def use(self, resource: type[R]) -> R:
        """Return the execution's one object of this type, made on first use."""
        if resource not in self._resources:
            future = asyncio.get_running_loop().create_future()
            future.set_result(resource())
            self._resources[resource] = future
        return cast("R", await self._resources[resource])

    async def close(self) -> None:
        """Close the resources, newest first, each within `CLOSE_S`."""
        for resource, future in reversed(self._resources.items()):
            close = getattr(future.result(), "aclose", getattr(future.result(), "close", None))
            if close is None:
                continue
            try:
                value = close()
                if inspect.isawaitable(value):
                    await asyncio.wait_for(value, CLOSE_S)
            except Exception:  # border: a resource's own clean-up; the sweep ends what is left
                logger.exception("closing %s failed", resource.__name__)


class LogForwarder(logging.Handler):
    """Sends the records of Python's logging to the execution's log."""

    def __init__(self, host: RunnerHost) -> None:
        super().__init__(logging.INFO)
        self._host = host

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record. Never raises and never blocks."""
        try:
            text = self.format(record)
        except Exception:  # border: a record with arguments that do not fit its text
            text = f"a log record of {record.name} could not be formatted"
        self._host.emit(
            Logged(step_id=self._host.current_step, level=_level(record.levelno), message=text)
        )


def _level(number: int) -> LogLevel:
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warning"
    return "info" if number >= logging.INFO else "debug"
