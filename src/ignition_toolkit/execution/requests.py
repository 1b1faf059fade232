"""What a worker is asked: about executions, and about what is stored for them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from ignition_toolkit.credentials import Secret
from ignition_toolkit.credentials.vault import CredentialType
from ignition_toolkit.playbook.gateways import GatewayEntry
from ignition_toolkit.playbook.models import (
    CancellationRecord,
    CancelSource,
    ExecutionStatus,
    utc_now,
)

#: How long a repeated start with the same idempotency key returns the first execution.
KEY_LIFE = timedelta(hours=24)

Source = Literal["api", "cli", "web"]


@dataclass(frozen=True)
class Wanted:
    """Which executions are asked for; None takes all.

    Args:
        status: those in this status.
        over: those that have a final status; False: those that have none yet.
        playbook_path: those of this playbook.
        since: those made then or later.
        until: those made before.
    """

    status: ExecutionStatus | None = None
    over: bool | None = None
    playbook_path: str | None = None
    since: datetime | None = None
    until: datetime | None = None


EVERY = Wanted()


@dataclass(frozen=True)
class StartRequest:
    """One execution to start.

    Args:
        playbook_path: path inside the library, or the name of a file outside it.
        playbook_text: YAML of a playbook that is not in the library; nested ones come from it.
        parameters: values by name, as JSON or as text; the playbook's types decide.
        requested_by: who asks, for the record.
        source: from where it was asked.
        idempotency_key: the same for each repetition of one request; None: each is one of its own.
    """

    playbook_path: str | None
    playbook_text: str | None = None
    # Any: JSON values of the types that the playbook declares.
    parameters: dict[str, Any] = field(default_factory=dict)
    requested_by: str | None = None
    source: Source = "api"
    idempotency_key: str | None = None


@dataclass(frozen=True)
class StartKey:
    """An idempotency key, and what tells another request with the same key from a repetition."""

    text: str
    fingerprint: str


@dataclass(frozen=True)
class RerunRequest:
    """One execution to run again.

    Args:
        from_step: id of the step of the top level to begin at; None: the first one.
        newest: whether to run what the library has now; else the text that was run before.
        requested_by: who asks, for the record.
        source: from where it was asked.
    """

    from_step: str | None = None
    newest: bool = False
    requested_by: str | None = None
    source: Source = "api"


@dataclass(frozen=True)
class PruneRequest:
    """Old executions to remove.

    Args:
        older_than_days: those that ended before so many days, whatever became of them; None: those
            that are older than the worker is to keep them.
        dry_run: tell what there is, and remove nothing.
        requested_by: who asks, for the record.
        source: from where it was asked; `schedule` for the daily look.
    """

    older_than_days: int | None = None
    dry_run: bool = False
    requested_by: str | None = None
    source: Source | Literal["schedule"] = "api"


@dataclass(frozen=True)
class Requester:
    """Who asks, and from where, for the record."""

    source: Source
    name: str | None = None


@dataclass(frozen=True)
class CredentialRequest:
    """One credential to store.

    Args:
        name: by which playbooks refer to it.
        type: what it is.
        secret: the password or the token.
        by: who asks.
        username: of a password, where it has one.
        replace: whether it may replace one of the same name.
    """

    name: str
    type: CredentialType
    secret: Secret
    by: Requester
    username: str | None = None
    replace: bool = False


@dataclass(frozen=True)
class GatewayRequest:
    """One gateway to register.

    Args:
        entry: with a name.
        by: who asks.
        replace: whether it may replace one of the same name.
    """

    entry: GatewayEntry
    by: Requester
    replace: bool = False


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
