"""Backups of a whole gateway."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ignition_toolkit.playbook.step_handler import Effect
from ignition_toolkit.steps.gateway.base import FILE, GatewayStep, Strict


class Backup(GatewayStep):
    """Downloads a backup."""

    type = "gateway.backup"
    summary = "Download a backup of the gateway"
    effect = Effect.READS

    class Params(Strict):
        """Parameters of gateway.backup."""

        file: str = Field("gateway.gwbk", min_length=1, description=FILE)

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Download; outputs `file`, its whole path, and `size_bytes`.

        Raises StepFailed when the file cannot be written, GatewayError. Cancellation: at once;
        nothing new is under the file's name, and what was there before still is.
        """
        gateway = await self.gateway()
        file = self.artifact(params["file"])
        size = await gateway.upkeep.backup(file, gateway.progress)
        return {"file": str(file), "size_bytes": size}


class Restore(GatewayStep):
    """Restores a backup."""

    type = "gateway.restore"
    summary = "Replace what the gateway has by a backup; it restarts with it"
    effect = Effect.INTERRUPTS
    leaves = "nothing in the middle of the file; once all was sent, perhaps the restored gateway"

    class Params(Strict):
        """Parameters of gateway.restore."""

        file: str = Field(min_length=1, description=FILE)
        disabled: bool = Field(False, description="restore with its connections disabled")
        wait_for_ready: bool = Field(True, description="wait until it has restarted and is ready")
        timeout: float = Field(300, ge=0, description="for how long to wait at most, in seconds")

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Restore; outputs `waited_s` with the wait.

        Raises StepFailed when the file cannot be read, GatewayError; GatewayNotReady when the
        gateway was not seen to come back in time. Cancellation: at once; once all of the file was
        sent, whether it is restored is unknown, and the record says so.
        """
        gateway = await self.gateway()
        before = await gateway.readiness.before_restart()
        file = self.artifact(params["file"])
        await gateway.upkeep.restore(file, gateway.progress, disabled=params["disabled"])
        self.context.log(f"gateway {gateway.target.name} restores {file.name} and restarts")
        if not params["wait_for_ready"]:
            return {}
        waited = await gateway.readiness.wait_for_restart(before, params["timeout"])
        return {"waited_s": round(waited.seconds, 1)}
