"""The runner's side of an engine: events out, handlers and resources in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any, TypeVar, cast

from ignition_toolkit.browser.live_view import LiveView
from ignition_toolkit.credentials.secret import Secret, secrets_in
from ignition_toolkit.errors import NotFound
from ignition_toolkit.playbook.engine_host import EngineHost
from ignition_toolkit.playbook.events import (
    Event,
    Logged,
    LogLevel,
    Remembered,
    RequestAnnounced,
    ScopeOpened,
    Settled,
    StepChanged,
    VariableSet,
)
from ignition_toolkit.playbook.gateways import Gateways
from ignition_toolkit.playbook.json_values import from_wire, to_wire
from ignition_toolkit.playbook.models import HandedOver
from ignition_toolkit.playbook.step_handler import StepHandler
from ignition_toolkit.protocol import FrameTaken, Start
from ignition_toolkit.runner.channel import EventWriter
from ignition_toolkit.runner.cleanness import Cleanness
from ignition_toolkit.runner.kinds import Kinds
from ignition_toolkit.runner.resources import Resources
from ignition_toolkit.runner.watchdog import Watchdog

logger = logging.getLogger(__name__)

R = TypeVar("R")

#: Seconds that threads, tasks and children of a stopped step have to be gone after it.
SETTLE_S = 0.05
LOOK_AGAIN_S = 0.002
#: Lines at most that say what is left of a stopped step.
MAX_DIRT = 20


class RunnerHost(EngineHost):
    """What the engine of one execution gets from its process."""

    def __init__(
        self, start: Start, writer: EventWriter, cleanness: Cleanness, watchdog: Watchdog
    ) -> None:
        self._start = start
        self._writer = writer
        self._cleanness = cleanness
        self._watchdog = watchdog
        self._kinds = Kinds(start.modules)
        self._credentials = cast("dict[str, dict[str, Any]]", from_wire(start.credentials))
        self._remembered = cast("dict[str, Any]", from_wire(start.resume.remembered))
        #: What people see of the execution's page.
        self.live_view = LiveView(self._send_picture)
        self.live_view.watch(start.watched)
        # By its name: a warm runner imports nothing of browsers.
        self._resources = Resources(
            {"ignition_toolkit.browser.manager.BrowserManager": self._make_browser_manager}
        )
        self._proceed = asyncio.Event()
        #: Who makes the host runs the engine.
        self._main = _current_task()
        self._running: list[str] = []
        self._cancelled = False

    # Any: of a type that is imported late.
    async def _make_browser_manager(self) -> Any:
        from ignition_toolkit.browser.manager import BrowserManager
        from ignition_toolkit.browser.trace import TraceWish

        wish = TraceWish(
            when=self._start.program.main.trace,
            secrets=self._secrets,
            is_cancelled=lambda: self._cancelled,
            folder=lambda: self.artifacts,
        )
        return BrowserManager(self.live_view, wish)

    def _secrets(self) -> list[Secret]:
        """Return the secrets that this process was given, or that steps have remembered."""
        given = from_wire(self._start.parameters)
        return [*secrets_in([given, self._credentials, self._remembered])]

    def _send_picture(self, picture: str) -> None:
        self._writer.send(FrameTaken(data=picture))

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

    def emit(self, event: Event) -> None:
        """Send an event to the supervisor.

        Never blocks, but for two that are told before what they announce, however long that
        takes: nothing acts that a record may not tell of. The beginning of an attempt: its handler
        may end this process at once, and the supervisor must know then which step it was. A
        request: this process may be ended while it is under way. Who reads, reads in a moment; who
        is gone lets go of the pipe; and who ends this process needs nothing of it.
        """
        if isinstance(event, StepChanged) and event.output is not None:
            event = event.model_copy(update={"output": to_wire(event.output)})
        elif isinstance(event, VariableSet | Remembered):
            event = event.model_copy(update={"value": to_wire(event.value)})
        elif isinstance(event, ScopeOpened):
            event = event.model_copy(update={"parameters": to_wire(event.parameters)})
        if isinstance(event, StepChanged):
            self._follow(event)
        if _goes_before(event):
            self._writer.tell(event)
        else:
            self._writer.send(event)

    def _follow(self, event: StepChanged) -> None:
        if event.status.final and event.step_id in self._running:
            self._running.remove(event.step_id)
        elif not event.status.final and event.step_id not in self._running:
            self._running.append(event.step_id)
        self._watchdog.follow(self.current_step)
        if event.status.final:
            self._watchdog.end(event.step_id)

    @property
    def current_step(self) -> str | None:
        """Id of the innermost running step."""
        return self._running[-1] if self._running else None

    # Any: what a task returns plays no part.
    async def settled(self, settled: Settled, running_on: Set[asyncio.Task[Any]]) -> None:
        """Say that a timeout or a skip was acted on; return when told to proceed.

        An unclean process is not told so: it is ended. Returns at once when the run is cancelled.
        """
        self._proceed.clear()
        if settled.ended:
            dirt = await self._dirt_that_stays(running_on)
            settled = settled.model_copy(update={"unclean": tuple(dirt[:MAX_DIRT])})
        self._writer.send(settled)
        if not self._cancelled:
            await self._proceed.wait()

    async def _dirt_that_stays(self, running_on: Set[asyncio.Task[Any]]) -> list[str]:
        """Look until the process is clean, for a moment: threads and children end in a while."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + SETTLE_S
        own = {*running_on, self._main, _current_task()}
        while (dirt := self._dirt(own)) and not self._cancelled:
            if loop.time() >= deadline:
                break
            await asyncio.sleep(LOOK_AGAIN_S)
        return dirt

    # Any: what a task returns plays no part.
    def _dirt(self, own: Set[asyncio.Task[Any]]) -> list[str]:
        # Asked anew each time: a browser that has been killed needs none of them any more.
        self._cleanness.long_lived = self._resources.long_lived_processes()
        return self._cleanness.dirt(own | self._resources.long_lived_tasks())

    def proceed(self) -> None:
        """Let `settled` return."""
        self._proceed.set()

    def stop_waiting(self) -> None:
        """Let `settled` return, now and later: the run is cancelled."""
        self._cancelled = True
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

    @property
    def gateways(self) -> Gateways:
        """The gateways that the supervisor sent."""
        return self._start.gateways

    @property
    def remembered(self) -> dict[str, Any]:  # Any: values of the handlers' choosing
        """What was remembered, here and in the runners before this one."""
        return self._remembered

    async def use(self, resource: type[R]) -> R:
        """Return the execution's one object of this type, made on first use."""
        return await self._resources.use(resource)

    def handed_over(self) -> tuple[HandedOver, ...]:
        """Return the processes that are left to a person, as the execution has completed."""
        return self._resources.handed_over()

    async def close(self, seconds: float) -> None:
        """Close the execution's objects, within this many seconds."""
        await self._resources.close(seconds)


def _goes_before(event: Event) -> bool:
    if isinstance(event, StepChanged):
        return event.deadline is not None
    return isinstance(event, RequestAnnounced)


# Any: what a task returns plays no part.
def _current_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task


class LogForwarder(logging.Handler):
    """Sends the records of Python's logging to the execution's log."""

    def __init__(self, host: RunnerHost) -> None:
        super().__init__(logging.INFO)
        self._host = host

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record. Never raises and never blocks."""
        try:
            text = self.format(record)
        except Exception:  # noqa: BLE001 - border: a record with arguments that do not fit its text
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
