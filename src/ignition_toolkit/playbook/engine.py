"""PlaybookEngine: runs one playbook, each step as its own task, and stops it at any moment.

Retries, timeouts, pause, skip and cancel are decided here and in `step_run`, nowhere else. The
engine knows no process, no database and no outside system: what it needs of those it asks of its
`EngineHost`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ignition_toolkit.errors import HandlerBroken, StepFailed
from ignition_toolkit.playbook.attempt import Attempts, Place
from ignition_toolkit.playbook.cancellation import CancelReason
from ignition_toolkit.playbook.context import Scope
from ignition_toolkit.playbook.engine_host import EngineHost, Resume, without_prefix
from ignition_toolkit.playbook.events import PauseChanged, ScopeOpened, Settled
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
from ignition_toolkit.playbook.step_run import Run, RunCancelled, StepRun


@dataclass(frozen=True)
class EngineResult:
    """How a run ended: completed, failed or cancelled."""

    status: ExecutionStatus
    error: str | None = None
    #: False when a cancelled step had not ended within the grace.
    ended: bool = True


class _Aborted(Exception):
    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class PlaybookEngine:
    """Runs one program once. To be used from its event loop only.

    Args:
        program: the playbook and those it can run.
        parameters: checked values for the main playbook's parameters.
        host: the process around the engine.
        resume: what earlier processes of the same execution did.

    Cancellation: `cancel` may be called at any time, also before `run`. The running step's task
    is cancelled and has 0.25 s to end; `run` then returns *cancelled*, with `ended` False when
    the task had not ended: only ending the process stops it then.
    """

    # Any: parameter values.
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
        self._attempts = Attempts()
        self._run = Run(host, self.state, self._attempts, self._run_nested)
        #: Parameters of the playbooks that were opened, by prefix, and ids of steps that run one.
        self._opened: dict[str, Mapping[str, Any]] = {}
        self._nesting: set[str] = set()
        self._stands = False

    def cancel(self, reason: CancelReason) -> bool:
        """Cancel the run; return False when it was cancelled already."""
        first = self.state.cancel(reason)
        if first:
            self._host.stop_waiting()
            if self._attempts.outermost is not None:
                self._attempts.outermost.ask_to_stop(reason.source)
        return first

    def pause(self) -> None:
        """Pause after the current step."""
        self.state.pause()

    def resume(self) -> None:
        """Go on after a pause, or take it back."""
        self.state.resume()

    def skip(self, step_id: str | None) -> None:
        """Skip the running step with this id; the next step when the run stands still.

        None is asked for when no step was seen to run: the one that has begun since is skipped,
        else the next. A step that does not run any more is answered with `Settled(missed=True)`,
        unless it was stopped just now, and so has its answer.
        """
        innermost = self._attempts.innermost
        if self._stands:
            self.state.skip()
            self._miss(step_id)
        elif step_id is None:
            self._skip_begun()
        elif step_id == self._run.delayed:
            self.state.skip()
        elif innermost is not None and innermost.place.step_id == step_id:
            innermost.ask_to_stop(CancelSource.SKIP)
        elif step_id != self._run.settling:
            self._miss(step_id)

    def _skip_begun(self) -> None:
        if self._attempts.outermost is not None:
            self._attempts.outermost.ask_to_stop(CancelSource.SKIP)
        else:
            self.state.skip()

    def _miss(self, step_id: str | None) -> None:
        if step_id is not None:
            answer = Settled(step_id=step_id, attempt=0, source=CancelSource.SKIP, missed=True)
            self._host.emit(answer)

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
        except RunCancelled:
            return EngineResult(ExecutionStatus.CANCELLED, ended=self._attempts.all_ended)
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

    async def _run_nested(
        self, outer: Place, path: str, parameters: Mapping[str, Any]
    ) -> dict[str, Any]:
        if outer.step_id in self._nesting:
            raise HandlerBroken(f"step {outer.step_id!r} may run one playbook at a time")
        playbook = self._program.nested.get(path)
        if playbook is None:
            raise StepFailed(f"playbook {path!r} is not part of this execution")
        prefix = f"{outer.step_id}/"
        values = _checked(playbook, parameters)
        self._host.gateways.refuse_unclaimed(values)
        scope = self._open_scope(prefix, playbook, values)
        self._nesting.add(outer.step_id)
        try:
            await self._run_steps(playbook.steps, scope, prefix, outer.step_id)
        except _Aborted as aborted:
            raise StepFailed(f"in playbook {path!r}: {aborted.error}") from None
        except RunCancelled:
            # To the handler that runs the playbook it is a cancel like any other.
            raise asyncio.CancelledError(str(self.state.reason)) from None
        finally:
            self._nesting.discard(outer.step_id)
            if not self.state.cancelled:
                # The outer step may be stopped while the run stands still inside it.
                self._go_on()
        return dict(scope.variables)

    # Any: parameter values.
    def _open_scope(self, prefix: str, playbook: Playbook, parameters: Mapping[str, Any]) -> Scope:
        if prefix in self._opened:
            # A nested playbook that is run once more begins anew.
            self._resume = without_prefix(self._resume, prefix)
        known = self._resume.scopes.get(prefix)
        values = dict(known.parameters if known else parameters)
        self._opened[prefix] = values
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
        around = tuple(self._around(prefix))
        return Scope(prefix, values, variables, outputs, self._host.credential, around)

    # Any: parameter values.
    def _around(self, prefix: str) -> Iterator[Mapping[str, Any]]:
        """Yield the parameters of the playbooks around one, from the inside out."""
        while prefix:
            prefix = prefix[: prefix.rstrip("/").rfind("/") + 1]
            known = self._resume.scopes.get(prefix)
            if prefix in self._opened:
                yield self._opened[prefix]
            elif known is not None:
                # Its own on_cancel steps do not run; those of a playbook inside it do.
                yield known.parameters

    async def _run_steps(
        self, steps: Sequence[Step], scope: Scope, prefix: str, parent: str | None
    ) -> None:
        for step in steps:
            place = Place(step, prefix + step.id, parent)
            result = self._resume.results.get(place.step_id)
            if result is None:
                result = await self._run_step(place, scope)
            scope.outputs[step.id] = result.output
            if result.status is StepStatus.FAILED and step.on_failure is OnFailure.ABORT:
                raise _Aborted(f"step {place.step_id!r} failed: {result.error}")
        self._go_on()

    async def _run_step(self, place: Place, scope: Scope) -> StepResult:
        before = self._resume.attempts.get(place.step_id)
        step = StepRun(self._run, place, scope, before)
        if before is None:
            await self._stand_while_paused()
            self._run.check_cancelled()
            if self.state.take_skip():
                return step.skipped()
        return await step.result()

    async def _stand_while_paused(self) -> None:
        if self.state.paused and not self.state.cancelled:
            self._stand_still()
            await self.state.wait_while_paused()
        if not self.state.paused:
            self._go_on()

    def _stand_still(self) -> None:
        """Stop the clocks of the outer steps and say that the run stands still."""
        if self._stands:
            return
        self._stands = True
        for attempt in self._attempts:
            attempt.freeze()
            self._host.emit(attempt.running())
        self._host.emit(PauseChanged(paused=True))

    def _go_on(self) -> None:
        if not self._stands:
            return
        self._stands = False
        for attempt in self._attempts:
            attempt.thaw()
            self._host.emit(attempt.running())
        self._host.emit(PauseChanged(paused=False))


# Any: parameter values.
def _checked(playbook: Playbook, parameters: Mapping[str, Any]) -> dict[str, Any]:
    # Imported here: it reads YAML, which a runner does not need to be warm.
    from ignition_toolkit.playbook.arguments import check_arguments

    return check_arguments(playbook, parameters)
