"""A simulated gateway whose clock stands still, and a client of it on behalf of no real step."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

import pytest

from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.gateway import waiting
from ignition_toolkit.gateway.gateway import Gateway
from ignition_toolkit.gateway.identity import Identity
from ignition_toolkit.gateway.session import Session
from ignition_toolkit.gateway.target import GatewayTarget
from ignition_toolkit.simulator import Settings, SimulatedGateway


@dataclass
class FakeStep:
    """On whose behalf is asked: notes what is announced and how far things are."""

    left_s: float = 60.0
    announced: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    told: list[tuple[float, float | None, str]] = field(default_factory=list)
    #: Called with each word on how far something is.
    on_progress: Callable[[], object] | None = None

    @contextlib.contextmanager
    def in_flight(self, request: str) -> Iterator[None]:
        self.announced.append(request)
        self.open.append(request)
        yield
        self.open.remove(request)

    def remaining(self) -> float:
        return self.left_s

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        self.told.append((done, total, message))
        if self.on_progress is not None:
            self.on_progress()


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have waits look again at once: the gateway's clock is set, not waited for."""
    monkeypatch.setattr(waiting, "FIRST_S", 0.001)
    monkeypatch.setattr(waiting, "LONGEST_S", 0.002)


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> Settings:
    """Return the simulated gateway's settings; a test may give some of its own."""
    return Settings(**getattr(request, "param", {}))


@pytest.fixture
async def simulated(settings: Settings) -> AsyncIterator[SimulatedGateway]:
    async with SimulatedGateway(settings, clock_factor=0) as simulated:
        yield simulated


@pytest.fixture
def step() -> FakeStep:
    return FakeStep()


@pytest.fixture
async def gateway(simulated: SimulatedGateway, step: FakeStep) -> AsyncIterator[Gateway]:
    """Give the client of somebody who has the gateway's key."""
    target = GatewayTarget(
        "plant", simulated.base_url, identity=Identity(token=Secret(simulated.token))
    )
    async with opened(target, step) as gateway:
        yield gateway


@pytest.fixture
async def stranger(simulated: SimulatedGateway, step: FakeStep) -> AsyncIterator[Gateway]:
    """Give the client of somebody who has nothing."""
    async with opened(GatewayTarget.at(simulated.base_url), step) as gateway:
        yield gateway


@contextlib.asynccontextmanager
async def opened(target: GatewayTarget, step: FakeStep) -> AsyncIterator[Gateway]:
    session = Session(target)
    try:
        yield Gateway(session, step)
    finally:
        await session.aclose()
