"""What a worker is asked to start."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


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
