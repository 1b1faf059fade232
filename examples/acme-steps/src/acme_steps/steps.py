"""The step kinds `acme.*`. Start here to write step kinds of your own.

A class with a `type` is a kind, and the class says everything about it: `summary`, `effect` and
`leaves` for the people who read a playbook, `Params` for the check of its parameters. Waiting is
done with the toolkit's utilities; where code awaits, a cancel comes through by itself, and there
is nothing to check by hand.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from acme_steps.controller import LineController, LineStatus
from ignition_toolkit.playbook.cancellation import cancellable_poll
from ignition_toolkit.playbook.step_handler import Effect, StepHandler

# A name goes into a line of text, so it may hold neither blanks nor line ends.
NAME = r"^[\w.-]+$"


class LineParams(BaseModel):
    """Which line, and where its controller is."""

    model_config = ConfigDict(extra="forbid")

    line: str = Field(
        pattern=NAME, description="Number or name of the filling line", examples=["3"]
    )
    host: str = Field(default="127.0.0.1", description="Host of the line controller")
    port: int = Field(default=4001, ge=1, le=65535, description="TCP port of the line controller")


def controller(params: dict[str, Any]) -> LineController:
    """Return the controller that a step's parameters name."""
    return LineController(params["host"], params["port"])


class WaitForLine(StepHandler):
    """Outputs: `line`, `state`, `bottles`. Cancellation: ends at once and leaves nothing."""

    type = "acme.wait_for_line"
    summary = "Wait until the filling line is in a state, such as ready"
    effect = Effect.READS

    class Params(LineParams):
        state: str = Field(
            default="ready", description="The state to wait for: ready, running or idle"
        )
        timeout: float = Field(default=30.0, gt=0, description="Seconds to wait")
        poll_interval: float = Field(default=1.0, gt=0, description="Seconds between two looks")

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        status = await cancellable_poll(
            lambda: self.in_state(params),
            # A wait that would outlast the step fails plainly before the step is stopped for it.
            timeout=min(params["timeout"], self.context.remaining()),
            poll_interval=params["poll_interval"],
            error_message=f"line {params['line']} was not {params['state']} in time",
        )
        return {"line": params["line"], "state": status.state, "bottles": status.bottles}

    async def in_state(self, params: dict[str, Any]) -> LineStatus | None:
        """Return the line's status once it is in the state that is waited for."""
        status = await controller(params).status(params["line"])
        self.context.progress(status.bottles, message=f"line is {status.state}")
        return status if status.state == params["state"].lower() else None


class SetRecipe(StepHandler):
    """Outputs: `line`, `recipe`. Cancellation: ends at once; see `leaves`."""

    type = "acme.set_recipe"
    summary = "Give the filling line the recipe of the next product"
    effect = Effect.WRITES
    leaves = "The line may have taken the recipe, when the cancel came before its answer"

    class Params(LineParams):
        recipe: str = Field(pattern=NAME, description="Name of the recipe", examples=["cola-330"])

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        await controller(params).set_recipe(params["line"], params["recipe"])
        self.context.log(f"line {params['line']} has the recipe {params['recipe']}")
        return {"line": params["line"], "recipe": params["recipe"]}
