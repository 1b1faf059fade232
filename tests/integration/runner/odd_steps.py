"""A step kind whose code is in the playbook: tests write there what strangers' handlers do."""

import textwrap
from typing import Any

from pydantic import BaseModel

from ignition_toolkit.playbook.step_handler import StepHandler


class Code(StepHandler):
    """Runs `code` as the body of a coroutine function with the argument `context`."""

    type = "odd.code"

    class Params(BaseModel):
        code: str

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        names: dict[str, Any] = {}
        body = textwrap.indent(textwrap.dedent(params["code"]), "    ")
        exec(compile(f"async def act(context):\n{body}\n", "<code>", "exec"), names)
        found: dict[str, Any] = await names["act"](self.context)
        return found
