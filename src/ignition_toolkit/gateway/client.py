"""GatewayClient: what a step asks for to speak to its gateway. Importing it imports no library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ignition_toolkit.errors import StepFailed
from ignition_toolkit.gateway.identity import Identity
from ignition_toolkit.gateway.target import GatewayTarget
from ignition_toolkit.playbook.gateways import GatewayEntry

if TYPE_CHECKING:
    from ignition_toolkit.gateway.gateway import Gateway
    from ignition_toolkit.gateway.session import Session
    from ignition_toolkit.playbook.step_handler import StepContext


class GatewayClient:
    """The gateways of one execution: one session for each, shared by its steps.

    A handler writes `client = await self.context.use(GatewayClient)` and then
    `gateway = await client.of(self.context)`.

    Who has logged in to a gateway is remembered by the execution, so that it holds in the process
    that takes the place of this one too; a person logs in anew there, when it is needed.
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

        entry = _entry(context)
        credential = context.credential(entry.credential) if entry.credential else {}
        target = GatewayTarget.of(entry, credential)
        session = self._sessions.setdefault(target, Session(target))
        # Any: the fields of an identity, as `log_in` has remembered them.
        remembered: dict[str, Any] | None = context.remembered(_key(entry))
        session.become(target.identity if remembered is None else Identity.of(remembered))
        return Gateway(session, context)

    async def log_in(self, context: StepContext, identity: Identity) -> Gateway:
        """Have the gateway confirm who asks, and remember it for the rest of the execution.

        Raises StepFailed, NotFound, GatewayError. Cancellation: at once. Who was logged in before
        still is then, as after an error.
        """
        from ignition_toolkit.gateway.login import ensure_login

        gateway = self.without_login(context)
        gateway.session.become(identity)
        if identity.token is not None:
            await gateway.upkeep.info()
        else:
            await ensure_login(gateway.exchange)
        context.remember(_key(_entry(context)), identity.fields())
        return gateway

    def log_out(self, context: StepContext) -> Gateway:
        """Have the rest of the execution ask as nobody. Raises StepFailed, NotFound."""
        context.remember(_key(_entry(context)), {})
        return self.without_login(context)

    async def aclose(self) -> None:
        """Close all connections."""
        for session in self._sessions.values():
            await session.aclose()


def _entry(context: StepContext) -> GatewayEntry:
    entry = context.gateway()
    if entry is None:
        raise StepFailed(
            "no gateway is named: give the playbook a parameter `gateway` (the name of an entry, as"
            " `itk gateways list` shows them) or `gateway_url`, or set IGNITION_GATEWAY_URL"
        )
    return entry


def _key(entry: GatewayEntry) -> str:
    return f"log-in of gateway {entry.title}"
