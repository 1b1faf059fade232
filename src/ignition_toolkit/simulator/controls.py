"""What a test or a person does to the simulated gateway from behind, as plain calls."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from ignition_toolkit.simulator.access import Rights
from ignition_toolkit.simulator.faults import Fault, FaultKind
from ignition_toolkit.simulator.journal import Act
from ignition_toolkit.simulator.lifecycle import Phase
from ignition_toolkit.simulator.request_log import Entry
from ignition_toolkit.simulator.settings import Settings
from ignition_toolkit.simulator.state import Project
from ignition_toolkit.simulator.visitors import VisitorKind
from ignition_toolkit.simulator.world import World

T = TypeVar("T")

#: Seconds for the gateway's event loop to do what another thread asks for.
ANSWER_S = 10.0


class Controls:
    """Calls that may come from any thread: they happen in the event loop of the gateway.

    Args:
        world: what they change.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._loop: asyncio.AbstractEventLoop | None = None

    def requests(
        self,
        method: str | None = None,
        path: str | None = None,
        *,
        is_open: bool | None = None,
        after: int = 0,
    ) -> list[Entry]:
        """Return copies of the requests that fit, oldest first; see `RequestLog.find`."""
        log = self._world.requests
        return self._do(
            lambda: [replace(e) for e in log.find(method, path, is_open=is_open, after=after)]
        )

    def forget_requests(self) -> None:
        """Empty the request log."""
        self._do(self._world.requests.clear)

    def acts(
        self, act: str | None = None, target: str | None = None, *, after: int = 0
    ) -> list[Act]:
        """Return what pages have told of a person's acts, oldest first; see `Journal.find`."""
        return self._do(lambda: self._world.journal.find(act, target, after=after))

    def forget_acts(self) -> None:
        """Empty the journal of acts."""
        self._do(self._world.journal.clear)

    # Any: the fields of a fault.
    def add_fault(self, kind: FaultKind | str, **fields: Any) -> int:
        """Have a fault wait for its requests.

        Args:
            kind: what happens.
            fields: of `Fault`: method, path, count and those of the kind.

        Returns:
            Its number, for `remove_fault`.

        Raises:
            ValueError: a field is unknown or has a wrong value.
        """
        fault = Fault(kind=FaultKind(kind), **fields)
        return self._do(lambda: self._world.faults.add(fault))

    def remove_fault(self, number: int) -> bool:
        """Take a fault away. Returns whether it was there."""
        return self._do(lambda: self._world.faults.remove(number))

    def clear_faults(self) -> None:
        """Take all faults away."""
        self._do(self._world.faults.clear)

    @property
    def settings(self) -> Settings:
        """A copy of the settings; `configure` changes them."""
        return self._do(self._world.settings.model_copy)

    # Any: the fields of the settings.
    def configure(self, **settings: Any) -> None:
        """Change settings. Raises ValueError for a name or a value that does not fit; then none."""
        self._do(lambda: self._configure(settings))

    # Any: as above.
    def _configure(self, settings: dict[str, Any]) -> None:
        current = self._world.settings
        # All are looked at before the first is changed.
        checked = Settings.model_validate({**current.model_dump(), **settings})
        for name in settings:
            setattr(current, name, getattr(checked, name))
        self._world.clock.ring()

    @property
    def now(self) -> float:
        """The gateway's own time, in seconds since 1970."""
        return self._world.clock.now

    def pass_time(self, seconds: float) -> None:
        """Let so many seconds of the gateway's time pass at once. Raises ValueError below 0."""
        self._do(lambda: self._world.clock.jump(seconds))

    def set_clock_factor(self, factor: float) -> None:
        """Let the gateway's time pass so many times as fast. Raises ValueError below 0."""
        self._do(lambda: self._world.clock.set_factor(factor))

    @property
    def phase(self) -> Phase:
        """What the gateway is doing."""
        return self._do(lambda: self._world.lifecycle.phase)

    def restart(self) -> None:
        """Begin a restart, as the settings have it."""
        self._do(self._world.lifecycle.restart)

    def stop(self) -> None:
        """Refuse connections and break those that are open, until `start` or `restart`."""
        self._do(self._world.lifecycle.stop)

    def start(self) -> None:
        """Start at once what was stopped."""
        self._do(self._world.lifecycle.start)

    def commission(self) -> None:
        """Have the commissioner take the port."""
        self._do(self._world.lifecycle.commission)

    def expire_trial(self) -> None:
        """Let the trial end now."""
        self._do(self._then_changed(self._world.trial.expire))

    def open_visitor(
        self, kind: VisitorKind | str, user: str, project: str, address: str = "127.0.0.1"
    ) -> str:
        """Have a designer, a Perspective session or a Vision client come.

        Args:
            kind: designer, perspective or vision.
            user: who it is.
            project: what it has open.
            address: where from.

        Returns:
            Its id.
        """
        visitors = self._world.visitors
        return self._do(lambda: visitors.open(VisitorKind(kind), user, project, address))

    def lose_visitor(self, visitor_id: str) -> None:
        """Have one fall silent, so that it counts as dead a minute later. Raises KeyError."""
        self._do(lambda: self._world.visitors.lose(visitor_id))

    def close_visitor(self, visitor_id: str) -> bool:
        """Have one leave. Returns whether it was there."""
        return self._do(lambda: self._world.visitors.close(visitor_id))

    def lay_project(self, name: str, title: str = "", files: dict[str, str] | None = None) -> None:
        """Lay a project into the gateway's folder, where the next scan of projects finds it.

        Args:
            name: one that is there is replaced.
            title: of the project.
            files: texts of its resources by their paths.
        """
        contents = {path: text.encode() for path, text in (files or {}).items()}
        project = Project(name=name, title=title, files=contents)
        self._do(lambda: self._world.laid.append(project))

    def log(self, logger: str, level: str, message: str) -> None:
        """Write a line into the gateway's log. Raises ValueError for an unknown level."""
        self._do(self._then_changed(lambda: self._world.logs.add(logger, level, message)))

    def set_module_fault(self, module_id: str, cause: str | None) -> None:
        """Let a module fail, or with None be well again. Raises KeyError for an unknown one."""
        self._do(self._then_changed(lambda: self._set_module_fault(module_id, cause)))

    def _set_module_fault(self, module_id: str, cause: str | None) -> None:
        module = self._world.modules.find(module_id)
        if module is None:
            raise KeyError(f"there is no module {module_id!r}")
        module.fault = cause

    def add_key(self, name: str, key: str, rights: Rights = "write") -> None:
        """Know an API key."""
        self._do(lambda: self._world.keys.add(name, key, rights))

    def remove_key(self, name: str) -> bool:
        """Forget an API key. Returns whether it was known."""
        return self._do(lambda: self._world.keys.remove(name))

    def _then_changed(self, action: Callable[[], None]) -> Callable[[], None]:
        """Return the function with the note that the state is another one now."""

        def act() -> None:
            action()
            self._world.changed()

        return act

    def _do(self, action: Callable[[], T]) -> T:
        """Call a function in the gateway's event loop, or right here when it has none."""
        loop = self._loop
        if loop is None or _running_loop() is loop:
            return action()
        answer: concurrent.futures.Future[T] = concurrent.futures.Future()
        loop.call_soon_threadsafe(_fulfil, answer, action)
        return answer.result(ANSWER_S)


def _fulfil(answer: concurrent.futures.Future[T], action: Callable[[], T]) -> None:
    try:
        answer.set_result(action())
    except Exception as error:  # noqa: BLE001 - the border to the caller's thread, which gets it
        answer.set_exception(error)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
