"""The StepContext of one attempt, and the scope of names that a playbook's steps share."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ignition_toolkit.errors import HandlerBroken
from ignition_toolkit.playbook.engine_host import EngineHost
from ignition_toolkit.playbook.events import (
    Logged,
    LogLevel,
    ProcessKilled,
    Progressed,
    Remembered,
    RequestAnnounced,
    RequestAnswered,
    StreamName,
    VariableSet,
)
from ignition_toolkit.playbook.gateways import GatewayEntry
from ignition_toolkit.playbook.json_values import TooLarge, clean_text, jsonable
from ignition_toolkit.playbook.models import Process

R = TypeVar("R")

#: Numbers of the requests that this process announces.
_requests = itertools.count(1)

NestedRun = Callable[[str, Mapping[str, Any]], Awaitable[dict[str, Any]]]


@dataclass
class Scope:
    """What the references of one playbook's steps can reach."""

    prefix: str
    # Any: parameter values, variables and outputs are JSON values of the playbook's choosing.
    parameters: dict[str, Any]
    variables: dict[str, Any]
    outputs: dict[str, dict[str, Any]]
    credentials: Callable[[str], Mapping[str, Any]]
    #: Parameters of the playbooks around this one, from the inside out.
    around: tuple[Mapping[str, Any], ...] = ()


@dataclass
class AttemptContext:
    """What one attempt of a step has at hand; `StepContext` documents it."""

    host: EngineHost
    scope: Scope
    step_id: str
    attempt: int
    #: Gives the seconds that are left of the attempt's timeout; infinite while it is paused.
    remaining: Callable[[], float]
    nested: NestedRun

    @property
    def execution_id(self) -> str:
        return self.host.execution_id

    @property
    def artifacts(self) -> Path:
        return self.host.artifacts

    def log(self, message: str, level: LogLevel = "info", stream: StreamName | None = None) -> None:
        event = Logged(step_id=self.step_id, level=level, message=message, stream=stream)
        self.host.emit(event)

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        if not math.isfinite(done):
            return
        if total is not None and not math.isfinite(total):
            total = None
        event = Progressed(step_id=self.step_id, done=done, total=total, message=message)
        self.host.emit(event)

    def get_variable(self, name: str, default: Any = None) -> Any:
        return self.scope.variables.get(name, default)

    def variables(self) -> dict[str, Any]:
        return dict(self.scope.variables)

    def set_variable(self, name: str, value: Any) -> None:
        name = clean_text(name)
        try:
            value = jsonable(value)
        except TooLarge as error:
            raise HandlerBroken(f"variable {name!r} is too large: {error}") from error
        self.scope.variables[name] = value
        self.host.emit(VariableSet(prefix=self.scope.prefix, name=name, value=value))

    def remember(self, key: str, value: Any) -> None:
        try:
            value = jsonable(value)
        except TooLarge as error:
            raise HandlerBroken(f"what is remembered as {key!r} is too large: {error}") from error
        self.host.remembered[key] = value
        self.host.emit(Remembered(key=key, value=value))

    def remembered(self, key: str) -> Any:
        return self.host.remembered.get(key)

    def credential(self, name: str) -> Mapping[str, Any]:
        return self.host.credential(name)

    def gateway(self) -> GatewayEntry | None:
        return self.host.gateways.of(self.scope.parameters, *self.scope.around)

    def killed(self, process: Process, stuck_at: str | None = None) -> None:
        event = ProcessKilled(step_id=self.step_id, process=process, stuck_at=stuck_at)
        self.host.emit(event)

    @contextlib.contextmanager
    def in_flight(self, request: str) -> Iterator[None]:
        number = next(_requests)
        self.host.emit(RequestAnnounced(step_id=self.step_id, number=number, request=request))
        try:
            yield
        except asyncio.CancelledError:
            # Nobody knows what became of it: it stays announced, for the record of the stop.
            raise
        except BaseException:
            self.host.emit(RequestAnswered(step_id=self.step_id, number=number))
            raise
        self.host.emit(RequestAnswered(step_id=self.step_id, number=number))

    async def use(self, resource: type[R]) -> R:
        return await self.host.use(resource)

    async def run_playbook(self, path: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return await self.nested(path, parameters)
