"""The trial licence."""

from __future__ import annotations

from typing import Any

from ignition_toolkit.errors import GatewayDenied
from ignition_toolkit.gateway.answers import number
from ignition_toolkit.playbook.step_handler import Effect
from ignition_toolkit.steps.gateway.base import GatewayStep


class ResetTrial(GatewayStep):
    """Begins the trial anew."""

    type = "gateway.reset_trial"
    summary = "Begin the two hours of the trial anew, when they are over"
    effect = Effect.WRITES
    leaves = "perhaps a trial that has begun anew"

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Reset an expired trial; outputs `reset` and `seconds_left`.

        A gateway refuses while the trial is not over: then nothing is asked, and `reset` is
        false. Raises GatewayError. Cancellation: at once.
        """
        gateway = await self.gateway()
        trial = await gateway.upkeep.trial()
        if trial.get("expired") is not True:
            return {"reset": False, "seconds_left": number(trial.get("trialSecondsLeft"))}
        try:
            trial = await gateway.upkeep.reset_trial()
        except GatewayDenied:
            # Somebody else may have reset it in between, and the gateway refuses then, too.
            trial = await gateway.upkeep.trial()
            if trial.get("expired") is True:
                raise
            return {"reset": False, "seconds_left": number(trial.get("trialSecondsLeft"))}
        return {"reset": True, "seconds_left": number(trial.get("trialSecondsLeft"))}
