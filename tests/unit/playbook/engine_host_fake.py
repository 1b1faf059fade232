"""An EngineHost in memory, step kinds made of functions, and short words for playbooks."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Set
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from ignition_toolkit.errors import NotFound
from ignition_toolkit.playbook.cancellation import CancelReason
from ignition_toolkit.playbook.engine import EngineResult, PlaybookEngine
from ignition_toolkit.playbook.engine_host import EngineHost, Resume
from ignition_toolkit.playbook.events import (
    Event,
    Logged,
    PauseChanged,
    ScopeOpened,
    Settled,
    StepChanged,
    StuckSeen,
    VariableSet,
)
from ignition_toolkit.playbook.gateways import Gateways
from ignition_toolkit.playbook.models import (
    CancelSource,
    Playbook,
    Program,
    Step,
    StepStatus,
)
from ignition_toolkit.playbook.step_handler import StepContext, StepHandler
from ignition_toolkit.steps.playbook import RunPlaybook

R = TypeVar("R")
E = TypeVar("E", bound=Event)

# Any: parameters and outputs are JSON values of a test's choosing, here and below.
Act = Callable[[StepContext, dict[str, Any]], Coroutine[Any, Any, Any]]

BY_ME = CancelReason(CancelSource.API, "me")


class AnyParams(BaseModel):
    model_config = ConfigDict(extra="allow")


def kind(name: str, act: Act, params: type[BaseModel] = AnyParams) -> type[StepHandler]:
    """Return a step kind whose `execute` is a function."""

    class Kind(StepHandler):
        type = name
        Params = params

        async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
            found: dict[str, Any] = await act(self.context, params)
            return found

    return Kind


async def _echo(context: StepContext, params: dict[str, Any]) -> dict[str, Any]:
    return params


async def _sleep(context: StepContext, params: dict[str, Any]) -> dict[str, Any]:
    await asyncio.sleep(params["seconds"])
    return {}


async def _set(context: StepContext, params: dict[str, Any]) -> dict[str, Any]:
    for name, value in params.items():
        context.set_variable(name, value)
    return {}


async def _fail(context: StepContext, params: dict[str, Any]) -> dict[str, Any]:
    raise RuntimeError(params.get("error", "it broke"))


#: Kinds that every fake host has: give back, wait, set variables, fail, run a playbook.
COMMON: tuple[type[StepHandler], ...] = (
    kind("test.echo", _echo),
    kind("test.sleep", _sleep),
    kind("test.set", _set),
    kind("test.fail", _fail),
    RunPlaybook,
)


class FakeHost(EngineHost):
    """Keeps what it is told; lets every settled step go on unless it is held."""

    def __init__(self, *kinds: type[StepHandler], credentials: Mapping[str, Any] | None = None):
        self.events: list[Event] = []
        self.times: list[float] = []
        #: Called with each event, after it was kept.
        self.on_event: Callable[[Event], None] = lambda _event: None
        #: Tasks that were said to run on, for each settled step.
        self.running_on: list[Set[asyncio.Task[Any]]] = []
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self._handlers = {handler.type: handler for handler in (*COMMON, *kinds)}
        self._credentials = credentials or {}
        self.known_gateways = Gateways()
        self.kept: dict[str, Any] = {}

    @property
    def execution_id(self) -> str:
        return "execution"

    @property
    def artifacts(self) -> Path:
        return Path("artifacts")

    def emit(self, event: Event) -> None:
        self.events.append(event)
        self.times.append(asyncio.get_running_loop().time())
        self.on_event(event)

    async def settled(self, settled: Settled, running_on: Set[asyncio.Task[Any]]) -> None:
        self.emit(settled)
        self.running_on.append(running_on)
        await self.may_go_on.wait()

    def stop_waiting(self) -> None:
        self.may_go_on.set()

    def handler_class(self, kind: str) -> type[StepHandler]:
        return self._handlers[kind]

    def credential(self, name: str) -> Mapping[str, Any]:
        if name not in self._credentials:
            raise NotFound(f"no credential {name}")
        found: Mapping[str, Any] = self._credentials[name]
        return found

    @property
    def gateways(self) -> Gateways:
        return self.known_gateways

    @property
    def remembered(self) -> dict[str, Any]:
        return self.kept

    async def use(self, resource: type[R]) -> R:
        return resource()

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def moves(self) -> list[tuple[str, str]]:
        """Return what steps became, repetitions of *running* left out."""
        found: list[tuple[str, str]] = []
        for event in self.of(StepChanged):
            move = (event.step_id, event.status.value)
            if not (move in found[-1:] and event.status is StepStatus.RUNNING):
                found.append(move)
        return found

    def last(self, step_id: str) -> StepChanged:
        """Return what was said of a step last."""
        return [event for event in self.of(StepChanged) if event.step_id == step_id][-1]

    @property
    def log(self) -> str:
        """Return the messages of the log."""
        return "\n".join(event.message for event in self.of(Logged))

    @property
    def stuck_at(self) -> list[str]:
        """Return the places where steps were seen to be stuck."""
        return [event.stuck_at for event in self.of(StuckSeen)]

    @property
    def pauses(self) -> list[bool]:
        """Return the changes between standing still and going on."""
        return [event.paused for event in self.of(PauseChanged)]

    @property
    def variables(self) -> dict[str, Any]:
        """Return the variables of the main playbook, as they were told."""
        return {event.name: event.value for event in self.of(VariableSet) if not event.prefix}

    @property
    def scopes(self) -> list[str]:
        """Return the prefixes of the playbooks that began."""
        return [event.prefix for event in self.of(ScopeOpened)]

    def time_of(self, wanted: Callable[[Event], bool]) -> float:
        """Return when the first such event was said."""
        for event, at in zip(self.events, self.times, strict=True):
            if wanted(event):
                return at
        raise AssertionError("there is no such event")


# Any: fields of Step, and the step's parameters under `p`.
def step(
    id: str, type: str = "test.echo", p: Mapping[str, Any] | None = None, **fields: Any
) -> Step:
    """Return a step; `p` are its parameters."""
    return Step(id=id, name=id.title(), type=type, parameters=dict(p or {}), **fields)


def nested(id: str, playbook: str, p: Mapping[str, Any] | None = None, **fields: Any) -> Step:
    """Return a step that runs a playbook."""
    return step(id, "playbook.run", {"playbook": playbook, **(p or {})}, **fields)


def playbook(*steps: Step, path: str = "main.yaml", **fields: Any) -> Playbook:
    """Return a playbook."""
    return Playbook(name=path, path=path, steps=steps, **fields)


def program(*steps: Step, others: tuple[Playbook, ...] = (), **fields: Any) -> Program:
    """Return a program of one playbook and those that it can run."""
    return Program(main=playbook(*steps, **fields), nested={p.path: p for p in others})


class Bench:
    """An engine on a fake host."""

    def __init__(
        self,
        program: Program,
        *kinds: type[StepHandler],
        parameters: Mapping[str, Any] | None = None,
        resume: Resume | None = None,
    ) -> None:
        self.host = FakeHost(*kinds)
        self.engine = PlaybookEngine(program, parameters or {}, self.host, resume)

    async def run(self) -> EngineResult:
        return await self.engine.run()

    def at(self, seconds: float, act: Callable[[], object]) -> None:
        """Do something so many seconds from now."""
        asyncio.get_running_loop().call_later(seconds, act)

    def when(self, wanted: Callable[[Event], bool], act: Callable[[], object]) -> None:
        """Do something at the first such event, in the middle of whatever says it."""
        done = False

        def look(event: Event) -> None:
            nonlocal done
            if not done and wanted(event):
                done = True
                act()

        self.host.on_event = look

    def cancel(self) -> None:
        self.engine.cancel(BY_ME)


def is_step(step_id: str, status: StepStatus) -> Callable[[Event], bool]:
    """Return a condition: this step became that."""
    return lambda event: (
        isinstance(event, StepChanged) and event.step_id == step_id and event.status is status
    )


async def forever(context: StepContext, params: dict[str, Any]) -> dict[str, Any]:
    """Wait politely, for ever."""
    await asyncio.sleep(1e9)
    return {}


Waiter = Callable[[], Awaitable[object]]
