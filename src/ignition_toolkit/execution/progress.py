"""What an execution has done so far, kept in full so that a fresh runner can take it up."""

from __future__ import annotations

from typing import Any

from ignition_toolkit.playbook.engine_host import (
    Attempted,
    Resume,
    ScopeState,
    without_prefix,
)
from ignition_toolkit.playbook.events import ScopeOpened, StepChanged, VariableSet
from ignition_toolkit.playbook.models import StepResult, StepStatus


class Progress:
    """Results, attempts, variables and the running steps of one execution.

    Values are as the runner sent them, secrets included: they are never stored, and go to the
    next runner of the same execution only.
    """

    def __init__(self) -> None:
        self._resume = Resume()
        #: The running steps, outermost first, with what was said of them last.
        self.running: dict[str, StepChanged] = {}
        #: The steps that a cancel stopped.
        self.cancelled: list[str] = []
        self.started = False

    def on_step(self, change: StepChanged) -> None:
        """Take note of a step's change."""
        if change.status is not StepStatus.CANCELLED:
            below = f"{change.step_id}/"
            self.cancelled = [
                stopped for stopped in self.cancelled if not stopped.startswith(below)
            ]
        if change.status is StepStatus.RUNNING:
            self.started = True
            self.running[change.step_id] = change
            return
        self.running.pop(change.step_id, None)
        self._resume.attempts.pop(change.step_id, None)
        if change.status is StepStatus.CANCELLED:
            self.cancelled.append(change.step_id)
            return
        self._resume.results[change.step_id] = StepResult(
            step_id=change.step_id,
            status=change.status,
            output=change.output or {},
            error=change.error,
            attempts=change.attempt,
        )

    def on_scope(self, scope: ScopeOpened) -> None:
        """Take note of a playbook that begins."""
        if scope.resumed:
            return
        if scope.prefix:
            self._resume = without_prefix(self._resume, scope.prefix)
        self._resume.scopes[scope.prefix] = ScopeState(path=scope.path, parameters=scope.parameters)

    def on_variable(self, variable: VariableSet) -> None:
        """Take note of a variable."""
        self._resume.scopes[variable.prefix].variables[variable.name] = variable.value

    def ended(self, step_id: str) -> bool:
        """Whether a step has a result."""
        return step_id in self._resume.results

    def fail_attempt(self, step_id: str, attempt: int, error: str) -> None:
        """Note that an attempt failed because its runner is gone."""
        self._resume = without_prefix(self._resume, f"{step_id}/")
        self._resume.attempts[step_id] = Attempted(used=attempt, error=error)
        self._take_up_outer(step_id)

    def skip(self, step_id: str, attempt: int) -> None:
        """Note that a step was skipped while it ran."""
        self._resume = without_prefix(self._resume, f"{step_id}/")
        status = StepStatus.SKIPPED
        self._resume.results[step_id] = StepResult(step_id=step_id, status=status, attempts=attempt)
        self._take_up_outer(step_id)

    def _take_up_outer(self, step_id: str) -> None:
        for outer in self.running.values():
            if step_id.startswith(f"{outer.step_id}/"):
                self._resume.attempts[outer.step_id] = Attempted(
                    used=outer.attempt, deadline=outer.deadline
                )
        self.running.clear()

    def resume(self) -> Resume:
        """Return what a fresh runner has to know."""
        return self._resume.model_copy(deep=True)

    def prefixes(self) -> list[str]:
        """Return the prefixes of the playbooks that a cancel stopped, innermost first."""
        stopped = {f"{step_id}/" for step_id in (*self.cancelled, *self.running)}
        nested = [prefix for prefix in self._resume.scopes if prefix in stopped]
        return [*sorted(nested, key=lambda prefix: -prefix.count("/")), ""]

    # Any: parameter values as the runner sent them.
    def scope_parameters(self, prefix: str) -> dict[str, Any]:
        """Return what the playbook with this prefix was given."""
        return self._resume.scopes[prefix].parameters

    def path(self, prefix: str) -> str:
        """Return the path of the playbook with this prefix."""
        return self._resume.scopes[prefix].path

    def on_cancel_results(self) -> dict[str, StepResult]:
        """Return the results of `on_cancel` steps, by id."""
        return {
            step_id: result
            for step_id, result in self._resume.results.items()
            if "on_cancel" in step_id.split("/")
        }
