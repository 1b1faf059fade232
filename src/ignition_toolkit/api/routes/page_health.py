"""The page that tells how the server is."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from ignition_toolkit.api.parts import PartsOf
from ignition_toolkit.api.routes.health import health_of
from ignition_toolkit.api.routes.page_requests import frame_of

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

#: Cancels that the chart shows.
CANCELS = 100


@router.get("/health")
async def health_page(parts: PartsOf, request: Request) -> str:
    """Show how the server is, what it keeps, and how fast it cancelled lately."""
    frame = await frame_of(parts)
    worker = parts.worker
    found = await health_of(worker, request.app.version)
    asked = await worker.archive.recent_cancels(limit=CANCELS)
    cancels = [item for item in asked if item.cancellation is not None]
    return parts.pages.health(frame, found, await worker.archive.upkeep(), cancels)
