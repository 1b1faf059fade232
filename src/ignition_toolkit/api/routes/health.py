"""`GET /api/health`: whether the server works."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response

from ignition_toolkit.api.parts import WorkerOf
from ignition_toolkit.api.worker_port import WorkerPort
from ignition_toolkit.errors import ToolkitError
from ignition_toolkit.execution.views import Health

router = APIRouter(tags=["server"])

#: Seconds after which a worker that says nothing counts as down.
ANSWER_S = 5.0


@router.get("/api/health", responses={503: {"model": Health, "description": "It does not work."}})
async def health(worker: WorkerOf, request: Request, response: Response) -> Health:
    """Say how the server is: 200 when it works, `degraded` included, 503 when it does not."""
    found = await _health(worker, request.app.version)
    if found.status == "down":
        response.status_code = 503
    return found


async def _health(worker: WorkerPort, version: str) -> Health:
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
