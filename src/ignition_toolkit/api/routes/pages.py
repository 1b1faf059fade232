"""The pages, and the plain forms that work without a script."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException

from ignition_toolkit.api.form_fields import form_fields
from ignition_toolkit.api.parts import Parts, PartsOf, WorkerOf, requester_name
from ignition_toolkit.api.problems import answer_for
from ignition_toolkit.api.routes.executions import MAX_OFFSET, refuse_when_stopping
from ignition_toolkit.api.routes.playbooks import library_path
from ignition_toolkit.errors import (
    AuthorError,
    ParametersInvalid,
    PlaybookInvalid,
    RerunRefused,
    ToolkitError,
    WrongState,
)
from ignition_toolkit.execution.requests import RerunRequest, StartRequest
from ignition_toolkit.execution.views import CancelAnswer, ExecutionView, ReleaseAnswer
from ignition_toolkit.playbook.models import CancelSource
from ignition_toolkit.web.forms import TOKEN_FIELD, given_parameters
from ignition_toolkit.web.pages import LOG_LINES, Attempt

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

PAGE_ROWS = 50
CHANGES_ROWS = 500


async def _form(request: Request, parts: PartsOf) -> dict[str, str]:
    """Return the fields of a form of ours; any other is refused."""
    fields = await form_fields(request)
    if not parts.form_token.fits(fields.get(TOKEN_FIELD, "")):
        raise HTTPException(
            403, "This form is not, or no longer, one of this server's: reload the page."
        )
    return fields


FormOf = Annotated[dict[str, str], Depends(_form)]


@router.get("/")
async def executions_page(
    parts: PartsOf, offset: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0
) -> str:
    """List executions."""
    # Asked first: an event in between comes twice to the page, never not at all.
    after = await parts.worker.last_event_id()
    page = await parts.worker.executions(status=None, limit=PAGE_ROWS, offset=offset)
    return parts.pages.executions(page, offset=offset, limit=PAGE_ROWS, after=after)


@router.get("/executions/{execution_id}")
async def execution_page(execution_id: str, parts: PartsOf) -> str:
    """Show one execution."""
    return await _execution_page(execution_id, parts)


async def _execution_page(execution_id: str, parts: Parts, notice: str = "") -> str:
    after = await parts.worker.last_event_id()
    item = await parts.worker.execution(execution_id)
    logs = await parts.worker.recent_logs(execution_id, limit=LOG_LINES)
    attempts = await parts.worker.attempts(execution_id)
    return parts.pages.execution(item, logs, attempts, after=after, notice=notice)


@router.get("/executions/{execution_id}/details")
async def execution_details(execution_id: str, parts: PartsOf) -> str:
    """Return the record and the steps of one execution, to be put into its page."""
    return parts.pages.details(await parts.worker.execution(execution_id))


# Any: events as JSON.
@router.get("/changes", response_class=JSONResponse)
async def changes(
    worker: WorkerOf, after: Annotated[int, Query(ge=0, lt=2**63)], execution_id: str | None = None
) -> dict[str, Any]:
    """Return the next events at once, for a page that has found no room for a stream."""
    rows = await worker.events(after=after, execution_id=execution_id, limit=CHANGES_ROWS)
    events = [{"id": row.id, "event": row.kind, "data": row.data} for row in rows]
    return {"events": events, "more": len(rows) == CHANGES_ROWS}


@router.post("/executions/{execution_id}/{action}")
async def act(
    execution_id: str, action: str, parts: PartsOf, request: Request, form: FormOf
) -> Response:
    """Do what a button says, then show the execution: the new one, when it was run again."""
    try:
        shown = (await _act(execution_id, action, parts, request)).execution_id
    except (WrongState, RerunRefused, AuthorError) as error:
        page = await _execution_page(execution_id, parts, notice=error.message)
        return HTMLResponse(page, status_code=answer_for(request, error).status_code)
    return RedirectResponse(f"/executions/{quote(shown, safe='')}", status_code=303)


async def _act(
    execution_id: str, action: str, parts: Parts, request: Request
) -> CancelAnswer | ExecutionView | ReleaseAnswer:
    worker, by = parts.worker, requester_name(request)
    if action == "rerun":
        refuse_when_stopping(parts)
    again = RerunRequest(requested_by=by, source="web")
    actions: dict[str, Callable[[], Awaitable[CancelAnswer | ExecutionView | ReleaseAnswer]]] = {
        "cancel": lambda: worker.cancel(execution_id, source=CancelSource.WEB, requested_by=by),
        "release": lambda: worker.release(execution_id, source="web", requested_by=by),
        "rerun": lambda: worker.rerun(execution_id, again),
        "pause": lambda: worker.pause(execution_id, source="web", requested_by=by),
        "resume": lambda: worker.resume(execution_id, source="web", requested_by=by),
        "skip": lambda: worker.skip(execution_id, source="web", requested_by=by),
    }
    if action not in actions:
        raise HTTPException(404)
    return await actions[action]()


@router.get("/playbooks")
async def playbooks_page(parts: PartsOf) -> str:
    """Show the library."""
    return parts.pages.playbooks(await parts.worker.playbooks())


@router.get("/playbooks/{path:path}")
async def playbook_page(path: str, parts: PartsOf) -> str:
    """Show one playbook and the form that starts it."""
    return parts.pages.playbook(await parts.worker.playbook(library_path(path)))


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
        return HTMLResponse(parts.pages.playbook(item, _attempt(form, error)), status_code=status)
    return RedirectResponse(f"/executions/{quote(view.execution_id, safe='')}", status_code=303)


def _attempt(form: dict[str, str], error: ToolkitError) -> Attempt:
    if isinstance(error, ParametersInvalid):
        return Attempt(form, error.parameters)
    if isinstance(error, PlaybookInvalid):
        return Attempt(form, {}, problems=error.problems)
    return Attempt(form, {}, failure=error.message)
