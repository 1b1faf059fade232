"""`/api/credentials` and `/api/gateways`: what is stored for executions. No secret is ever told."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from ignition_toolkit.api.parts import PartsOf, RequesterOf, WorkerOf
from ignition_toolkit.api.problems import documented
from ignition_toolkit.api.routes.executions import refuse_when_stopping
from ignition_toolkit.credentials import Secret
from ignition_toolkit.credentials.vault import CredentialType
from ignition_toolkit.execution.requests import CredentialRequest, GatewayRequest, Requester
from ignition_toolkit.execution.views import CredentialList, CredentialView, GatewayList
from ignition_toolkit.playbook.gateways import GatewayEntry

router = APIRouter(tags=["stored"])

REPLACE = Field(default=False, description="whether it may replace one of the same name")


class CredentialBody(BaseModel):
    """One credential to store."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(description="1 to 100 letters, digits, `_` and `-`")
    type: CredentialType = CredentialType.PASSWORD
    username: str | None = Field(default=None, description="of a password, where it has one")
    secret: Secret = Field(description="the password or the token, 4 characters or more")
    replace: bool = REPLACE


class GatewayBody(BaseModel):
    """One gateway to register."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(description="1 to 100 letters, digits, `_` and `-`")
    urls: tuple[str, ...] = Field(
        description="addresses of this one gateway, as http://plant:8088; the first is used"
    )
    tls: Literal["verify", "insecure"] = Field(
        default="verify", description="whether its certificate is checked"
    )
    ca_file: str | None = Field(
        default=None, description="file of the authority that signs its certificate"
    )
    credential: str | None = Field(default=None, description="name of a stored credential")
    tags: tuple[str, ...] = ()
    replace: bool = REPLACE


class Removed(BaseModel):
    """What was removed."""

    name: str


@router.get("/api/credentials", responses=documented(503))
async def credentials(worker: WorkerOf) -> CredentialList:
    """List the stored credentials, without their secrets."""
    return await worker.credentials()


@router.post(
    "/api/credentials", status_code=201, responses=documented(400, 409, 413, 415, 422, 503)
)
async def put_credential(
    body: CredentialBody, parts: PartsOf, requester: RequesterOf
) -> CredentialView:
    """Store a credential. Runs that have an older one go on with that."""
    refuse_when_stopping(parts)
    return await parts.worker.put_credential(
        CredentialRequest(
            name=body.name,
            type=body.type,
            secret=body.secret,
            username=body.username,
            replace=body.replace,
            by=Requester(requester.source, requester.name),
        )
    )


@router.delete("/api/credentials/{name}", responses=documented(404, 409, 503))
async def remove_credential(name: str, parts: PartsOf, requester: RequesterOf) -> Removed:
    """Remove a credential. Runs that have it go on with it."""
    refuse_when_stopping(parts)
    await parts.worker.remove_credential(name, Requester(requester.source, requester.name))
    return Removed(name=name)


@router.get("/api/gateways", responses=documented(503))
async def gateways(worker: WorkerOf) -> GatewayList:
    """List the registered gateways."""
    return await worker.gateways()


@router.post("/api/gateways", status_code=201, responses=documented(400, 409, 413, 415, 422, 503))
async def put_gateway(body: GatewayBody, parts: PartsOf, requester: RequesterOf) -> GatewayEntry:
    """Register a gateway."""
    refuse_when_stopping(parts)
    fields = body.model_dump(exclude={"replace", "urls"})
    # Not checked here: an entry without an address is told as every other wrong field is.
    entry = GatewayEntry.model_construct(**fields, urls=body.urls)
    by = Requester(requester.source, requester.name)
    return await parts.worker.put_gateway(GatewayRequest(entry, by, body.replace))


@router.delete("/api/gateways/{name}", responses=documented(404, 503))
async def remove_gateway(name: str, parts: PartsOf, requester: RequesterOf) -> Removed:
    """Remove a registered gateway. Runs that work on it go on."""
    refuse_when_stopping(parts)
    await parts.worker.remove_gateway(name, Requester(requester.source, requester.name))
    return Removed(name=name)
