"""The pages of what is stored for executions: credentials and gateways. No secret is ever shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from ignition_toolkit.api.parts import Parts, PartsOf, requester_name
from ignition_toolkit.api.problems import answer_for
from ignition_toolkit.api.routes.executions import refuse_when_stopping
from ignition_toolkit.api.routes.page_requests import FormOf, frame_of
from ignition_toolkit.errors import NameTaken, ParametersInvalid, ToolkitError, VaultError
from ignition_toolkit.execution.requests import Requester
from ignition_toolkit.web.page_parts import Attempt
from ignition_toolkit.web.stored_forms import (
    credential_fields,
    credential_request,
    gateway_fields,
    gateway_request,
)

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/credentials")
async def credentials_page(parts: PartsOf, change: str = "") -> str:
    """List the credentials, and show a form for a new one or for one that is to be changed."""
    return await _credentials(parts, change=change)


@router.post("/credentials")
async def put_credential(parts: PartsOf, request: Request, form: FormOf) -> Response:
    """Store a credential, or show the form again and say what is wrong."""
    refuse_when_stopping(parts)
    asked = parts.worker.put_credential(credential_request(form, _by(request)))
    kept = {name: text for name, text in form.items() if name != "secret"}
    return await _answer(
        request,
        asked,
        "/credentials",
        lambda error: _credentials(parts, _attempt(request, kept, error)),
    )


@router.post("/credentials/remove")
async def remove_credential(parts: PartsOf, request: Request, form: FormOf) -> Response:
    """Remove a credential. Runs that have it go on with it."""
    refuse_when_stopping(parts)
    asked = parts.worker.remove_credential(form.get("name", ""), _by(request))
    return await _answer(
        request,
        asked,
        "/credentials",
        lambda error: _credentials(parts, Attempt({}, {}, failure=error.message)),
    )


@router.get("/gateways")
async def gateways_page(parts: PartsOf, change: str = "") -> str:
    """List the gateways, and show a form for a new one or for one that is to be changed."""
    return await _gateways(parts, change=change)


@router.post("/gateways")
async def put_gateway(parts: PartsOf, request: Request, form: FormOf) -> Response:
    """Register a gateway, or show the form again and say what is wrong."""
    refuse_when_stopping(parts)
    asked = parts.worker.put_gateway(gateway_request(form, _by(request)))
    return await _answer(
        request, asked, "/gateways", lambda error: _gateways(parts, _attempt(request, form, error))
    )


@router.post("/gateways/remove")
async def remove_gateway(parts: PartsOf, request: Request, form: FormOf) -> Response:
    """Remove a registered gateway. Runs that work on it go on."""
    refuse_when_stopping(parts)
    asked = parts.worker.remove_gateway(form.get("name", ""), _by(request))
    return await _answer(
        request,
        asked,
        "/gateways",
        lambda error: _gateways(parts, Attempt({}, {}, failure=error.message)),
    )


async def _credentials(parts: Parts, attempt: Attempt | None = None, change: str = "") -> str:
    frame = await frame_of(parts)
    items = (await parts.worker.credentials()).items
    gateways = (await parts.worker.gateways()).items
    found = next((credential_fields(item) for item in items if item.name == change), None)
    attempt = attempt or Attempt(found or {}, {})
    return parts.pages.credentials(frame, items, gateways, attempt)


async def _gateways(parts: Parts, attempt: Attempt | None = None, change: str = "") -> str:
    frame = await frame_of(parts)
    items = (await parts.worker.gateways()).items
    found = next((gateway_fields(item) for item in items if item.name == change), None)
    attempt = attempt or Attempt(found or {}, {})
    return parts.pages.gateways(frame, items, await credential_names(parts), attempt)


async def credential_names(parts: Parts) -> list[str]:
    """Return what credentials can be chosen from; none where the vault cannot be opened."""
    try:
        return [item.name for item in (await parts.worker.credentials()).items]
    except VaultError:
        # The page of the credentials says why.
        return []


def _by(request: Request) -> Requester:
    return Requester("web", requester_name(request))


async def _answer(
    request: Request,
    asked: Awaitable[object],
    leads_to: str,
    refused: Callable[[ToolkitError], Awaitable[str]],
) -> Response:
    """Do what was asked, then lead on; show the page that says why where it was refused."""
    try:
        await asked
    except ToolkitError as error:
        page = await refused(error)
        return HTMLResponse(page, status_code=answer_for(request, error).status_code)
    return RedirectResponse(leads_to, status_code=303)


def _attempt(request: Request, fields: dict[str, str], error: ToolkitError) -> Attempt:
    """Return what is said of a form that was refused; raises what is not the form's fault."""
    if answer_for(request, error).status_code >= 500:
        raise error
    if isinstance(error, NameTaken):
        return Attempt(fields, {"name": f"there is one of this name already: {error.message}"})
    if isinstance(error, ParametersInvalid) and error.parameters:
        return Attempt(fields, error.parameters)
    return Attempt(fields, {}, failure=error.message)
