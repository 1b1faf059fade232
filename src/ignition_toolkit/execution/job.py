"""What an execution runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.execution.artifact_marks import Mark
from ignition_toolkit.execution.dispatch.lines import Aliases
from ignition_toolkit.execution.views import Claim
from ignition_toolkit.playbook.engine_host import Resume
from ignition_toolkit.playbook.gateways import Gateways
from ignition_toolkit.playbook.models import Program


@dataclass(frozen=True)
class Job:
    """A program with everything that it is given. Holds secrets; never stored, never logged.

    Args:
        program: the playbook, and those that it can run.
        parameters: checked values; secrets are `Secret`.
        modules: module of each step kind.
        artifacts: folder for files that stay with the execution.
        redactor: knows the secrets.
        claims: what it keeps for itself while it runs.
        aliases: further names of what it claims.
        credentials: their fields, by name.
        gateways: those that its playbooks work on.
        resume: what was done before its first step, by the attempt that a rerun goes on from.
        mark: where the secrets are from that its artifacts may hold; None when it knows none.
    """

    program: Program
    # Any: values of the types that the playbook declares.
    parameters: dict[str, Any]
    modules: dict[str, str]
    artifacts: Path
    redactor: Redactor
    claims: frozenset[Claim] = frozenset()
    aliases: Aliases = field(default_factory=dict)
    credentials: dict[str, dict[str, Any]] = field(default_factory=dict)
    gateways: Gateways = field(default_factory=Gateways)
    resume: Resume = field(default_factory=Resume)
    mark: Mark | None = None
