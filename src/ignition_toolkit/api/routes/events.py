"""`/api/events` and `/api/executions/{id}/events`: live events."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from ignition_toolkit.api.events import EventStream, PositionOf, start_of, stream
from ignition_toolkit.api.parts import PartsOf
from ignition_toolkit.api.problems import documented

router = APIRouter(tags=["events"], default_response_class=Response)

#: What OpenAPI says of a stream; the shapes are in /api/schema/events.json.
_STREAM: dict[int | str, dict[str, Any]] = {  # Any: the shape that FastAPI wants
    200: {"description": "Server-sent events", "content": {EventStream.media_type: {}}}
}


@router.get("/api/events", responses={**_STREAM, **documented(422, 503)})
async def all_events(parts: PartsOf, position: PositionOf) -> Response:
    """Stream the events of all executions, from now on or from where the client was."""
    after = await start_of(parts.worker, position, fresh=None)
    return EventStream(stream(parts.feed, parts.worker.hub, after, None))


@router.get(
    "/api/executions/{execution_id}/events",
    responses={
        **_STREAM,
        204: {"description": "It is over, and the client has seen all of it."},
        **documented(404, 422, 503),
    },
)
async def execution_events(execution_id: str, parts: PartsOf, position: PositionOf) -> Response:
    """Stream the events of one execution, from its first or from where the client was."""
    worker = parts.worker
    view = await worker.execution(execution_id)
    after = await start_of(worker, position, fresh=0)
    if view.status.final and not await worker.events(
        after=after, execution_id=execution_id, limit=1
    ):
        # The one answer after which a browser does not come back.
        return Response(status_code=204)
    return EventStream(stream(parts.feed, worker.hub, after, execution_id))
