"""Gateway: everything that one step can ask of one gateway."""

from __future__ import annotations

from typing import Protocol

from ignition_toolkit.gateway.exchange import Exchange, Watch
from ignition_toolkit.gateway.modules import Modules
from ignition_toolkit.gateway.projects import Projects
from ignition_toolkit.gateway.readiness import Readiness
from ignition_toolkit.gateway.session import Session
from ignition_toolkit.gateway.target import GatewayTarget
from ignition_toolkit.gateway.transfers import Progress
from ignition_toolkit.gateway.upkeep import Upkeep


class Step(Watch, Protocol):
    """On whose behalf something is asked: a step's context."""

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """Take how far something is."""


class Gateway:
    """One gateway, for one step.

    Args:
        session: connections, and who is logged in.
        step: announces requests, bounds their time, and is told of progress.
    """

    def __init__(self, session: Session, step: Step) -> None:
        self.exchange = Exchange(session, step)
        self.modules = Modules(self.exchange)
        self.projects = Projects(self.exchange)
        self.upkeep = Upkeep(self.exchange)
        self.progress: Progress = step.progress
        self.readiness = Readiness(self.exchange, step.progress)

    @property
    def session(self) -> Session:
        """Who is logged in."""
        return self.exchange.session

    @property
    def target(self) -> GatewayTarget:
        """Which gateway it is."""
        return self.exchange.target
