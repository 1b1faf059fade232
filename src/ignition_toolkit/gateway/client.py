"""GatewayClient: what a step asks for to speak to its gateway. Importing it imports no library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ignition_toolkit.errors import StepFailed
from ignition_toolkit.gateway.target import GatewayTarget

if TYPE_CHECKING:
    from ignition_toolkit.gateway.gateway import Gateway
    from ignition_toolkit.gateway.session import Session
    from ignition_toolkit.playbook.step_handler import StepContext


class GatewayClient:
    """The gateways of one execution: one session for each, shared by its steps.

    A handler writes `client = await self.context.use(GatewayClient)` and then
    `gateway = await client.of(self.context)`.
    """

    def __init__(self) -> None:
        self._sessions: dict[GatewayTarget, Session] = {}

    async def of(self, context: StepContext) -> Gateway:
        """Return the gateway of a step's playbook, logged in where it takes a log-in.

        Its requests are announced as the step's, and take no longer than the step may.

        Raises StepFailed when there is none, NotFound for an unknown entry or credential, and
        GatewayError of a log-in. Cancellation: at once.
        """
        from ignition_toolkit.gateway.login import ensure_login

        gateway = self.without_login(context)
        await ensure_login(gateway.exchange)
        return gateway

    def without_login(self, context: StepContext) -> Gateway:
        """Return the gateway of a step's playbook, as it is. Raises StepFailed, NotFound."""
        from ignition_toolkit.gateway.gateway import Gateway
        from ignition_toolkit.gateway.session import Session

        target = _target(context)
        if target not in self._sessions:
            self._sessions[target] = Session(target)
        return Gateway(self._sessions[target], context)

    async def aclose(self) -> None:
        """Close all connections."""
        for session in self._sessions.values():
            await session.aclose()


def _target(context: StepContext) -> GatewayTarget:
    entry = context.gateway()
    if entry is None:
        raise StepFailed(
            "no gateway is named: give the playbook a parameter `gateway` (the name of an entry, as"
            " `itk gateways list` shows them) or `gateway_url`, or set IGNITION_GATEWAY_URL"
        )
    credential = context.credential(entry.credential) if entry.credential else {}
    return GatewayTarget.of(entry, credential)
