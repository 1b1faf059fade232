"""Notes of who did what, for the audit table. No secret gets into one."""

from __future__ import annotations

from enum import StrEnum

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.execution.views import ExecutionSummary
from ignition_toolkit.playbook.models import utc_now
from ignition_toolkit.storage.changes import AddAudit

NO_SECRETS = Redactor(())

#: Characters of a text that are kept: notes stay when what they are of has gone.
MAX_TEXT = 1000


class Action(StrEnum):
    """What can be done, as the audit table names it."""

    #: An execution was accepted.
    START = "start"
    #: An execution was accepted that runs an old one again.
    RERUN = "rerun"
    #: The end of an execution was asked for; also once more.
    CANCEL = "cancel"
    #: A pause after the current step was asked for.
    PAUSE = "pause"
    #: An execution was told to go on.
    RESUME = "resume"
    #: The current or the next step was to be skipped.
    SKIP = "skip"
    #: What an execution blocked that could not be stopped was freed.
    RELEASE = "release"
    #: Withheld artifacts were given out as they are.
    RELEASE_ARTIFACTS = "release_artifacts"
    #: Old executions were removed.
    PRUNE = "prune"
    #: A credential was stored, stored anew, removed.
    CREDENTIAL_ADD = "credential_add"
    CREDENTIAL_CHANGE = "credential_change"
    CREDENTIAL_REMOVE = "credential_remove"
    #: A gateway was registered, registered anew, removed.
    GATEWAY_ADD = "gateway_add"
    GATEWAY_CHANGE = "gateway_change"
    GATEWAY_REMOVE = "gateway_remove"


def note(
    action: Action,
    *,
    source: str,
    requested_by: str | None,
    execution_id: str | None = None,
    redactor: Redactor = NO_SECRETS,
    **detail: str | int | bool | None,
) -> AddAudit:
    """Return the change that writes a note of this moment.

    Args:
        action: what was done.
        source: from where it was asked: `web`, `api`, `cli`, `shutdown`, `schedule`.
        requested_by: who asked.
        execution_id: what it was done to.
        redactor: knows that execution's secrets.
        detail: what else is worth knowing; None is left out.
    """
    told = {name: value for name, value in detail.items() if value is not None}
    return AddAudit(
        actor=redactor.text(requested_by)[:MAX_TEXT] if requested_by is not None else None,
        source=source,
        action=action.value,
        at=utc_now(),
        execution_id=execution_id,
        detail={
            name: redactor.text(value)[:MAX_TEXT] if isinstance(value, str) else value
            for name, value in told.items()
        },
    )


def accepted(summary: ExecutionSummary, source: str, redactor: Redactor) -> AddAudit:
    """Return the note of an execution that is accepted: started, or run again."""
    return note(
        Action.START if summary.rerun_of is None else Action.RERUN,
        source=source,
        requested_by=summary.requested_by,
        execution_id=summary.execution_id,
        redactor=redactor,
        playbook=summary.playbook_path,
        rerun_of=summary.rerun_of,
        from_step=summary.rerun_from_step,
    )
