"""Takes an execution's secrets out of what is stored and shown of it."""

from __future__ import annotations

from typing import Any

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.execution.views import Claim, Holding
from ignition_toolkit.playbook.handler_call import MAX_ERROR
from ignition_toolkit.playbook.json_values import jsonable
from ignition_toolkit.playbook.models import CancellationRecord, Leftover


# Any: JSON values of a handler's choosing.
def redacted_output(output: dict[str, Any] | None, redactor: Redactor) -> dict[str, Any] | None:
    """Return a step's outputs without secrets."""
    if output is None:
        return None
    redacted: Any = redactor.value(jsonable(output))
    return dict(redacted)


def redacted_cancellation(record: CancellationRecord, redactor: Redactor) -> CancellationRecord:
    """Return a cancellation record without secrets.

    Texts only: a pid or a year may hold the digits of a secret, and tells nothing by it.
    """
    text = redactor.text

    def text_or_none(value: str | None) -> str | None:
        return None if value is None else text(value)

    return record.model_copy(
        update={
            "requested_by": text_or_none(record.requested_by),
            "stuck_at": text_or_none(record.stuck_at),
            "in_flight": tuple(text(request) for request in record.in_flight),
            "killed": tuple(p.model_copy(update={"name": text(p.name)}) for p in record.killed),
            "leftovers": _redacted_leftovers(record.leftovers, redactor),
            "on_cancel": tuple(
                result.model_copy(update={"error": text_or_none(result.error)})
                for result in record.on_cancel
            ),
        }
    )


def redacted_holding(holds: Holding, redactor: Redactor) -> Holding:
    """Return what an execution holds without secrets."""
    claims = tuple(Claim(claim.kind, redactor.text(claim.name)) for claim in holds.claims)
    return Holding(claims=claims, leftovers=_redacted_leftovers(holds.leftovers, redactor))


def redacted_error(text: str, redactor: Redactor) -> str:
    """Return an error without secrets; the runner may have cut it off in the middle of one."""
    was_cut = len(text) >= MAX_ERROR
    return redactor.cut_text(text) if was_cut else redactor.text(text)


def _redacted_leftovers(
    leftovers: tuple[Leftover, ...], redactor: Redactor
) -> tuple[Leftover, ...]:
    text = redactor.text
    return tuple(
        left.model_copy(update={"name": text(left.name), "why": text(left.why)})
        for left in leftovers
    )
