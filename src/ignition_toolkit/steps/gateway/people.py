"""Who else works on a gateway."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ignition_toolkit.gateway.readiness import not_ready
from ignition_toolkit.gateway.waiting import wait_until
from ignition_toolkit.playbook.step_handler import Effect
from ignition_toolkit.steps.gateway.base import GatewayStep, Strict


class WaitForNoDesigners(GatewayStep):
    """Waits until nobody has a designer open."""

    type = "gateway.wait_for_no_designers"
    summary = "Wait until no designer is open, so that nobody's work is interrupted"
    effect = Effect.READS

    class Params(Strict):
        """Parameters of gateway.wait_for_no_designers."""

        project_name: str | None = Field(None, description="only those that have this project open")
        timeout: float = Field(300, ge=0, description="for how long to wait at most, in seconds")

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Wait; outputs `waited_s`.

        Raises GatewayError; GatewayNotReady after the timeout, which names who is there.
        Cancellation: at once, nothing is left.
        """
        gateway = await self.gateway()
        project = params["project_name"]

        async def look() -> str | None:
            designers = await gateway.upkeep.designers()
            there = [one for one in designers if project in (None, one.get("project"))]
            return ", ".join(map(_words, there)) or None

        timeout_s = gateway.exchange.bounded(params["timeout"])
        waited = await wait_until(look, timeout_s, gateway.progress)
        if waited.in_vain:
            what = "had designers open"
            raise not_ready(gateway.target, waited, timeout_s, what)
        return {"waited_s": round(waited.seconds, 1)}


# Any: a JSON object.
def _words(designer: dict[str, Any]) -> str:
    project = designer.get("project") or "no project"
    return f"a designer of {designer.get('user')} at {designer.get('address')} with {project}"
