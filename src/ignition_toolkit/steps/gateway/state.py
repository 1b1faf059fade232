"""What a gateway says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ignition_toolkit.errors import GatewayUnsupported
from ignition_toolkit.gateway.answers import number
from ignition_toolkit.playbook.step_handler import Effect
from ignition_toolkit.steps.gateway.base import GatewayStep

if TYPE_CHECKING:
    from ignition_toolkit.gateway.gateway import Gateway


class Ping(GatewayStep):
    """Asks for the state."""

    type = "gateway.ping"
    summary = "Ask the gateway for its state; needs no log-in, works with 8.1"
    effect = Effect.READS

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Ask once; outputs `state`, `details` and `running` (RUNNING, and nothing to add).

        Raises GatewayError when nothing answers. Cancellation: at once, nothing is left.
        """
        gateway = await self.gateway_as_it_is()
        said = await gateway.upkeep.ping()
        details = said.get("details")
        running = said["state"] == "RUNNING" and not details
        return {"state": said["state"], "details": details, "running": running}


class GetInfo(GatewayStep):
    """Asks for name and version."""

    type = "gateway.get_info"
    summary = "Ask the gateway for its name, version, edition and licence; with 8.1 for less"
    effect = Effect.READS

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Ask; outputs `name`, `version`, `edition`, and `info`, all that it said.

        Raises GatewayError. Cancellation: at once, nothing is left.
        """
        gateway = await self.gateway()
        try:
            info = await gateway.upkeep.info()
        except GatewayUnsupported:
            return await _old_info(gateway)
        return {
            "name": info.get("name"),
            "version": str(info.get("ignitionVersion", "")).split(" ")[0],
            "edition": info.get("edition"),
            "info": info,
        }


async def _old_info(gateway: Gateway) -> dict[str, Any]:
    """Return what 8.1 tells, which has no name of the gateway."""
    info = await gateway.upkeep.gwinfo()
    version, edition = info.get("Version", ""), info.get("PlatformEdition", "")
    return {"name": None, "version": version, "edition": edition, "info": info}


class GetHealth(GatewayStep):
    """Asks how the gateway does."""

    type = "gateway.get_health"
    summary = "Ask the gateway for its load, memory, uptime, trial and reported problems"
    effect = Effect.READS

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Ask; outputs `state`, `uptime_s`, `cpu` (0 to 1), `memory`, `disk`, `trial`, `problems`.

        Raises GatewayError. Cancellation: at once, nothing is left.
        """
        gateway = await self.gateway()
        said = await gateway.upkeep.ping()
        overview = await gateway.upkeep.overview()
        uptime = number(overview.get("uptime"))
        return {
            "state": said["state"],
            "uptime_s": None if uptime is None else uptime / 1000,
            "cpu": overview.get("cpu"),
            "memory": _memory(overview.get("memory")),
            "disk": overview.get("disk"),
            "trial": await gateway.upkeep.trial(),
            "problems": await gateway.upkeep.problems(),
        }


# Any: a JSON value.
def _memory(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    return {"used_bytes": value[0], "max_bytes": value[1]}
