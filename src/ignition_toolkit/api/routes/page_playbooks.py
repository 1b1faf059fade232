"""The pages of the library, and the form that starts a playbook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from ignition_toolkit.api.parts import Parts, PartsOf, requester_name
from ignition_toolkit.api.problems import answer_for
from ignition_toolkit.api.routes.executions import refuse_when_stopping
from ignition_toolkit.api.routes.page_requests import FormOf, frame_of
from ignition_toolkit.api.routes.page_stored import credential_names
from ignition_toolkit.api.routes.playbooks import library_path
from ignition_toolkit.api.worker_port import WorkerPort
from ignition_toolkit.errors import ParametersInvalid, PlaybookInvalid, ToolkitError
from ignition_toolkit.execution.requests import StartRequest, Wanted
from ignition_toolkit.web.choices import NO_CHOICES, Choices, is_chosen
from ignition_toolkit.web.forms import given_parameters, remembered_fields
from ignition_toolkit.web.page_parts import Attempt, Known

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

#: Runs that a playbook's page lists.
RECENT = 5


@router.get("/playbooks")
async def playbooks_page(parts: PartsOf) -> str:
    """Show the library."""
    frame = await frame_of(parts)
    library = await parts.worker.playbooks()
    return parts.pages.playbooks(frame, library, await parts.worker.archive.latest_runs())


@router.get("/playbooks/{path:path}")
async def playbook_page(path: str, parts: PartsOf, fresh: bool = False) -> str:
    """Show one playbook and the form that starts it, filled as for its last run."""
    frame = await frame_of(parts)
    item = await parts.worker.playbook(library_path(path))
    known = await _known(parts.worker, path, fresh=fresh)
    return parts.pages.playbook(frame, item, known=known, choices=await _choices(parts, item))


# Any: a playbook as `Worker.playbook` describes it.
async def _choices(parts: Parts, item: Mapping[str, Any]) -> Choices:
    if not any(is_chosen(parameter) for parameter in item["parameters"]):
        return NO_CHOICES
    return Choices(await credential_names(parts), (await parts.worker.gateways()).items)


async def _known(worker: WorkerPort, path: str, *, fresh: bool) -> Known:
    runs = (await worker.executions(Wanted(playbook_path=path), limit=RECENT)).items
    if fresh or not runs:
        return Known(runs)
    last = await worker.execution(runs[0].execution_id)
    fields = remembered_fields(last.parameters)
    return Known(runs, last if fields else None, fields)


@router.post("/check")
async def check(parts: PartsOf, form: FormOf) -> str:
    """Say what is wrong with what was entered so far, and what the command for it is."""
    item = await parts.worker.playbook(library_path(form.get("playbook_path", "")))
    return parts.pages.check(item, form)


@router.post("/start")
async def start(parts: PartsOf, request: Request, form: FormOf) -> Response:
    """Start a playbook and show its execution, or show the form again and say what is wrong."""
    refuse_when_stopping(parts)
    path = library_path(form.get("playbook_path", ""))
    item = await parts.worker.playbook(path)
    asked = StartRequest(
        playbook_path=path,
        parameters=dict(given_parameters(form, item["parameters"])),
        requested_by=requester_name(request),
        source="web",
    )
    try:
        view = await parts.worker.start(asked)
    except ToolkitError as error:
        status = answer_for(request, error).status_code
        if status >= 500:
            raise
        frame, choices = await frame_of(parts), await _choices(parts, item)
        page = parts.pages.playbook(frame, item, _attempt(form, error), choices=choices)
        return HTMLResponse(page, status_code=status)
    return RedirectResponse(f"/executions/{quote(view.execution_id, safe='')}", status_code=303)


def _attempt(form: dict[str, str], error: ToolkitError) -> Attempt:
    if isinstance(error, ParametersInvalid) and error.parameters:
        return Attempt(form, error.parameters)
    if isinstance(error, PlaybookInvalid):
        return Attempt(form, {}, problems=error.problems)
    return Attempt(form, {}, failure=error.message)
