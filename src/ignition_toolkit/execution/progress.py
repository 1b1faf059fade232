"""What an execution has done so far, kept in full so that a fresh runner can take it up."""

from __future__ import annotations

from ignition_toolkit.playbook.engine_host import (
    Attempted,
    Resume,
    ScopeState,
    without_prefix,
)
from ignition_toolkit.playbook.events import Remembered, ScopeOpened, StepChanged, VariableSet
from ignition_toolkit.playbook.models import Playbook, Program, Step, StepResult, StepStatus

#: What stands between a playbook's prefix and the id of one of its on_cancel steps.
ON_CANCEL = "on_cancel/"


class Progress:
    """Results, attempts, variables and the running steps of one execution.

    Values are as the runner sent them, secrets included: they are never stored, and go to the
    next runner of the same execution only.

    Args:
        program: what is run.
        before: what an earlier attempt did, of which this one is a rerun.
    """

    def __init__(self, program: Program, before: Resume | None = None) -> None:
        self._program = program
        self._resume = (before or Resume()).model_copy(deep=True)
        #: The running steps, outermost first, with what was said of them last.
        self.running: dict[str, StepChanged] = {}
        #: Those that ran when their runner was gone, until the next one takes them up.
        self.interrupted: dict[str, StepChanged] = {}
        #: The steps that a cancel stopped.
        self.cancelled: list[str] = []
        #: Whether any step has begun.
        self.started = False

    @property
    def innermost(self) -> str | None:
        """Id of the innermost running step."""
        return next(reversed(self.running), None)

    @property
    def outermost(self) -> str | None:
        """Id of the running step of the top level."""
        return next(iter(self.running), None)

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

    def on_remembered(self, remembered: Remembered) -> None:
        """Take note of what the rest of the execution has to know."""
        self._resume.remembered[remembered.key] = remembered.value

    def fail_attempt(self, step_id: str, attempt: int, error: str) -> None:
        """Note that an attempt failed because its runner is gone."""
        self._resume = without_prefix(self._resume, f"{step_id}/")
        self._resume.attempts[step_id] = Attempted(used=attempt, error=error)
        self.take_up_outer(step_id)

    def skip(self, step_id: str, attempt: int) -> None:
        """Note that a step was skipped while it ran."""
        self._resume = without_prefix(self._resume, f"{step_id}/")
        status = StepStatus.SKIPPED
        self._resume.results[step_id] = StepResult(step_id=step_id, status=status, attempts=attempt)
        self.take_up_outer(step_id)

    def take_up_outer(self, step_id: str) -> None:
        """Have the attempts of the steps around this one taken up by the next runner."""
        for outer in self.running.values():
            if step_id.startswith(f"{outer.step_id}/"):
                self._resume.attempts[outer.step_id] = Attempted(
                    used=outer.attempt, deadline=outer.deadline
                )
        self.interrupted = dict(self.running)
        self.running.clear()

    def late(self, now: float) -> StepChanged | None:
        """Return the outermost interrupted step that is to be taken up and has no time left.

        Args:
            now: monotonic second.
        """
        for step_id, change in self.interrupted.items():
            attempted = self._resume.attempts.get(step_id)
            until = attempted.deadline if attempted is not None else None
            if until is not None and until <= now:
                return change
        return None

    def interrupted_below(self, step_id: str) -> list[StepChanged]:
        """Return the interrupted steps inside a step, innermost first, with their errors."""
        attempts = self._resume.attempts
        return [
            change.model_copy(update={"error": attempts[inner].error})
            if inner in attempts
            else change
            for inner, change in reversed(self.interrupted.items())
            if inner.startswith(f"{step_id}/")
        ]

    def resume(self) -> Resume:
        """Return what a fresh runner has to know."""
        return self._resume.model_copy(deep=True)

    def stopped_playbooks(self) -> dict[str, Playbook]:
        """Return the playbooks that a cancel stopped, by prefix, innermost first."""
        if not self.started:
            return {}
        stopped = {f"{step_id}/" for step_id in (*self.cancelled, *self.running)}
        nested = [prefix for prefix in self._resume.scopes if prefix in stopped]
        prefixes = [*sorted(nested, key=lambda prefix: -prefix.count("/")), ""]
        return {prefix: self._playbook(prefix) for prefix in prefixes}

    def step(self, step_id: str) -> Step | None:
        """Return the playbook's step with an execution's step id, None when it is unknown."""
        prefix, _, name = step_id.rpartition("/")
        prefix = f"{prefix}/" if prefix else ""
        is_clean_up = prefix.endswith(ON_CANCEL) and prefix not in self._resume.scopes
        if is_clean_up:
            prefix = prefix.removesuffix(ON_CANCEL)
        if prefix and prefix not in self._resume.scopes:
            return None
        playbook = self._playbook(prefix)
        steps = playbook.on_cancel if is_clean_up else playbook.steps
        return next((step for step in steps if step.id == name), None)

    def _playbook(self, prefix: str) -> Playbook:
        if not prefix:
            return self._program.main
        return self._program.nested[self._resume.scopes[prefix].path]
