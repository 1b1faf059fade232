"""One step of a run: its attempts, the waits between them, and its result."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ignition_toolkit.playbook.attempt import Attempt, Attempts, Outcome, Place, run_attempt
from ignition_toolkit.playbook.context import AttemptContext, Scope
from ignition_toolkit.playbook.engine_host import Attempted, EngineHost
from ignition_toolkit.playbook.events import Logged, Settled
from ignition_toolkit.playbook.models import CancelSource, StepResult, StepStatus
from ignition_toolkit.playbook.state_manager import StateManager


class RunCancelled(Exception):
    """The run is cancelled: unwinds the engine, never a handler."""


@dataclass
class Run:
    """What the steps of one run share."""

    host: EngineHost
    state: StateManager
    attempts: Attempts
    # Any: parameter values in, variables out.
    run_nested: Callable[[Place, str, Mapping[str, Any]], Awaitable[dict[str, Any]]]
    #: Id of the step that waits for its next attempt.
    delayed: str | None = None
    #: Id of the step that was stopped, until the process is found fit to go on.
    settling: str | None = None

    def check_cancelled(self) -> None:
        """Raise RunCancelled when the run is cancelled.

        Asked before each attempt and not after the last step: a cancel that arrives when every
        step has ended came too late to change anything.
        """
        if self.state.cancelled:
            raise RunCancelled


class StepRun:
    """Runs one step to its result, and says so.

    Args:
        run: what the steps share.
        place: the step.
        scope: the names that its references reach.
        before: the attempts that were used up in a process that is gone.
    """

    def __init__(self, run: Run, place: Place, scope: Scope, before: Attempted | None) -> None:
        self._run = run
        self._place = place
        self._scope = scope
        self._number, self._error, self._deadline = _taken_up(before)

    async def result(self) -> StepResult:
        """Run the step. Raises RunCancelled. Cancellation: stops it within the grace."""
        try:
            result = await self._to_the_end()
        except (RunCancelled, asyncio.CancelledError):
            self._say(StepStatus.CANCELLED, error=self._error)
            raise
        output = result.output if result.status is StepStatus.COMPLETED else None
        self._say(result.status, output=output, error=result.error)
        return result

    def skipped(self) -> StepResult:
        """Say that the step is skipped before its first attempt."""
        self._say(StepStatus.SKIPPED)
        return self._made(StepStatus.SKIPPED)

    async def _to_the_end(self) -> StepResult:
        while True:
            self._run.check_cancelled()
            if self._error is not None:
                if self._number > self._place.step.retry_count:
                    return self._made(StepStatus.FAILED, error=self._error)
                if await self._skipped_before_retry(self._error):
                    return self._made(StepStatus.SKIPPED, error=self._error)
            outcome = await self._attempt()
            if outcome.stopped is None and outcome.error is None:
                return self._made(StepStatus.COMPLETED, output=outcome.output)
            # The error of a step that dies of a cancel never beats the cancel.
            self._run.check_cancelled()
            self._error = outcome.error
            if outcome.stopped is not None:
                await self._settle(outcome.stopped, outcome.ended)
            if outcome.stopped is CancelSource.SKIP:
                return self._made(StepStatus.SKIPPED)

    async def _attempt(self) -> Outcome:
        place, loop = self._place, asyncio.get_running_loop()
        self._number += 1
        self._error = None
        until, self._deadline = self._deadline, None
        if until is None:
            until = loop.time() + place.step.timeout
        attempt = Attempt(place, self._number, until)
        context = AttemptContext(
            host=self._run.host,
            scope=self._scope,
            step_id=place.step_id,
            attempt=self._number,
            remaining=attempt.remaining,
            nested=lambda path, parameters: self._run.run_nested(place, path, parameters),
        )
        return await run_attempt(attempt, context, self._run.attempts)

    async def _skipped_before_retry(self, error: str) -> bool:
        """Wait for the next attempt; return whether the step is skipped instead."""
        delay, run = self._place.step.retry_delay, self._run
        self._say(StepStatus.RUNNING, error=error)
        note = f"attempt {self._number} failed: {error}; the next one follows in {delay:g} s"
        run.host.emit(Logged(step_id=self._place.step_id, level="warning", message=note))
        run.delayed = self._place.step_id
        try:
            await run.state.wait_between_attempts(delay)
        finally:
            run.delayed = None
        run.check_cancelled()
        if not run.state.take_skip():
            return False
        await self._settle(CancelSource.SKIP, ended=True)
        return True

    async def _settle(self, source: CancelSource, ended: bool) -> None:
        """Return when the process is found fit to go on after a timeout or a skip."""
        if source is CancelSource.TIMEOUT:
            self._error = self._timeout_text()
        settled = Settled(
            step_id=self._place.step_id,
            attempt=self._number,
            source=source,
            ended=ended,
            error=self._error if source is CancelSource.TIMEOUT else None,
        )
        self._run.settling = self._place.step_id
        try:
            await self._run.host.settled(settled, self._run.attempts.tasks)
        finally:
            self._run.settling = None
        # Also asked here, as a host returns when the run is cancelled while it waits.
        self._run.check_cancelled()

    def _timeout_text(self) -> str:
        step = self._place.step
        tries = step.retry_count + 1
        which = f" (attempt {self._number} of {tries})" if tries > 1 else ""
        return f"the step took longer than its timeout of {step.timeout:g} s{which}"

    def _made(
        self, status: StepStatus, *, output: dict[str, Any] | None = None, error: str | None = None
    ) -> StepResult:
        return StepResult(
            step_id=self._place.step_id,
            status=status,
            output=output or {},
            error=error,
            attempts=self._number,
        )

    def _say(
        self, status: StepStatus, *, output: dict[str, Any] | None = None, error: str | None = None
    ) -> None:
        event = self._place.changed(status, self._number, output=output, error=error)
        self._run.host.emit(event)


def _taken_up(before: Attempted | None) -> tuple[int, str | None, float | None]:
    """Return how many attempts are used up, why the last one failed, and a deadline kept."""
    if before is None:
        return 0, None, None
    if before.error is None:
        return before.used - 1, None, before.deadline
    return before.used, before.error, None
