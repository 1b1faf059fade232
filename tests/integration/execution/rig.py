"""A worker in the test's own process, real runners and a real janitor; what tests ask of them."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from ignition_toolkit.execution.janitor_answers import Answer
from ignition_toolkit.execution.requests import StartRequest
from ignition_toolkit.execution.views import CancelAnswer, ExecutionView, Health, StepView
from ignition_toolkit.execution.worker import Worker
from ignition_toolkit.playbook.models import CancellationRecord, CancelSource, ExecutionStatus
from ignition_toolkit.storage import EventRow
from tests.polling import pauses, poll_until_async

E = ExecutionStatus
#: Seconds for what takes a moment on an idle machine; generous, as it may be busy.
SOON_S = 60.0
#: Seconds from a cancel until its tree is verified to be gone. Nothing may act after 0.5 s, which
#: tests/e2e hold with signs of life; the verification takes longer on a busy machine.
VERIFIED_S = 5.0

# Any: YAML values.
Data = dict[str, Any]


def step(step_id: str, kind: str, **fields: Any) -> Data:
    """Return a step; fields that a step does not have by itself are its parameters."""
    own = {"timeout", "retry_count", "retry_delay", "on_failure"}
    parameters = {name: value for name, value in fields.items() if name not in own}
    rest = {name: value for name, value in fields.items() if name in own}
    return {"id": step_id, "name": step_id, "type": kind, "parameters": parameters, **rest}


def playbook(*steps: Data, **fields: Any) -> str:
    """Return the YAML text of a playbook."""
    return yaml.safe_dump({"name": "Test", "steps": list(steps), **fields}, sort_keys=False)


class Point:
    """A point at which a step is held: files with this path and an ending."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def pids(self) -> list[int]:
        """Pids of the processes that came here, in order."""
        try:
            text = Path(f"{self.path}.in").read_text("ascii")
        except FileNotFoundError:
            return []
        return [int(line) for line in text.split("\n")[:-1]]

    async def reached(self, times: int = 1) -> int:
        """Wait until a step has come here so many times; return the pid of the last."""
        await poll_until_async(lambda: len(self.pids) >= times, SOON_S)
        return self.pids[-1]

    def go(self) -> None:
        """Let the step go on."""
        Path(f"{self.path}.go").touch()


def is_alive(pid: int) -> bool:
    """Whether a process can still act."""
    return state_of(pid) not in ("", "Z", "X")


def state_of(pid: int) -> str:
    """Return the letter of a process's state, empty when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def children() -> Iterable[int]:
    """Yield the pids of this process's children, zombies included."""
    for listing in Path("/proc/self/task").glob("*/children"):
        yield from map(int, listing.read_text().split())


class Rig:
    """An open worker and the folder of the test."""

    def __init__(self, worker: Worker, folder: Path) -> None:
        self.worker = worker
        self.folder = folder

    def point(self, name: str = "point") -> Point:
        """Return a point to hold a step at."""
        return Point(self.folder / name)

    def library(self, path: str, text: str) -> None:
        """Put a playbook into the library."""
        file = self.worker.settings.data_dir / "playbooks" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    async def start(self, text: str, **parameters: Any) -> str:
        """Start a playbook by its text; return the execution's id."""
        request = StartRequest("test.yaml", text, parameters, requested_by="tester")
        return (await self.worker.start(request)).execution_id

    async def run(self, text: str, **parameters: Any) -> ExecutionView:
        """Start a playbook and wait for its end."""
        return await self.final(await self.start(text, **parameters))

    async def view(self, execution_id: str) -> ExecutionView:
        """Return an execution as a client sees it."""
        return await self.worker.execution(execution_id)

    async def check(self, text: str) -> None:
        """Have a playbook loaded and checked, so that its start asks no runner."""
        await self.worker._thread.do(self.worker._core.programs.load("test.yaml", text))

    async def until(
        self, execution_id: str, is_so: Callable[[ExecutionView], bool]
    ) -> ExecutionView:
        """Wait until something holds of an execution as a client sees it."""
        deadline = time.monotonic() + SOON_S
        for pause in pauses():
            if is_so(view := await self.view(execution_id)):
                return view
            assert time.monotonic() < deadline, view
            await asyncio.sleep(pause)
        raise AssertionError("pauses() has no end")

    async def health(self, is_so: Callable[[Health], bool]) -> Health:
        """Wait until something holds of the worker's health."""
        deadline = time.monotonic() + SOON_S
        for pause in pauses():
            if is_so(health := await self.worker.health()):
                return health
            assert time.monotonic() < deadline, health
            await asyncio.sleep(pause)
        raise AssertionError("pauses() has no end")

    async def reach(self, execution_id: str, *statuses: ExecutionStatus) -> ExecutionView:
        """Wait until an execution has one of these statuses."""
        return await self.until(execution_id, lambda view: view.status in statuses)

    async def final(self, execution_id: str) -> ExecutionView:
        """Wait for an execution's final status."""
        return await self.until(execution_id, lambda view: view.status.final)

    async def step_is(self, execution_id: str, step_id: str, status: str) -> StepView:
        """Wait until a step has a status."""

        def is_so(view: ExecutionView) -> bool:
            return step_id in steps(view) and steps(view)[step_id].status == status

        return steps(await self.until(execution_id, is_so))[step_id]

    async def cancel(
        self, execution_id: str, source: CancelSource = CancelSource.API
    ) -> CancelAnswer:
        """Cancel an execution."""
        return await self.worker.cancel(execution_id, source=source, requested_by="me")

    async def cancelled(self, execution_id: str) -> tuple[ExecutionView, CancellationRecord]:
        """Cancel an execution, wait for its end, which must be *cancelled* and soon."""
        await self.cancel(execution_id)
        view = await self.final(execution_id)
        assert view.status is E.CANCELLED, view
        record = view.cancellation
        assert record is not None
        assert record.tree_gone_ms is not None
        assert record.tree_gone_ms <= 1000 * VERIFIED_S, record
        return view, record

    async def events(self, execution_id: str, kind: str | None = None) -> list[EventRow]:
        """Return the events of an execution, in order."""
        found = await self.worker.events(after=0, execution_id=execution_id, limit=100_000)
        return [row for row in found if kind is None or row.kind == kind]

    async def statuses(self, execution_id: str) -> list[str]:
        """Return the statuses that an execution has had, repetitions left out."""
        found: list[str] = []
        for row in await self.events(execution_id, "execution"):
            if not found or found[-1] != row.data["status"]:
                found.append(row.data["status"])
        return found

    async def log(self, execution_id: str) -> list[str]:
        """Return the messages of an execution's log, once all of it is stored."""
        runs = self.worker._core.manager._runs
        await poll_until_async(lambda: execution_id not in runs, SOON_S)
        return [row.data["message"] for row in await self.events(execution_id, "log")]

    @property
    def janitor(self) -> int:
        """Pid of the janitor."""
        pid = self.worker._core._janitor.pid
        assert pid is not None
        return pid

    def stop_janitor(self) -> None:
        """Have the kernel stop the janitor, as a terminal or a debugger may."""
        os.kill(self.janitor, signal.SIGSTOP)

    @contextmanager
    def janitor_unheard(self) -> Iterator[None]:
        """Have the worker hear nothing of what the janitor answers meanwhile; it does hear later.

        For the supervision loop, whose thread hears it: the answers are kept, in order.
        """
        link = self.worker._core._janitor
        hear, kept = link._on_answer, list[Answer]()
        # Assigned and not patched: the instance's own name hides the method.
        link._on_answer = kept.append  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:

            def hear_all() -> None:
                del link._on_answer
                for said in kept:
                    hear(said)

            self.worker._thread.call_soon(hear_all)


def steps(view: ExecutionView) -> dict[str, StepView]:
    """Return an execution's steps by id."""
    return {found.step_id: found for found in view.step_results}


def step_statuses(view: ExecutionView) -> dict[str, str]:
    """Return the statuses of an execution's steps by id."""
    return {found.step_id: found.status.value for found in view.step_results}
