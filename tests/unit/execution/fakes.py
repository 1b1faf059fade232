"""Fakes of what stands around the parts of the supervision, and samples to feed them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.execution.artifact_marks import Mark
from ignition_toolkit.execution.artifact_redactor import ArtifactRedactor
from ignition_toolkit.execution.inventory import Inventory
from ignition_toolkit.execution.janitor_answers import Ended
from ignition_toolkit.execution.janitor_link import JanitorLink
from ignition_toolkit.execution.pool import RunnerPool
from ignition_toolkit.execution.record import ExecutionRecord
from ignition_toolkit.execution.runner_process import Deaf, RunnerListener, RunnerProcess
from ignition_toolkit.execution.supplies import Supplies
from ignition_toolkit.execution.views import ExecutionSummary
from ignition_toolkit.playbook.events import StepChanged
from ignition_toolkit.playbook.models import (
    ExecutionStatus,
    Frozen,
    HandedOver,
    Playbook,
    Process,
    Program,
    Step,
    StepStatus,
    utc_now,
)
from ignition_toolkit.protocol import Envelope, Start
from ignition_toolkit.storage import AddAudit, AddEvent, AddExecution, PutStep, SetExecution, Store
from ignition_toolkit.storage.changes import Change

TOKEN = "folder.worker.1"
RUNNER = Process(pid=4711, name="python3")
EXECUTION_ID = "0192aaaa-0000-7000-8000-000000000001"


@dataclass
class FakeStore:
    """Takes changes at once, and shows them."""

    changes: list[Change] = field(default_factory=list)

    def submit(self, changes: Sequence[Change]) -> Future[None]:
        """Note the changes; the future is done."""
        self.changes += changes
        done: Future[None] = Future()
        done.set_result(None)
        return done

    @property
    def as_store(self) -> Store:
        """Return it as what it stands for."""
        return cast("Store", self)

    # Any: the event's JSON.
    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return the data of the events of a kind, in order."""
        added = [change for change in self.changes if isinstance(change, AddEvent)]
        return [change.data for change in added if change.kind == kind]

    # Any: columns.
    def sets(self) -> list[dict[str, Any]]:
        """Return what was set of the execution's row, in order."""
        return [change.values for change in self.changes if isinstance(change, SetExecution)]

    # Any: columns.
    def steps(self, step_id: str) -> list[dict[str, Any]]:
        """Return what was put of one step's row, in order."""
        puts = [change for change in self.changes if isinstance(change, PutStep)]
        return [change.values for change in puts if change.step_id == step_id]

    @property
    def notes(self) -> list[AddAudit]:
        """Return the notes of who did what, in order."""
        return [change for change in self.changes if isinstance(change, AddAudit)]

    @property
    def rows(self) -> list[AddExecution]:
        """Return the executions that were added."""
        return [change for change in self.changes if isinstance(change, AddExecution)]


def step(step_id: str = "a", kind: str = "utility.log", **fields: Any) -> Step:
    """Return a step of a playbook."""
    return Step(id=step_id, name=step_id.upper(), type=kind, **fields)


def program(
    *steps: Step,
    on_cancel: Sequence[Step] = (),
    nested: dict[str, Playbook] | None = None,
    **fields: Any,
) -> Program:
    """Return a program whose main playbook has these steps."""
    main = Playbook(
        name="Main",
        path="main.yaml",
        steps=steps or (step(),),
        on_cancel=tuple(on_cancel),
        **fields,
    )
    return Program(main=main, nested=nested or {})


def nested(path: str, *steps: Step, on_cancel: Sequence[Step] = ()) -> Playbook:
    """Return a playbook that another one runs."""
    return Playbook(name=path, path=path, steps=steps or (step(),), on_cancel=tuple(on_cancel))


def changed(
    step_id: str = "a", status: StepStatus = StepStatus.RUNNING, attempt: int = 1, **fields: Any
) -> StepChanged:
    """Return what a runner says of a step."""
    parent, _, name = step_id.rpartition("/")
    return StepChanged(
        step_id=step_id,
        step_name=name.upper(),
        parent_step_id=parent or None,
        type="utility.log",
        status=status,
        attempt=attempt,
        **fields,
    )


def summary(status: ExecutionStatus = ExecutionStatus.PENDING) -> ExecutionSummary:
    """Return an execution of two steps."""
    return ExecutionSummary(
        execution_id=EXECUTION_ID,
        playbook_name="Main",
        playbook_path="main.yaml",
        status=status,
        created_at=utc_now(),
        total_steps=2,
    )


def record(
    store: FakeStore,
    *secrets: str,
    status: ExecutionStatus = ExecutionStatus.RUNNING,
    steps: Sequence[Step] = (),
) -> ExecutionRecord:
    """Return the record of an execution that runs."""
    made = ExecutionRecord(store.as_store, summary(status), {}, Redactor(secrets))
    made.set_steps(steps)
    return made


def ended(*, runner: bool = True, **fields: Any) -> Ended:
    """Return what a janitor says of a tree; `runner` is whether the runner was killed."""
    now = time.monotonic()
    killed = RUNNER if runner else None
    return Ended(token=TOKEN, began=now, t=now, runner=killed, **fields)


class FakeJanitor:
    """Notes what it is told; the test decides when it answers."""

    def __init__(self) -> None:
        self.said: list[tuple[str, float | None]] = []
        self.pending: asyncio.Future[Ended | None] | None = None
        self.handing_over = asyncio.Event()
        self.may_hand_over = asyncio.Event()
        #: What `end` is answered with at once, when it is set.
        self.answer: Ended | None = None

    @property
    def as_link(self) -> JanitorLink:
        """Return it as what it stands for."""
        return cast("JanitorLink", self)

    def end(
        self, token: str, *, at: float, ask_at: float | None = None
    ) -> asyncio.Future[Ended | None]:
        """See JanitorLink.end."""
        assert token == TOKEN
        self.said.append(("end", at))
        if self.pending is None or self.pending.done():
            self.pending = asyncio.get_running_loop().create_future()
        if self.answer is not None:
            self.pending.set_result(self.answer)
        return self.pending

    async def hand_over(self, execution_id: str, processes: Sequence[HandedOver]) -> str | None:
        """See JanitorLink.hand_over."""
        self.handing_over.set()
        await self.may_hand_over.wait()
        self.said.append(("keep", None))
        return f"no room for {execution_id}"

    def spare(self, token: str) -> None:
        """See JanitorLink.spare."""
        self.said.append(("spare", None))

    def answers(self, result: Ended | None) -> None:
        """Answer the end that was asked for; None: it was taken back."""
        assert self.pending is not None
        self.pending.set_result(result)

    @property
    def ops(self) -> list[str]:
        """Return what it was told, without times."""
        return [op for op, _ in self.said]


class FakeRunner:
    """A runner whose words the test speaks."""

    def __init__(self, folder: Path = Path("/nonexistent")) -> None:
        self.token = TOKEN
        self.folder = folder
        self.pid = RUNNER.pid
        self.exit_code: int | None = None
        self.ended = asyncio.Event()
        self.sent: list[Frozen] = []
        self.listener: RunnerListener = Deaf()
        self.listening = asyncio.Event()
        #: Output that is in the pipe and was not read yet.
        self.unread = b""
        self._seq = 0

    @property
    def as_process(self) -> RunnerProcess:
        """Return it as what it stands for."""
        return cast("RunnerProcess", self)

    @property
    def usable(self) -> bool:
        """Whether it lives."""
        return not self.ended.is_set()

    def listen(self, listener: RunnerListener) -> None:
        """See RunnerProcess.listen."""
        self.listener = listener
        self.listening.set()

    def send(self, command: Frozen) -> None:
        """See RunnerProcess.send."""
        self.sent.append(command)

    def drain_output(self) -> None:
        """See RunnerProcess.drain_output."""
        data, self.unread = self.unread, b""
        if data:
            self.listener.on_output("stdout", data)

    @property
    def told(self) -> list[str]:
        """Return the kinds of the commands that it was sent."""
        return [str(getattr(command, "kind", "")) for command in self.sent]

    @property
    def start(self) -> Start:
        """Return the start command."""
        (start,) = [command for command in self.sent if isinstance(command, Start)]
        return start

    # Any: one of the protocol's bodies.
    def says(self, body: Any, t: float | None = None) -> None:
        """Say something."""
        self._seq += 1
        at = time.monotonic() if t is None else t
        self.listener.on_message(Envelope(seq=self._seq, pid=self.pid, t=at, body=body))

    def ends(self, exit_code: int) -> None:
        """End the process."""
        self.exit_code = exit_code
        self.ended.set()
        self.listener.on_ended()


class FakePool:
    """Hands out the runners that the test has put into it."""

    def __init__(self, *runners: FakeRunner) -> None:
        self.runners = list(runners)
        self.given_back: list[RunnerProcess] = []
        self.cleaned: list[RunnerProcess] = []
        self.discarded: list[RunnerProcess] = []
        self.problem: str | None = None
        self.last_start_t = 0.0
        #: Set while somebody waits for a runner.
        self.asked = asyncio.Event()
        self.more = asyncio.Event()

    @property
    def as_pool(self) -> RunnerPool:
        """Return it as what it stands for."""
        return cast("RunnerPool", self)

    def put(self, runner: FakeRunner) -> None:
        """Have one more runner."""
        self.runners.append(runner)
        self.more.set()

    async def take(self) -> RunnerProcess:
        """See RunnerPool.take."""
        self.asked.set()
        while not self.runners:
            self.more.clear()
            await self.more.wait()
        self.asked.clear()
        return self.runners.pop(0).as_process

    def give_back(self, runner: RunnerProcess) -> None:
        """See RunnerPool.give_back."""
        self.given_back.append(runner)

    async def clean_up(self, runner: RunnerProcess) -> None:
        """See RunnerPool.clean_up."""
        self.cleaned.append(runner)

    async def discard(self, runner: RunnerProcess) -> None:
        """See RunnerPool.discard."""
        self.discarded.append(runner)


@dataclass
class FakeArtifactRedactor:
    """Notes what it is told."""

    told: list[tuple[str, str]] = field(default_factory=list)

    @property
    def as_redactor(self) -> ArtifactRedactor:
        """Return it as what it stands for."""
        return cast("ArtifactRedactor", self)

    def expect(self, execution_id: str, _redactor: Redactor, _mark: Mark | None) -> None:
        """See ArtifactRedactor.expect."""
        self.told.append(("expect", execution_id))

    def redact(self, execution_id: str) -> None:
        """See ArtifactRedactor.redact."""
        self.told.append(("redact", execution_id))

    def redactor_of(self, _execution_id: str) -> Redactor | None:
        """See ArtifactRedactor.redactor_of."""
        return None


@dataclass
class FakeInventory:
    """Gives every execution the same, or says what is not stored."""

    given: Supplies = field(default_factory=Supplies)
    error: Exception | None = None

    @property
    def as_inventory(self) -> Inventory:
        """Return it as what it stands for."""
        return cast("Inventory", self)

    # Any: checked values.
    def supplies(self, _program: Program, _arguments: Mapping[str, Any]) -> Supplies:
        """See Inventory.supplies."""
        if self.error is not None:
            raise self.error
        return self.given
