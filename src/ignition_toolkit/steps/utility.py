"""Step kinds that need no outside system: sleep, log, set a variable."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ignition_toolkit.playbook.cancellation import cancellable_sleep
from ignition_toolkit.playbook.json_values import jsonable
from ignition_toolkit.playbook.step_handler import Effect, StepHandler


def as_text(value: object) -> str:
    """Return a value as a person would write it; a secret shows as its hidden form."""
    if isinstance(value, (dict, list, bool)) or value is None:
        return json.dumps(jsonable(value), ensure_ascii=False, default=str)
    return str(value)


Text = Annotated[str, BeforeValidator(as_text)]


class Sleep(StepHandler):
    """Waits, and does nothing else."""

    type = "utility.sleep"
    summary = "Wait for a number of seconds"
    effect = Effect.READS

    class Params(BaseModel):
        """Parameters of utility.sleep."""

        model_config = ConfigDict(extra="forbid")

        seconds: float = Field(ge=0, description="how long to wait, in seconds", examples=[60.0])

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Sleep; outputs `slept`, in seconds. Cancellation: at once, nothing is left."""
        await cancellable_sleep(params["seconds"])
        return {"slept": params["seconds"]}


class Log(StepHandler):
    """Writes one line."""

    type = "utility.log"
    summary = "Write a line to the execution's log"
    effect = Effect.READS

    class Params(BaseModel):
        """Parameters of utility.log."""

        model_config = ConfigDict(extra="forbid")

        message: Text = Field(description="the text", examples=["line 3 is ready"])
        level: Literal["debug", "info", "warning", "error"] = Field(
            "info", description="how much it matters"
        )

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Log; outputs `message`."""
        self.context.log(params["message"], params["level"])
        return {"message": params["message"]}


class SetVariable(StepHandler):
    """Gives a name to a value."""

    type = "utility.set_variable"
    summary = "Set a variable that later steps read as {{ variable.name }}"
    effect = Effect.READS

    class Params(BaseModel):
        """Parameters of utility.set_variable."""

        model_config = ConfigDict(extra="forbid")

        name: str = Field(min_length=1, description="the variable's name", examples=["batch"])
        # Any: whatever the playbook's author wants to keep.
        value: Any = Field(description="its value, of any type", examples=[17])

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Set the variable; outputs it under its own name."""
        self.context.set_variable(params["name"], params["value"])
        return {params["name"]: params["value"]}
