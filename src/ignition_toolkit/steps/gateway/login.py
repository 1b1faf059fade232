"""Who the steps of an execution are at a gateway."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.errors import StepFailed
from ignition_toolkit.gateway.client import GatewayClient
from ignition_toolkit.gateway.identity import Identity
from ignition_toolkit.playbook.step_handler import Effect
from ignition_toolkit.steps.gateway.base import GatewayStep, Strict

_EXPECTED = "expected api_token, or username and password, or the name of a stored credential"


class Login(GatewayStep):
    """Proves who asks, and remembers it for the steps that follow."""

    type = "gateway.login"
    summary = "Log in to the gateway with an API token, or with a name and a password"
    effect = Effect.READS
    leaves = "perhaps a session at the gateway, which expires there"

    class Params(Strict):
        """Parameters of gateway.login: one of the three ways."""

        api_token: Secret | None = Field(None, description="an API token, as name:key")
        username: str | None = Field(None, description="name of a person, with password")
        password: Secret | None = Field(None, description="of that person")
        # Any: the fields of a credential, as a reference gives them.
        credential: str | dict[str, Any] | None = Field(
            None, description="a stored credential: its name, or {{ credential.NAME }}"
        )

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Log in, and have the gateway confirm it; outputs `method` and `gateway`.

        It holds for the rest of the execution, its `on_cancel` steps included. Raises StepFailed
        for parameters that fit nobody, GatewayError when the gateway does not take them.
        Cancellation: at once; who was logged in before still is then, as after an error.
        """
        identity = self._identity(params)
        client = await self.context.use(GatewayClient)
        gateway = await client.log_in(self.context, identity)
        method = "session" if identity.token is None else "api_token"
        return {"method": method, "gateway": gateway.target.name}

    def _identity(self, params: dict[str, Any]) -> Identity:  # Any: texts and Secrets
        credential = params["credential"]
        fields = {name: params[name] for name in ("api_token", "username", "password")}
        if credential is not None:
            if any(value is not None for value in fields.values()):
                raise StepFailed(f"{_EXPECTED}, found more than one of them")
            given = self.context.credential(credential) if _is_name(credential) else credential
            fields = dict(given)
        token = fields.get("api_token")
        if token is not None:
            return Identity(token=_secret(token))
        if not fields.get("username") or not fields.get("password"):
            raise StepFailed(f"{_EXPECTED}, found none of them whole")
        return Identity(username=str(fields["username"]), password=_secret(fields["password"]))


def _is_name(credential: object) -> bool:
    return isinstance(credential, str)


# Any: a text or a Secret.
def _secret(value: Any) -> Secret:
    return value if isinstance(value, Secret) else Secret(str(value))


class Logout(GatewayStep):
    """Forgets who asks."""

    type = "gateway.logout"
    summary = "Forget the log-in: steps that follow ask as nobody"
    effect = Effect.READS

    async def execute(self, params: dict[str, Any]) -> dict[str, Any]:
        """Forget keys and sessions of this execution; outputs `gateway`.

        The gateway is not asked: it has no address for that, and a session expires there.
        """
        client = await self.context.use(GatewayClient)
        gateway = client.log_out(self.context)
        return {"gateway": gateway.target.name}
