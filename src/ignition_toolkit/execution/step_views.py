"""A step as clients see it: before it has begun, and after what a runner tells of it."""

from __future__ import annotations

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.execution.redacted import redacted_error, redacted_output
from ignition_toolkit.execution.views import StepView
from ignition_toolkit.playbook.events import StepChanged
from ignition_toolkit.playbook.models import Step, StepStatus


def pending(step: Step, prefix: str) -> StepView:
    """Return a step that has not begun; `prefix` is the id of its outer one and a slash."""
    return StepView(
        step_id=prefix + step.id,
        step_name=step.name,
        parent_step_id=prefix[:-1] if prefix else None,
        type=step.type,
        status=StepStatus.PENDING,
    )


def changed(old: StepView | None, change: StepChanged, redactor: Redactor) -> StepView:
    """Return a step after a change, without secrets.

    Args:
        old: the step before, None where it was not known.
        change: what the runner tells.
        redactor: knows the execution's secrets.
    """
    started = old.started_at if old else None
    if not change.status.final and (old is None or old.status.final or started is None):
        started = change.at
    return StepView(
        step_id=change.step_id,
        step_name=change.step_name,
        parent_step_id=change.parent_step_id,
        type=change.type,
        status=change.status,
        started_at=started,
        completed_at=change.at if change.status.final else None,
        output=redacted_output(change.output, redactor),
        error=redacted_error(change.error, redactor) if change.error else None,
        attempts=change.attempt,
        cancellation=old.cancellation if old else None,
    )
