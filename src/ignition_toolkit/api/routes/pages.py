"""The pages of executions, and the plain forms that work without a script."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException

from ignition_toolkit.api.parts import Parts, PartsOf, WorkerOf, requester_name
from ignition_toolkit.api.problems import answer_for
from ignition_toolkit.api.routes.executions import MAX_OFFSET, refuse_when_stopping
from ignition_toolkit.api.routes.page_logs import LogQueryOf, log_view
from ignition_toolkit.api.routes.page_requests import BUSY_IDS, PAGE_ROWS, FormOf, frame_of
from ignition_toolkit.errors import AuthorError, RerunRefused, WrongState
from ignition_toolkit.execution.requests import RerunRequest, Wanted
from ignition_toolkit.execution.views import CancelAnswer, ExecutionView, ReleaseAnswer
from ignition_toolkit.playbook.models import CancelSource, utc_now
from ignition_toolkit.web.filters import ListFilter
from ignition_toolkit.web.page_parts import About, Surroundings

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

CHANGES_ROWS = 500

#: Notes of who did what that an execution's page shows, the newest ones.
NOTES = 20


@router.get("/")
async def executions_page(
    parts: PartsOf,
    status: str = "",
    playbook: str = "",
    within: str = "",
    offset: Annotated[int, Query(ge=0, le=MAX_OFFSET)] = 0,
) -> str:
    """List executions: those that are not over on top, then the others, newest first."""
    frame = await frame_of(parts)
    filters = ListFilter(status, playbook, within)
    now, worker = utc_now(), parts.worker
    running = await worker.executions(filters.wanted(now, over=False), limit=BUSY_IDS)
    wanted = filters.wanted(now, over=True)
    page = await worker.executions(wanted, limit=PAGE_ROWS, offset=offset)
    paths = sorted({*(await worker.archive.latest_runs()), *filter(None, [playbook])})
    return parts.pages.executions(
        frame, running, page, filters, paths=paths, offset=offset, limit=PAGE_ROWS
    )


@router.get("/executions/{execution_id}")
async def execution_page(execution_id: str, parts: PartsOf, query: LogQueryOf) -> str:
    """Show one execution."""
    frame = await frame_of(parts)
    item = await parts.worker.execution(execution_id)
    archive = parts.worker.archive
    around = Surroundings(
        log=await log_view(archive, execution_id, query, frame.after),
        about=await _about(parts, execution_id),
        artifacts=await archive.artifacts(execution_id),
        lost=await archive.lost_lines(execution_id),
        notice=query.notice,
    )
    return parts.pages.execution(frame, item, around)


@router.get("/executions/{execution_id}/details")
async def execution_details(execution_id: str, parts: PartsOf) -> str:
    """Return the record and the steps of one execution, to be put into its page."""
    after = await parts.worker.last_event_id()
    return parts.pages.details(await parts.worker.execution(execution_id), after)


@router.get("/executions/{execution_id}/about")
async def execution_about(execution_id: str, parts: PartsOf) -> str:
    """Return who did what to one execution and which runs are beside it, for its page."""
    item = await parts.worker.execution(execution_id)
    return parts.pages.about(item, await _about(parts, execution_id))


# Any: events as JSON.
@router.get("/changes", response_class=JSONResponse)
async def changes(worker: WorkerOf, after: Annotated[int, Query(ge=0, lt=2**63)]) -> dict[str, Any]:
    """Return the next events at once, for a page that has no stream or is far behind it.

    `position`: up to this number nothing is missing. `more`: there is more beyond it.
    """
    newest = await worker.last_event_id()
    rows = await worker.events(after=after, execution_id=None, limit=CHANGES_ROWS)
    events = [{"id": row.id, "event": row.kind, "data": row.data} for row in rows]
    more = len(rows) == CHANGES_ROWS
    last = rows[-1].id if rows else after
    return {"events": events, "more": more, "position": last if more else max(last, newest)}


@router.get("/cancel-all")
async def cancel_all_page(parts: PartsOf) -> str:
    """Ask whether all that runs is to be cancelled."""
    running = await parts.worker.executions(Wanted(over=False), limit=BUSY_IDS)
    return parts.pages.cancel_all(await frame_of(parts), running)


@router.post("/cancel-all")
async def cancel_all(parts: PartsOf, request: Request, form: FormOf) -> Response:
    """Cancel all that runs, then show the list."""
    by = requester_name(request)
    await parts.worker.cancel_all(source=CancelSource.WEB, requested_by=by)
    return RedirectResponse("/", status_code=303)


@router.post("/executions/{execution_id}/{action}")
async def act(
    execution_id: str,
    action: str,
    parts: PartsOf,
    request: Request,
    form: FormOf,
    query: LogQueryOf,
) -> Response:
    """Do what a button says, then show the execution: the new one, when it was run again."""
    try:
        shown = (await _act(execution_id, action, parts, request, form)).execution_id
    except (WrongState, RerunRefused, AuthorError) as error:
        page = await execution_page(execution_id, parts, query.noting(error.message))
        return HTMLResponse(page, status_code=answer_for(request, error).status_code)
    return RedirectResponse(f"/executions/{quote(shown, safe='')}", status_code=303)


async def _about(parts: Parts, execution_id: str) -> About:
    previous, following = await parts.worker.archive.neighbours(execution_id)
    notes = await parts.worker.audit(limit=NOTES, before=None, execution_id=execution_id)
    attempts = await parts.worker.attempts(execution_id)
    return About(attempts, previous, following, notes.items[::-1])


async def _act(
    execution_id: str, action: str, parts: Parts, request: Request, form: Mapping[str, str]
) -> CancelAnswer | ExecutionView | ReleaseAnswer:
    worker, by = parts.worker, requester_name(request)
    if action == "rerun":
        refuse_when_stopping(parts)
    again = RerunRequest(
        from_step=form.get("from_step") or None,
        newest=form.get("text") == "newest",
        requested_by=by,
        source="web",
    )
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
