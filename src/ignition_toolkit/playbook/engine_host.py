"""What an engine is given from outside: the process around it, and what was done before."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import Field

from ignition_toolkit.playbook.events import Event, Settled
from ignition_toolkit.playbook.gateways import Gateways
from ignition_toolkit.playbook.models import Frozen, StepResult
from ignition_toolkit.playbook.step_handler import StepHandler

R = TypeVar("R")


class Attempted(Frozen):
    """Attempts of a step that were used up in a process that is gone."""

    used: int
    #: Why the last one failed; null when it is to be taken up again (an outer step).
    error: str | None = None
    #: Monotonic deadline of an attempt that is taken up again.
    deadline: float | None = None


class ScopeState(Frozen):
    """What a playbook was given and has set so far."""

    path: str
    # Any: parameter and variable values.
    parameters: dict[str, Any] = Field(default_factory=dict)
    variables: dict[str, Any] = Field(default_factory=dict)


class Resume(Frozen):
    """What was done before, by earlier processes of the execution or by the attempt before it.

    Finished steps are not run again.
    """

    results: dict[str, StepResult] = Field(default_factory=dict)
    attempts: dict[str, Attempted] = Field(default_factory=dict)
    scopes: dict[str, ScopeState] = Field(default_factory=dict)
    # Any: values of the handlers' choosing.
    remembered: dict[str, Any] = Field(default_factory=dict)


def without_prefix(resume: Resume, prefix: str) -> Resume:
    """Return what was done before, less what was done below `prefix`."""
    return Resume(
        results={i: r for i, r in resume.results.items() if not i.startswith(prefix)},
        attempts={i: a for i, a in resume.attempts.items() if not i.startswith(prefix)},
        scopes={p: s for p, s in resume.scopes.items() if not p.startswith(prefix)},
        # Who is logged in stays so when the step that logged in is done once more.
        remembered=resume.remembered,
    )


class EngineHost(Protocol):
    """What an engine asks of the process that it runs in."""

    @property
    def execution_id(self) -> str:
        """Id of the execution."""

    @property
    def artifacts(self) -> Path:
        """The execution's folder for files that stay."""

    def emit(self, event: Event) -> None:
        """Send an event on. Never blocks."""

    # Any: what a task returns plays no part.
    async def settled(self, settled: Settled, running_on: Set[asyncio.Task[Any]]) -> None:
        """Return when the run may go on in this process after a timeout or a skip.

        Does not return when it may not: the process is ended then. Returns early when the run is
        cancelled meanwhile, see `stop_waiting`.

        Args:
            settled: what was stopped.
            running_on: the tasks of the outer steps, which are meant to go on.
        """

    def stop_waiting(self) -> None:
        """The run is cancelled: a `settled` that waits returns."""

    def handler_class(self, kind: str) -> type[StepHandler]:
        """Return the handler of a kind, importing its module on first use."""

    def credential(self, name: str) -> Mapping[str, Any]:
        """Return a credential by name. Raises NotFound."""

    @property
    def gateways(self) -> Gateways:
        """The gateways that the execution's playbooks name, with the default one."""

    @property
    def remembered(self) -> dict[str, Any]:  # Any: values of the handlers' choosing
        """What the execution's steps had remembered, here and in the processes before this one."""

    async def use(self, resource: type[R]) -> R:
        """Return the execution's one object of this type."""
