"""Restarts. Source: gateway-api sections 2.3 and 3.3."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from ignition_toolkit.simulator.answers import Refused
from ignition_toolkit.simulator.routing import Call, Row

API = "/data/api/v1"


async def restart(call: Call) -> Response:
    """Begin a restart; the answer is the word `true`, at once."""
    if call.query.get("confirm") != "true":
        raise Refused(400, "Restart must be confirmed with confirm=true.")
    call.world.lifecycle.restart()
    return JSONResponse(True)


async def pending(call: Call) -> Response:
    """List what waits for a restart; an empty list does not mean that none is needed."""
    return JSONResponse({"pending": call.world.pending_tasks()})


ROWS = (
    Row("POST", f"{API}/restart-tasks/restart", restart, "2.3"),
    Row("GET", f"{API}/restart-tasks/pending", pending, "2.3"),
)
