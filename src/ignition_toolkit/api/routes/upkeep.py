"""What looks after a server: `/api/audit`, `/api/prune`, `/metrics`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from ignition_toolkit.api.exposition import CONTENT_TYPE, exposition
from ignition_toolkit.api.parts import PartsOf, RequesterOf, WorkerOf
from ignition_toolkit.api.problems import documented
from ignition_toolkit.api.routes.executions import (
    DEFAULT_PAGE_ROWS,
    MAX_PAGE_ROWS,
    refuse_when_stopping,
)
from ignition_toolkit.execution.requests import PruneRequest
from ignition_toolkit.execution.settings import MAX_DAYS
from ignition_toolkit.execution.views import AuditPage, PruneReport

router = APIRouter(tags=["upkeep"])


class PruneBody(BaseModel):
    """Which executions to remove."""

    model_config = ConfigDict(extra="forbid")

    older_than_days: int | None = Field(
        default=None,
        ge=0,
        le=MAX_DAYS,
        description="those that ended before so many days, whatever became of them; null for "
        "those that the server would remove by itself",
    )
    dry_run: bool = Field(default=False, description="tell what there is, and remove nothing")


@router.get("/api/audit", responses=documented(422, 503))
async def audit(
    worker: WorkerOf,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE_ROWS)] = DEFAULT_PAGE_ROWS,
    before: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
    execution_id: str | None = None,
) -> AuditPage:
    """List who did what, newest first."""
    return await worker.audit(limit=limit, before=before, execution_id=execution_id)


@router.post("/api/prune", responses=documented(400, 409, 413, 415, 422, 503))
async def prune(
    parts: PartsOf, requester: RequesterOf, body: PruneBody | None = None
) -> PruneReport:
    """Remove old executions with their artifacts, for some seconds; `more` tells to ask again."""
    refuse_when_stopping(parts)
    asked = body or PruneBody()
    return await parts.worker.prune(
        PruneRequest(
            older_than_days=asked.older_than_days,
            dry_run=asked.dry_run,
            requested_by=requester.name,
            source=requester.source,
        )
    )


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "The figures."}},
)
async def metrics(worker: WorkerOf) -> Response:
    """Return the server's figures in the text form that Prometheus reads."""
    return Response(exposition(worker.metrics()), media_type=CONTENT_TYPE)
