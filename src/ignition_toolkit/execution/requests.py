"""What a worker is asked: to start an execution, and to cancel one."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Literal

from ignition_toolkit.playbook.models import CancellationRecord, CancelSource, utc_now


@dataclass(frozen=True)
class StartRequest:
    """One execution to start.

    Args:
        playbook_path: path inside the library, or the name of a file outside it.
        playbook_text: YAML of a playbook that is not in the library; nested ones come from it.
        parameters: values by name, as JSON or as text; the playbook's types decide.
        requested_by: who asks, for the record.
        source: from where it was asked.
    """

    playbook_path: str | None
    playbook_text: str | None = None
    # Any: JSON values of the types that the playbook declares.
    parameters: dict[str, Any] = field(default_factory=dict)
    requested_by: str | None = None
    source: Literal["api", "cli", "web"] = "api"


@dataclass(frozen=True)
class CancelRequest:
    """Somebody's wish that an execution ends.

    Args:
        record: by whom and from where, with the time of the wish.
        t: that time in monotonic seconds.
    """

    record: CancellationRecord
    t: float

    @classmethod
    def now(cls, source: CancelSource, requested_by: str | None) -> CancelRequest:
        """Return the wish of this moment."""
        t = time.monotonic()
        return cls(
            CancellationRecord(requested_at=utc_now(), requested_by=requested_by, source=source), t
        )
