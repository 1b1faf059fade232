"""What happened, as the command line follows it: the same from a worker here and from a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """One event. `id` is 0 where there is none."""

    id: int
    #: `execution`, `step`, `log` or `progress`.
    kind: str
    # Any: a JSON object, of the shape that `kind` names.
    data: dict[str, Any]

    @property
    def is_last(self) -> bool:
        """Whether it says that its execution is over: nothing follows."""
        if self.kind != "execution":
            return False
        # Imported here: the models take longer to import than a cancel takes.
        from ignition_toolkit.playbook.models import ExecutionStatus

        try:
            return ExecutionStatus(str(self.data.get("status"))).final
        except ValueError:
            return False
