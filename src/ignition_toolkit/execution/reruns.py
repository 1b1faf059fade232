"""What a rerun takes over from the attempt before it, and why it may be refused.

A rerun uses the parameters of the old run, and, when it begins at a later step, the outputs and
variables of the steps before that one. All of it comes from the database, where no secret is: what
was redacted or never stored is not made up, the rerun is refused and says what it lacks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ignition_toolkit.credentials.secret import REDACTED
from ignition_toolkit.errors import ParametersInvalid, ReferenceUnresolved, RerunRefused
from ignition_toolkit.execution.logins import hidden_logins, login_to_redo, work_on_gateway
from ignition_toolkit.execution.views import StepView
from ignition_toolkit.playbook.arguments import check_arguments
from ignition_toolkit.playbook.context import Scope
from ignition_toolkit.playbook.engine_host import Resume, ScopeState
from ignition_toolkit.playbook.json_values import to_wire
from ignition_toolkit.playbook.models import Playbook, Step, StepResult, StepStatus
from ignition_toolkit.playbook.parameters import Reference, references, resolve
from ignition_toolkit.playbook.wording import listed, nearest, shown
from ignition_toolkit.storage.rows import ExecutionRow, StepRow


@dataclass(frozen=True)
class TakenOver:
    """What the steps before the one that a rerun begins at gave in the attempt before.

    Args:
        from_step: id of the step that it begins at.
        steps: those before it, in order.
        outputs: by step id, of the steps that have any.
        variables: by step id, as `kept_variables` returns them.
        redone: the one of the steps that is done again, as what it established is not stored.
    """

    from_step: str
    steps: tuple[Step, ...]
    # Any: JSON values of the playbook's choosing.
    outputs: Mapping[str, dict[str, Any]]
    variables: Mapping[str, dict[str, Any]]
    redone: Step | None = None

    @classmethod
    def read(cls, main: Playbook, from_step: str, rows: Sequence[StepRow]) -> TakenOver:
        """Return what stored steps gave. Raises RerunRefused where there is no such step."""
        ids = [step.id for step in main.steps]
        if from_step not in ids:
            raise RerunRefused(
                f"expected a step of the top level of {main.path} to begin at, found "
                f"{shown(from_step)}; there are {listed(ids)}{nearest(from_step, ids)}"
            )
        before = main.steps[: ids.index(from_step)]
        known = {row.step_id: row for row in rows}
        found = [known[step.id] for step in before if step.id in known]
        return cls(
            from_step=from_step,
            steps=before,
            outputs={row.step_id: row.output for row in found if row.output is not None},
            variables={row.step_id: row.variables for row in found if row.variables is not None},
            redone=login_to_redo(before, rows),
        )

    @property
    def values(self) -> dict[str, Any]:  # Any: JSON values of the playbook's choosing
        """The variables as they were when these steps had ended, those withheld left out."""
        found: dict[str, Any] = {}
        for kept in self._kept().values():
            for name in kept.get("withheld", ()):
                found.pop(name, None)
            found |= kept.get("values", {})
        return found

    @property
    def withheld(self) -> dict[str, str]:
        """The variables whose last value is not stored, each with the step that set it."""
        found: dict[str, str] = {}
        for step_id, kept in self._kept().items():
            for name in kept.get("values", {}):
                found.pop(name, None)
            found |= dict.fromkeys(kept.get("withheld", ()), step_id)
        return found

    def _kept(self) -> dict[str, dict[str, Any]]:
        in_order = (step.id for step in self.steps)
        return {
            step_id: self.variables[step_id] for step_id in in_order if step_id in self.variables
        }

    @property
    def _not_run(self) -> Iterator[Step]:
        return (step for step in self.steps if step is not self.redone)

    def views(self, at: datetime) -> Iterator[StepView]:
        """Yield these steps as the rerun shows them: skipped, with the outputs taken over."""
        for step in self._not_run:
            yield StepView(
                step_id=step.id,
                step_name=step.name,
                type=step.type,
                status=StepStatus.SKIPPED,
                completed_at=at,
                output=self.outputs.get(step.id),
            )

    def resume(self, main: Playbook, arguments: Mapping[str, Any]) -> Resume:  # Any: as values
        """Return what a runner has to know to begin where the rerun begins.

        Args:
            main: the playbook.
            arguments: checked values for its parameters.
        """
        scope = ScopeState(
            path=main.path, parameters=to_wire(dict(arguments)), variables=to_wire(self.values)
        )
        results = {
            step.id: StepResult(
                step_id=step.id, status=StepStatus.SKIPPED, output=self.outputs.get(step.id, {})
            )
            for step in self._not_run
        }
        return Resume(results=results, scopes={"": scope})


@dataclass(frozen=True)
class Prepared:
    """What a rerun starts with: checked parameters, and what is taken over."""

    # Any: values of the types that the playbook declares.
    arguments: dict[str, Any]
    taken: TakenOver | None


def prepare(
    old: ExecutionRow, rows: Sequence[StepRow], main: Playbook, from_step: str | None
) -> Prepared:
    """Return what a rerun of an execution starts with.

    Args:
        old: the execution.
        rows: its steps.
        main: the playbook that is to be run, of the old snapshot or of the library.
        from_step: where to begin; None: at the first step.

    Raises:
        RerunRefused: there is no such step, the playbook does not take the old parameters any more,
            or a value is needed that is not stored in full. Field `missing` says for each why.
    """
    arguments, missing = _arguments(old, main)
    taken = None
    if from_step is not None and from_step != main.steps[0].id:
        taken = TakenOver.read(main, from_step, rows)
        missing |= _missing(taken, main) | _hidden_logins(taken, main, rows)
    if missing:
        raise _refusal(old, missing, taken)
    return Prepared(arguments, taken)


# Any: as in Prepared.
def _arguments(old: ExecutionRow, main: Playbook) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the old values, checked, and why those are missing that cannot be had."""
    declared = {parameter.name for parameter in main.parameters}
    secret = [name for name in old.secret_parameters if name in declared]
    why = {f"parameter {name}": _NOT_STORED for name in secret}
    given = {n: value for n, value in old.parameters.items() if n not in old.secret_parameters}
    try:
        return check_arguments(main, given), why
    except ParametersInvalid as error:
        wrong = {f"parameter {name}": text for name, text in error.parameters.items()}
        return {}, wrong | why


_NOT_STORED = "it was given as a secret, and secrets are never stored"


def _refusal(old: ExecutionRow, missing: dict[str, str], taken: TakenOver | None) -> RerunRefused:
    lines = "; ".join(f"{what}: {why}" for what, why in missing.items())
    where = f" from step {taken.from_step!r}" if taken else ""
    advice = "begin at an earlier step, or start" if taken else "start"
    return RerunRefused(
        f"execution {old.id} cannot be run again{where}: {lines}; {advice} the playbook anew",
        missing=missing,
    )


def _missing(taken: TakenOver, main: Playbook) -> dict[str, str]:
    """Return what the steps from the first one on need and would not find, with the reason."""
    # A script or a handler can read a variable without a reference: each of them may be needed.
    found = {
        f"variable {name}": f"step {step!r} set it to a value that held a secret or was too large, "
        "and it is not stored"
        for name, step in taken.withheld.items()
    }
    first, *later = main.steps[len(taken.steps) :]
    at_first = [taken.redone, first] if taken.redone is not None else [first]
    for reference in (one for step in at_first for one in references(step.parameters)):
        if why := _lacks_variable(reference, taken):
            found.setdefault(f"variable {reference.path[0]}", why)
    for step in (*at_first, *later, *main.on_cancel):
        for reference in references(step.parameters):
            if why := _lacks_output(reference, taken):
                found[reference.text] = why
    return found


def _hidden_logins(taken: TakenOver, main: Playbook, rows: Sequence[StepRow]) -> dict[str, str]:
    """Return the log-ins that held and cannot be done again by themselves, with the reason."""
    if not work_on_gateway((*main.steps[len(taken.steps) :], *main.on_cancel)):
        return {}
    return {
        f"log-in of step {step_id}": f"step {step_id.partition('/')[0]!r}, which is not run again,"
        " logged in to a gateway inside its playbook, and a log-in is never stored"
        for step_id in hidden_logins(taken.steps, rows)
    }


def _lacks_variable(reference: Reference, taken: TakenOver) -> str | None:
    if reference.word != "variable" or reference.path[0] in taken.values:
        return None
    return "no step before had set it in that run"


def _lacks_output(reference: Reference, taken: TakenOver) -> str | None:
    if reference.word != "step" or reference.path[0] not in {step.id for step in taken.steps}:
        return None
    if reference.path[0] not in taken.outputs:
        return f"step {reference.path[0]!r} gave no outputs in that run"
    try:
        value = resolve(reference.text, Scope("", {}, {}, dict(taken.outputs), _no_credential))
    except ReferenceUnresolved as error:
        return error.message
    if _holds_mark(value):
        return f"it holds {REDACTED}, which stands where a secret was"
    return None


# Any: a credential's fields.
def _no_credential(name: str) -> Mapping[str, Any]:
    raise KeyError(name)


def _holds_mark(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_mark(part) for item in value.items() for part in item)
    if isinstance(value, list | tuple):
        return any(map(_holds_mark, value))
    return isinstance(value, str) and REDACTED in value
