"""Restarts, and waiting until a gateway is ready."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ignition_toolkit.playbook.step_handler import Effect
from ignition_toolkit.steps.gateway.base import GatewayStep, Strict


class WaitForReady(GatewayStep):
    """Waits until the gateway is ready."""

    type = "gateway.wait_for_ready"
    summary = "Wait until the gateway runs and answers; needs no log-in, works with 8.1"
    effect = Effect.READS

    class Params(Strict):
        """Parameters of gateway.wait_for_ready."""

        timeout: float = Field(120, ge=0, description="for how long to wait at most, in seconds")

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Wait; outputs `waited_s`.

        Raises GatewayNotReady with the last state after the timeout, and GatewayError at once for
        what waiting will not change. Cancellation: at once, nothing is left.
        """
        gateway = await self.gateway_as_it_is()
        waited = await gateway.readiness.wait(params["timeout"])
        return {"waited_s": round(waited.seconds, 1)}


class Restart(GatewayStep):
    """Restarts the gateway."""

    type = "gateway.restart"
    summary = "Restart the gateway, and wait until it has if told so"
    effect = Effect.INTERRUPTS
    leaves = "a restart that was asked for and is not waited for; it is never asked for twice"

    class Params(Strict):
        """Parameters of gateway.restart."""

        wait_for_ready: bool = Field(False, description="wait until it has restarted and is ready")
        timeout: float = Field(120, ge=0, description="for how long to wait at most, in seconds")

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Restart; outputs `uptime_before_s`, and with the wait `waited_s`.

        Raises GatewayError; GatewayNotReady when it was not seen to come back in time.
        Cancellation: at once. Once the request is under way, whether it restarts is unknown, and
        the record says so.
        """
        gateway = await self.gateway()
        before = await gateway.readiness.before_restart()
        await gateway.upkeep.restart()
        self.context.log(f"gateway {gateway.target.name} was told to restart")
        found: dict[str, Any] = {"uptime_before_s": before.uptime_s}
        if params["wait_for_ready"]:
            waited = await gateway.readiness.wait_for_restart(before, params["timeout"])
            found["waited_s"] = round(waited.seconds, 1)
        return found
