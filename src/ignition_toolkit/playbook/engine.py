"""PlaybookEngine: runs one playbook, each step as its own task, and stops it at any moment.

Retries, timeouts, pause, skip and cancel are decided here and nowhere else. The engine knows no
process, no database and no outside system: what it needs of those it asks of its `EngineHost`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ignition_toolkit.errors import StepFailed
from ignition_toolkit.playbook.arguments import check_arguments
from ignition_toolkit.playbook.attempt import (
    Attempt,
    Outcome,
    flush_standard_streams,
    run_attempt,
)
from ignition_toolkit.playbook.cancellation import CancelReason
from ignition_toolkit.playbook.context import AttemptContext, Scope
from ignition_toolkit.playbook.engine_host import (
    Attempted,
    EngineHost,
    Resume,
    without_prefix,
)
from ignition_toolkit.playbook.events import (
    Logged,
    PauseChanged,
    ScopeOpened,
    Settled,
    StepChanged,
)
from ignition_toolkit.playbook.models import (
    CancelSource,
    ExecutionStatus,
    OnFailure,
    Playbook,
    Program,
    Step,
    StepResult,
    StepStatus,
)
from ignition_toolkit.playbook.state_manager import StateManager


@dataclass(frozen=True)
class EngineResult:
    """How a run ended: completed, failed or cancelled."""

    status: ExecutionStatus
    error: str | None = None
    #: False when a cancelled step had not ended within the grace.
    ended: bool = True


class _Cancelled(Exception):
    def __init__(self, ended: bool = True) -> None:
        super().__init__()
        self.ended = ended


class _Aborted(Exception):
    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


@dataclass(frozen=True)
class _Place:
    """A step at its place in the run."""

    step: Step
    step_id: str
    parent: str | None


class PlaybookEngine:
    """Runs one program once.

    Args:
        program: the playbook and those it can run.
        parameters: checked values for the main playbook's parameters.
        host: the process around the engine.
        resume: what earlier processes of the same execution did.

    Cancellation: `cancel` may be called at any time, also before `run`. The running step's task
    is cancelled and has 0.25 s to end; `run` then returns *cancelled*, with `ended` False when
    the task had not ended: only ending the process stops it then.
    """

    def __init__(
        self,
        program: Program,
        parameters: Mapping[str, Any],
        host: EngineHost,
        resume: Resume | None = None,
    ) -> None:
        self.state = StateManager()
        self._program = program
        self._parameters = dict(parameters)
        self._host = host
        self._resume = resume or Resume()
        self._attempts: list[Attempt] = []
        self._opened: set[str] = set()
        self._delayed: str | None = None

    def cancel(self, reason: CancelReason) -> bool:
        """Cancel the run; return False when it was cancelled already."""
        first = self.state.cancel(reason)
        if first and self._attempts:
            self._attempts[0].ask_to_stop(reason.source)
        return first

    def pause(self) -> None:
        """Pause after the current step."""
        self.state.pause()

    def resume(self) -> None:
        """Go on after a pause, or take it back."""
        self.state.resume()

    def skip(self, step_id: str | None) -> None:
        """Skip the running step with this id, or the next step when it is None.

        A step that does not run any more is answered with `Settled(missed=True)`.
        """
        if step_id is None or step_id == self._delayed:
            self.state.skip()
        elif self._attempts and self._attempts[-1].step_id == step_id:
            self._attempts[-1].ask_to_stop(CancelSource.SKIP)
        else:
            missed = Settled(step_id=step_id, attempt=0, source=CancelSource.SKIP, missed=True)
            self._host.emit(missed)

    async def run(self) -> EngineResult:
        """Run the main playbook's steps to the end, a failure or a cancel."""
        return await self._guarded(self._run_main())

    async def run_on_cancel(self, prefixes: Sequence[str]) -> EngineResult:
        """Run the `on_cancel` steps of the playbooks with these prefixes, in this order.

        A failing step ends the steps of its own playbook, not those of the next.
        """
        return await self._guarded(self._run_clean_up(prefixes))

    async def _guarded(self, steps: Awaitable[None]) -> EngineResult:
        try:
            await steps
        except _Cancelled as cancelled:
            return EngineResult(ExecutionStatus.CANCELLED, ended=cancelled.ended)
        except _Aborted as aborted:
            return EngineResult(ExecutionStatus.FAILED, error=aborted.error)
        return EngineResult(ExecutionStatus.COMPLETED)

    async def _run_main(self) -> None:
        main = self._program.main
        scope = self._open_scope("", main, self._parameters)
        await self._run_steps(main.steps, scope, "", None)

    async def _run_clean_up(self, prefixes: Sequence[str]) -> None:
        errors = []
        for prefix in prefixes:
            known = self._resume.scopes[prefix]
            playbook = self._program.nested[known.path] if prefix else self._program.main
            scope = self._open_scope(prefix, playbook, known.parameters)
            try:
                await self._run_steps(playbook.on_cancel, scope, f"{prefix}on_cancel/", None)
            except _Aborted as aborted:
                errors.append(aborted.error)
        if errors:
            raise _Aborted("; ".join(errors))

    def _open_scope(self, prefix: str, playbook: Playbook, parameters: Mapping[str, Any]) -> Scope:
        if prefix in self._opened:
            # A nested playbook that is run once more begins anew.
            self._resume = without_prefix(self._resume, prefix)
        self._opened.add(prefix)
        known = self._resume.scopes.get(prefix)
        values = dict(known.parameters if known else parameters)
        self._host.emit(
            ScopeOpened(
                prefix=prefix, path=playbook.path, parameters=values, resumed=known is not None
            )
        )
        outputs = {
            step_id.removeprefix(prefix): result.output
            for step_id, result in self._resume.results.items()
            if step_id.startswith(prefix) and "/" not in step_id.removeprefix(prefix)
        }
        variables = dict(known.variables) if known else {}
        return Scope(prefix, values, variables, outputs, self._host.credential)

    async def _run_steps(
        self, steps: Sequence[Step], scope: Scope, prefix: str, parent: str | None
    ) -> None:
        for step in steps:
            place = _Place(step, prefix + step.id, parent)
            result = self._resume.results.get(place.step_id)
            if result is None:
                result = await self._run_step(place, scope)
            scope.outputs[step.id] = result.output
            if result.status is StepStatus.FAILED and step.on_failure is OnFailure.ABORT:
                raise _Aborted(f"step {place.step_id!r} failed: {result.error}")

    async def _run_step(self, place: _Place, scope: Scope) -> StepResult:
        before = self._resume.attempts.get(place.step_id)
        if before is None and await self._skipped_before(place):
            return StepResult(step_id=place.step_id, status=StepStatus.SKIPPED)
        number, error, deadline = _taken_up(before)
        while True:
            if error is not None:
                if number > place.step.retry_count:
                    return self._end(place, StepStatus.FAILED, number, error=error)
                if await self._skipped_before_retry(place, number, error):
                    status = StepStatus.SKIPPED
                    return StepResult(step_id=place.step_id, status=status, attempts=number)
            number += 1
            outcome = await self._attempt(place, scope, number, deadline)
            result = await self._settle(place, number, outcome)
            if result.status is not StepStatus.FAILED:
                return result
            error, deadline = result.error, None

    async def _skipped_before(self, place: _Place) -> bool:
        await self._pause_if_asked()
        self._check_cancelled()
        if not self.state.take_skip():
            return False
        self._end(place, StepStatus.SKIPPED, 0)
        return True

    async def _pause_if_asked(self) -> None:
        if not self.state.paused or self.state.cancelled:
            return
        for attempt in self._attempts:
            attempt.freeze()
            self._say_running(attempt)
        self._host.emit(PauseChanged(paused=True))
        await self.state.wait_while_paused()
        if self.state.cancelled:
            return
        for attempt in self._attempts:
            attempt.thaw()
            self._say_running(attempt)
        if not self.state.paused:
            self._host.emit(PauseChanged(paused=False))

    def _check_cancelled(self) -> None:
        # Asked before each step and not after the last: a cancel that arrives when every step
        # has ended came too late to change anything.
        if self.state.cancelled:
            raise _Cancelled

    async def _skipped_before_retry(self, place: _Place, number: int, error: str) -> bool:
        delay = place.step.retry_delay
        self._change(place, StepStatus.RUNNING, number, error=error)
        note = f"attempt {number} failed: {error}; the next one follows in {delay:g} s"
        self._host.emit(Logged(step_id=place.step_id, level="warning", message=note))
        self._delayed = place.step_id
        try:
            await self.state.wait_for_change(delay)
        except asyncio.CancelledError:
            self._change(place, StepStatus.CANCELLED, number, error=error)
            raise
        finally:
            self._delayed = None
        if self.state.cancelled:
            self._change(place, StepStatus.CANCELLED, number, error=error)
            raise _Cancelled
        if not self.state.take_skip():
            return False
        await self._host.settled(_settled(place, number, CancelSource.SKIP, Outcome()))
        self._end(place, StepStatus.SKIPPED, number, error=error)
        return True

    async def _attempt(
        self, place: _Place, scope: Scope, number: int, deadline: float | None
    ) -> Outcome:
        loop = asyncio.get_running_loop()
        until = deadline if deadline is not None else loop.time() + place.step.timeout
        attempt = Attempt(
            place.step, place.step_id, place.parent, number, until, loop.create_future()
        )
        context = AttemptContext(
            self._host,
            scope,
            place.step_id,
            number,
            lambda: attempt.deadline,
            lambda path, parameters: self._run_nested(place, path, parameters),
        )
        self._attempts.append(attempt)
        self._say_running(attempt)
        try:
            return await run_attempt(attempt, context, lambda: self._attempts[-1])
        except asyncio.CancelledError:
            # The task of an outer step is being stopped, and this step with it.
            self._change(place, StepStatus.CANCELLED, number)
            raise
        finally:
            flush_standard_streams()
            self._attempts.remove(attempt)

    async def _run_nested(
        self, outer: _Place, path: str, parameters: Mapping[str, Any]
    ) -> dict[str, Any]:
        playbook = self._program.nested.get(path)
        if playbook is None:
            raise StepFailed(f"playbook {path!r} is not part of this execution")
        prefix = f"{outer.step_id}/"
        scope = self._open_scope(prefix, playbook, check_arguments(playbook, parameters))
        try:
            await self._run_steps(playbook.steps, scope, prefix, outer.step_id)
        except _Aborted as aborted:
            raise StepFailed(f"in playbook {path!r}: {aborted.error}") from None
        return dict(scope.variables)

    async def _settle(self, place: _Place, number: int, outcome: Outcome) -> StepResult:
        """Turn an attempt's outcome into a result, after the process was found fit to go on."""
        if outcome.stopped is None and outcome.error is None:
            return self._end(place, StepStatus.COMPLETED, number, output=outcome.output)
        # The error of a step that dies of a cancel never beats the cancel.
        if self.state.cancelled:
            self._change(place, StepStatus.CANCELLED, number)
            raise _Cancelled(outcome.ended)
        if outcome.stopped is None:
            return _failed(place, number, outcome.error)
        settled = _settled(place, number, outcome.stopped, outcome)
        await self._host.settled(settled)
        if outcome.stopped is CancelSource.SKIP:
            return self._end(place, StepStatus.SKIPPED, number)
        return _failed(place, number, settled.error)

    def _end(
        self,
        place: _Place,
        status: StepStatus,
        number: int,
        *,
        output: dict[str, Any] | None = None,
        error: str | None = None,
    ) -> StepResult:
        self._change(place, status, number, output=output, error=error)
        return StepResult(
            step_id=place.step_id,
            status=status,
            output=output or {},
            error=error,
            attempts=number,
        )

    def _say_running(self, attempt: Attempt) -> None:
        place = _Place(attempt.step, attempt.step_id, attempt.parent)
        until = None if attempt.frozen_s is not None else attempt.deadline
        self._change(place, StepStatus.RUNNING, attempt.number, deadline=until)

    def _change(
        self,
        place: _Place,
        status: StepStatus,
        number: int,
        *,
        deadline: float | None = None,
        output: dict[str, Any] | None = None,
        error: str | None = None,
    ) -> None:
        self._host.emit(
            StepChanged(
                step_id=place.step_id,
                step_name=place.step.name,
                parent_step_id=place.parent,
                type=place.step.type,
                status=status,
                attempt=number,
                deadline=deadline,
                output=output,
                error=error,
            )
        )


def _taken_up(before: Attempted | None) -> tuple[int, str | None, float | None]:
    """Return how many attempts are used up, why the last one failed, and a deadline kept."""
    if before is None:
        return 0, None, None
    if before.error is None:
        return before.used - 1, None, before.deadline
    return before.used, before.error, None


def _failed(place: _Place, number: int, error: str | None) -> StepResult:
    status = StepStatus.FAILED
    return StepResult(step_id=place.step_id, status=status, error=error, attempts=number)


def _settled(place: _Place, number: int, source: CancelSource, outcome: Outcome) -> Settled:
    error = None
    if source is CancelSource.TIMEOUT:
        tries = place.step.retry_count + 1
        which = f" (attempt {number} of {tries})" if tries > 1 else ""
        error = f"the step took longer than its timeout of {place.step.timeout:g} s{which}"
    return Settled(
        step_id=place.step_id, attempt=number, source=source, ended=outcome.ended, error=error
    )
