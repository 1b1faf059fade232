"""Makes what an execution runs, with the secrets that it needs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.credentials.secret import secrets_in
from ignition_toolkit.execution.artifact_marks import mark_of
from ignition_toolkit.execution.dispatch.claims import aliases_of, claims_of
from ignition_toolkit.execution.inventory import Inventory
from ignition_toolkit.execution.job import Job
from ignition_toolkit.execution.programs import Programs
from ignition_toolkit.execution.reruns import TakenOver
from ignition_toolkit.execution.supplies import Supplies
from ignition_toolkit.playbook.engine_host import Resume
from ignition_toolkit.playbook.program import LoadedProgram


@dataclass(frozen=True)
class Jobs:
    """Makes jobs.

    Args:
        programs: knows the modules of the step kinds.
        inventory: what is stored for executions.
        artifacts: folder of the executions' folders.
    """

    programs: Programs
    inventory: Inventory
    artifacts: Path

    # Any: checked values; secrets are `Secret`.
    async def make(
        self,
        execution_id: str,
        loaded: LoadedProgram,
        arguments: dict[str, Any],
        taken: TakenOver | None = None,
    ) -> Job:
        """Return what an execution runs; what is stored is taken as it now is.

        Raises NamesUnknown for a credential or a gateway that is not stored, VaultError and
        StoreError where they cannot be looked up.
        """
        supplies = await asyncio.get_running_loop().run_in_executor(
            None, self.inventory.supplies, loaded.program, arguments
        )
        modules, artifacts = self.programs.modules, self.artifacts / execution_id
        return new_job(loaded, arguments, taken, supplies, modules=modules, artifacts=artifacts)


def new_job(
    loaded: LoadedProgram,
    arguments: dict[str, Any],  # Any: checked values; secrets are `Secret`.
    taken: TakenOver | None,
    supplies: Supplies,
    *,
    modules: dict[str, str],
    artifacts: Path,
) -> Job:
    """Return what an execution runs, and claims.

    Args:
        loaded: the playbook, and those that it can run.
        arguments: checked values for its parameters.
        taken: what is taken over from the attempt before it.
        supplies: what it needs of what is stored.
        modules: module of each step kind.
        artifacts: folder for files that stay with the execution.
    """
    redactor = Redactor(secrets_in([arguments, supplies.credentials]))
    return Job(
        program=loaded.program,
        parameters=arguments,
        modules=modules,
        artifacts=artifacts,
        redactor=redactor,
        claims=claims_of(loaded.program, supplies.gateways.entries),
        aliases=aliases_of(supplies.gateways.entries),
        credentials=supplies.credentials,
        gateways=supplies.gateways,
        resume=taken.resume(loaded.program.main, arguments) if taken else Resume(),
        mark=mark_of(arguments, supplies) if redactor else None,
    )
