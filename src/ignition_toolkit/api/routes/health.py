"""`GET /api/health`: whether the server works; to a stranger nothing but that."""

from __future__ import annotations

import asyncio
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from ignition_toolkit.api.parts import PartsOf
from ignition_toolkit.api.worker_port import WorkerPort
from ignition_toolkit.errors import ToolkitError
from ignition_toolkit.execution.views import Health

router = APIRouter(tags=["server"])

#: Seconds after which a worker that says nothing counts as down.
ANSWER_S = 5.0


class HealthStatus(BaseModel):
    """What the health address says to who has no access token: enough for a monitor."""

    status: Literal["ok", "degraded", "down"]


@router.get(
    "/api/health",
    responses={503: {"model": Health | HealthStatus, "description": "It does not work."}},
)
async def health(parts: PartsOf, request: Request, response: Response) -> Health | HealthStatus:
    """Say how the server is: 200 when it works, `degraded` included, 503 when it does not.

    Where an access token is asked for, who sends none is told the status alone.
    """
    found = await health_of(parts.worker, request.app.version)
    if found.status == "down":
        response.status_code = 503
    if parts.access is not None and not parts.access.admits(request.headers):
        return HealthStatus(status=found.status)
    return found


async def health_of(worker: WorkerPort, version: str) -> Health:
    """Ask a worker how it is; one that does not answer within ANSWER_S seconds is down."""
    try:
        async with asyncio.timeout(ANSWER_S):
            return await worker.health()
    except TimeoutError:
        return _down(
            version, f"the worker did not answer within {ANSWER_S:.0f} s; restart the server"
        )
    except ToolkitError as error:
        return _down(version, error.message)


def _down(version: str, why: str) -> Health:
    return Health(
        status="down",
        version=version,
        database="unknown",
        janitor="unknown",
        runner="unknown",
        running=0,
        pending=0,
        problems=(why,),
    )
