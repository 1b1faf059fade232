"""What the step kinds of this family share: their gateway, and files of the artifact folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from ignition_toolkit.errors import StepFailed
from ignition_toolkit.gateway.client import GatewayClient
from ignition_toolkit.playbook.step_handler import StepHandler

if TYPE_CHECKING:
    from ignition_toolkit.gateway.gateway import Gateway


#: What a parameter `file` takes, of every kind: a step that sends a file finds that of one before.
FILE = "an absolute path, or a name in the execution's folder"


class Strict(BaseModel):
    """Base of parameters: unknown ones are refused."""

    model_config = ConfigDict(extra="forbid")


class GatewayStep(StepHandler):
    """Base of the family. The gateway is the one of the step's playbook."""

    async def gateway(self) -> Gateway:
        """Return the gateway, logged in where it takes a log-in. Raises StepFailed, GatewayError.

        Cancellation: at once.
        """
        client = await self.context.use(GatewayClient)
        return await client.of(self.context)

    async def gateway_as_it_is(self) -> Gateway:
        """Return the gateway without logging in: for what is open to all. Raises StepFailed."""
        client = await self.context.use(GatewayClient)
        return client.without_login(self.context)

    def artifact(self, file: str) -> Path:
        """Return where a file goes: an absolute path, or one inside the execution's folder.

        Raises StepFailed for a relative path that leads out of that folder.
        """
        path = Path(file)
        if path.is_absolute():
            return path
        if ".." in path.parts or not path.name:
            raise StepFailed(
                f"file: expected a name inside the execution's folder, or an absolute path,"
                f" found {file!r}"
            )
        return self.context.artifacts / path
