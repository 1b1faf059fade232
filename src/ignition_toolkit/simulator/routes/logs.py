"""The gateway's log. Source: gateway-api section 2.6."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from starlette.responses import JSONResponse, Response

from ignition_toolkit.simulator import listing
from ignition_toolkit.simulator.logs import PARAMETERS, write_database
from ignition_toolkit.simulator.routing import Call, Row
from ignition_toolkit.simulator.state import LogEvent
from ignition_toolkit.simulator.streams import PIECE_BYTES, StreamedResponse

API = "/data/api/v1/logs"


async def list_all(call: Call) -> Response:
    """List events, all unless a limit is given."""
    items = call.world.logs.find(call.query)
    return JSONResponse(listing.page(call.world.settings, items, call.query, PARAMETERS))


async def download(call: Call) -> Response:
    """Give the log as a database."""
    world = call.world
    moment = datetime.fromtimestamp(world.clock.now, UTC).strftime("%Y%m%d-%H%M")
    name = f"{world.settings.gateway_name}_Ignition_logs_{moment}.idb"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    events = world.logs.events()
    return StreamedResponse(lambda: _database(events), "application/x-sqlite3", headers)


def _database(events: list[LogEvent]) -> Iterator[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "logs.idb"
        write_database(path, events)
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece


async def loggers(call: Call) -> Response:
    """List the loggers."""
    items = call.world.logs.loggers()
    return JSONResponse(listing.page(call.world.settings, items, call.query))


async def set_level(call: Call) -> Response:
    """Set the level of a logger."""
    call.world.logs.set_level(call.path["name"], call.query.get("level"))
    call.world.changed()
    return Response()


async def reset_levels(call: Call) -> Response:
    """Give every logger its first level."""
    call.world.logs.reset_levels()
    call.world.changed()
    return Response()


ROWS = (
    Row("GET", API, list_all, "2.6"),
    Row("GET", f"{API}/download", download, "2.6"),
    Row("GET", f"{API}/loggers", loggers, "2.6"),
    Row("POST", f"{API}/loggers/{{name}}", set_level, "2.6"),
    Row("POST", f"{API}/levelreset", reset_levels, "2.6"),
)
