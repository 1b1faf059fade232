"""A simulated line controller, and a step context that writes down what a step says."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest

from ignition_toolkit.playbook.events import LogLevel
from ignition_toolkit.playbook.gateways import GatewayEntry

R = TypeVar("R")
OutputStream = Literal["stdout", "stderr"]


@dataclass
class Controller:
    """Answers as the controller's manual says; a test changes `state` and `silent`."""

    port: int = 0
    state: str = "IDLE"
    silent: bool = False
    questions: list[str] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one question, or hold the connection until the other side hangs up."""
        question = (await reader.readline()).decode().strip()
        self.questions.append(question)
        self.asked.set()
        if self.silent:
            await reader.read()
            self.hung_up.set()
        else:
            writer.write(f"{self.answer(question)}\n".encode())
        writer.close()

    def answer(self, question: str) -> str:
        """Return the answer to one question."""
        match question.split():
            case ["STATUS", line]:
                return f"{line} {self.state} 1200"
            case ["RECIPE", line, _] if self.state == "RUNNING":
                return f"{line} REFUSED the line is running"
            case ["RECIPE", line, recipe]:
                return f"{line} ACCEPTED {recipe}"
        return "WHAT"


@pytest.fixture
async def controller() -> AsyncIterator[Controller]:
    """Give a controller that listens on a free port of 127.0.0.1."""
    simulated = Controller()
    server = await asyncio.start_server(simulated.serve, "127.0.0.1", 0)
    simulated.port = server.sockets[0].getsockname()[1]
    async with server:
        yield simulated


@dataclass
class Noted:
    """A StepContext without an engine."""

    execution_id: str = "e"
    step_id: str = "s"
    attempt: int = 1
    artifacts: Path = Path()
    lines: list[str] = field(default_factory=list)
    progressed: list[tuple[float, str]] = field(default_factory=list)
    seconds_left: float = 60.0

    def remaining(self) -> float:
        return self.seconds_left

    def log(
        self, message: str, level: LogLevel = "info", stream: OutputStream | None = None
    ) -> None:
        self.lines.append(f"{level}: {message}")

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        self.progressed.append((done, message))

    # Any: the types that StepContext has.
    def get_variable(self, name: str, default: Any = None) -> Any:
        return default

    def variables(self) -> dict[str, Any]:
        return {}

    def set_variable(self, name: str, value: Any) -> None:
        raise NotImplementedError

    def remember(self, key: str, value: Any) -> None:
        raise NotImplementedError

    def remembered(self, key: str) -> Any:
        raise NotImplementedError

    def credential(self, name: str) -> Mapping[str, Any]:
        raise NotImplementedError

    def gateway(self) -> GatewayEntry | None:
        raise NotImplementedError

    def in_flight(self, request: str) -> AbstractContextManager[None]:
        raise NotImplementedError

    def killed(self, process: object, stuck_at: str | None = None) -> None:
        raise NotImplementedError

    async def use(self, resource: type[R]) -> R:
        raise NotImplementedError

    async def run_playbook(self, path: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        raise NotImplementedError


@pytest.fixture
def context() -> Noted:
    """Give a context that writes down what a step says."""
    return Noted()
