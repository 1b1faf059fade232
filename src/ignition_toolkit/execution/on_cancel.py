"""The `on_cancel` steps of a cancelled run: how long they may take, and what became of each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence

from ignition_toolkit.execution.views import StepView
from ignition_toolkit.playbook.models import OnCancelResult, Playbook, StepStatus

#: Seconds for all on_cancel steps when the server is being stopped.
AT_SHUTDOWN_S = 20.0


class CleanUp:
    """The time that a run's on_cancel steps have. To be used from the supervision loop only.

    Args:
        on_end: called once when they have to end before they are through.
    """

    def __init__(self, on_end: Callable[[], None]) -> None:
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._at_shutdown = False
        #: Set when they have to end, and when they need not begin any more.
        self.ended = asyncio.Event()
        #: Why that was.
        self.why = ""

    @property
    def is_running(self) -> bool:
        """Whether the steps are being run."""
        return self._timer is not None

    def begin(self, limit_s: float) -> None:
        """Start the clock."""
        if self._at_shutdown:
            limit_s = min(limit_s, AT_SHUTDOWN_S)
        why = f"all on_cancel steps together had {limit_s:g} s"
        self._timer = self._loop.call_later(limit_s, self.end, why)

    def shorten(self) -> None:
        """Leave no more than `AT_SHUTDOWN_S` from now, also to what begins later."""
        self._at_shutdown = True
        until = self._loop.time() + AT_SHUTDOWN_S
        if self._timer is not None and self._timer.when() > until:
            self._timer.cancel()
            why = f"the server was stopped, which left {AT_SHUTDOWN_S:g} s"
            self._timer = self._loop.call_at(until, self.end, why)

    def end(self, why: str) -> None:
        """End the steps, or have none begin."""
        if not self.ended.is_set():
            self.why = why
            self.ended.set()
            self._on_end()

    def stop(self) -> None:
        """Stop the clock: the steps are over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def results(
    playbooks: Mapping[str, Playbook], steps: Mapping[str, StepView], why_not: str | None
) -> tuple[OnCancelResult, ...]:
    """Return what became of each on_cancel step.

    Args:
        playbooks: by prefix, in the order in which their steps run.
        steps: the execution's steps by id.
        why_not: why those that did not end well did not; None when there is nothing to say.
    """
    return tuple(_result(step_id, steps.get(step_id), why_not) for step_id in step_ids(playbooks))


def step_ids(playbooks: Mapping[str, Playbook]) -> Iterator[str]:
    """Yield the ids of all on_cancel steps."""
    for prefix, playbook in playbooks.items():
        for step in playbook.on_cancel:
            yield f"{prefix}on_cancel/{step.id}"


def _result(step_id: str, view: StepView | None, why_not: str | None) -> OnCancelResult:
    if view is None:
        error = f"not run: {why_not}" if why_not else None
        return OnCancelResult(step_id=step_id, status=StepStatus.PENDING, error=error)
    error = view.error
    if view.status is StepStatus.CANCELLED and error is None:
        error = why_not
    return OnCancelResult(step_id=step_id, status=view.status, error=error)


def after_worker_lost(
    known: Sequence[OnCancelResult], steps: Mapping[str, StepView], why: str
) -> tuple[OnCancelResult, ...]:
    """Return what became of the on_cancel steps of a worker that died meanwhile.

    Args:
        known: what the record says, from the moment at which they began.
        steps: the execution's steps by id, those that were running closed as cancelled.
        why: what is said of those that did not run to their end.
    """
    return tuple(_result(result.step_id, steps.get(result.step_id), why) for result in known)
