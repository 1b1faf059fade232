"""Log-ins that a rerun from a later step needs: no secret is stored, so none can be taken over.

One of the top level is done again. One inside a nested playbook cannot be done without the rest of
that playbook, and the rerun is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ignition_toolkit.execution.needs import GATEWAY_KINDS
from ignition_toolkit.playbook.models import Step, StepStatus
from ignition_toolkit.playbook.program import NESTING_KIND
from ignition_toolkit.storage.rows import StepRow

LOGIN, LOGOUT = "gateway.login", "gateway.logout"


def login_to_redo(before: Sequence[Step], rows: Iterable[StepRow]) -> Step | None:
    """Return the log-in of the top level that held when these steps had ended; None for none.

    Args:
        before: the steps of the top level that are not run again, in order.
        rows: all steps of the run before.
    """
    done = _done(rows)
    last = [step for step in before if (step.id, step.type) in done]
    return last[-1] if last and last[-1].type == LOGIN else None


def hidden_logins(before: Sequence[Step], rows: Iterable[StepRow]) -> Iterator[str]:
    """Yield the ids of log-ins inside the playbooks that these steps ran, as `outer/inner`."""
    outer = {step.id for step in before}
    for step_id, kind in _done(rows):
        head, _, inner = step_id.partition("/")
        if kind == LOGIN and inner and head in outer:
            yield step_id


def work_on_gateway(steps: Iterable[Step]) -> bool:
    """Say whether any of these steps may speak to a gateway; a nested playbook may."""
    return any(s.type == NESTING_KIND or s.type.startswith(GATEWAY_KINDS) for s in steps)


def _done(rows: Iterable[StepRow]) -> dict[tuple[str, str], None]:
    """Return id and kind of the log-ins and log-outs that were completed, in order."""
    kinds, completed = (LOGIN, LOGOUT), StepStatus.COMPLETED.value
    return {(r.step_id, r.kind): None for r in rows if r.kind in kinds and r.status == completed}
