"""The step kind that runs another playbook."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ignition_toolkit.playbook.step_handler import Effect, StepHandler


class RunPlaybook(StepHandler):
    """Runs a playbook of the library as one step."""

    type = "playbook.run"
    summary = "Run another playbook; its steps show below this one"
    effect = Effect.WRITES
    leaves = "what the steps of that playbook leave; its own on_cancel steps are run first"

    class Params(BaseModel):
        """Parameters of playbook.run: every other key is a parameter of that playbook."""

        model_config = ConfigDict(extra="allow")

        playbook: str = Field(
            description="path inside the library, such as tests/smoke.yaml",
            examples=["tests/smoke.yaml"],
        )

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Run it; outputs are the variables that it has set.

        Raises StepFailed when one of its steps fails. Cancellation: its running step is stopped
        within the grace, the ones after it do not run.
        """
        given = {name: value for name, value in params.items() if name != "playbook"}
        return await self.context.run_playbook(params["playbook"], given)
