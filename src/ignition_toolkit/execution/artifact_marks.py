"""The mark of an execution whose artifacts may hold secrets: where those are from, never what.

It is stored with the execution, before its runner starts, and taken away when its artifacts are
redacted. By it a later worker knows whether the secrets can be looked up again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.credentials.secret import Secret, holds_secret
from ignition_toolkit.credentials.vault import Credential
from ignition_toolkit.execution.supplies import Supplies
from ignition_toolkit.playbook.gateways import ENVIRONMENT_CREDENTIAL

#: How the token of the environment is called for a person.
FROM_ENVIRONMENT = "IGNITION_API_TOKEN"


@dataclass(frozen=True)
class Mark:
    """That artifacts may hold secrets.

    Args:
        credentials: of the stored ones that were used, when each was changed last, as text.
        given: titles of the secrets that are stored nowhere.
        why: why the artifacts are still not redacted, for a person; None: it is to be done yet.
    """

    credentials: Mapping[str, str] = field(default_factory=dict)
    given: tuple[str, ...] = ()
    why: str | None = None

    # Any: a JSON column.
    def to_row(self) -> dict[str, Any]:
        """Return it as it is stored."""
        return {
            "credentials": dict(self.credentials),
            "given": list(self.given),
            "why": self.why,
        }

    # Any: a JSON column.
    @classmethod
    def of_row(cls, stored: dict[str, Any]) -> Mark:
        """Return what was stored. What is missing in it counts as unknown, never as nothing."""
        given = stored.get("given", ["what it was given"])
        why = stored.get("why")
        return cls(dict(stored.get("credentials", {})), tuple(given), why)


# Any: checked values; secrets are `Secret`.
def mark_of(arguments: Mapping[str, Any], supplies: Supplies) -> Mark:
    """Return the mark of an execution that has these parameters and is given these secrets."""
    given = [f"parameter {name}" for name, value in arguments.items() if holds_secret(value)]
    stored: dict[str, str] = {}
    for name in supplies.credentials:
        if name in supplies.changed_at:
            stored[name] = supplies.changed_at[name].isoformat()
        else:
            is_environment = name == ENVIRONMENT_CREDENTIAL
            given.append(FROM_ENVIRONMENT if is_environment else f"credential {name}")
    return Mark(stored, tuple(given))


@dataclass(frozen=True)
class KnownAgain:
    """What can be looked up of the secrets behind a mark.

    Args:
        redactor: knows those that are stored as they were.
        lost: titles of the others.
    """

    redactor: Redactor
    lost: tuple[str, ...]


def known_again(mark: Mark, credentials: Mapping[str, Credential]) -> KnownAgain:
    """Return what the stored credentials still tell of the secrets behind a mark.

    Args:
        mark: of an execution of an earlier worker.
        credentials: those that are stored now.
    """
    same: list[Secret] = []
    lost = list(mark.given)
    for name, changed_at in mark.credentials.items():
        found = credentials.get(name)
        if found is None:
            lost.append(f"credential {name}, which has been removed")
        elif found.changed_at.isoformat() != changed_at:
            lost.append(f"credential {name}, which has been changed")
        else:
            same.append(found.secret)
    return KnownAgain(Redactor(same), tuple(lost))
