"""Deployment modes, and the files of the launchers. Source: gateway-api section 2.6."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from ignition_toolkit.simulator import listing
from ignition_toolkit.simulator.answers import Refused, json_object, write_answer
from ignition_toolkit.simulator.routes.identity import uncaptured
from ignition_toolkit.simulator.routing import Call, Row
from ignition_toolkit.simulator.state import Mode

API = "/data/api/v1/mode"
LAUNCHER = "/data/api/v1/launcher"

TEXTS = ("title", "description")


async def list_all(call: Call) -> Response:
    """List the modes."""
    items = [mode.model_dump() for mode in call.world.state.modes]
    return JSONResponse(listing.page(call.world.settings, items, call.query))


async def create(call: Call) -> Response:
    """Create a mode; the answer's body is a guess, as are those of the next two."""
    body = await json_object(call.request)
    name = body.get("name")
    if not isinstance(name, str) or not name:
        raise Refused(400, "name is required.")
    if any(mode.name == name for mode in call.world.state.modes):
        raise Refused(409, f"Mode '{name}' already exists.")
    mode = Mode(name=name)
    _set(mode, body)
    call.world.state.modes.append(mode)
    return _done(call, name)


async def modify(call: Call) -> Response:
    """Change a mode."""
    mode = _get(call)
    _set(mode, await json_object(call.request))
    return _done(call, mode.name)


async def delete(call: Call) -> Response:
    """Delete a mode."""
    mode = _get(call)
    call.world.state.modes.remove(mode)
    return _done(call, mode.name)


async def launcher(call: Call) -> Response:
    """Give a launcher's file, which is none that runs."""
    name = f"{call.path['type']}-{call.path['os']}-{call.path['arch']}"
    return Response(f"simulated {name}\n".encode(), media_type="application/octet-stream")


def _get(call: Call) -> Mode:
    name = call.path["name"]
    found = next((mode for mode in call.world.state.modes if mode.name == name), None)
    if found is None:
        raise Refused(404)
    return found


def _set(mode: Mode, body: dict[str, object]) -> None:
    for key in TEXTS:
        value = body.get(key)
        if isinstance(value, str):
            setattr(mode, key, value)


def _done(call: Call, name: str) -> Response:
    call.world.changed()
    return JSONResponse(write_answer(call.world.settings, [name]))


_FILE = "{type}/{os}/{arch}"

ROWS = (
    Row("GET", API, list_all, "2.6"),
    Row("POST", API, create, "2.6"),
    Row("PUT", f"{API}/{{name}}", modify, "2.6"),
    Row("DELETE", f"{API}/{{name}}", delete, "2.6"),
    Row("GET", f"{LAUNCHER}/list", uncaptured, "2.6"),
    Row("GET", f"{LAUNCHER}/info/{_FILE}", uncaptured, "2.6"),
    Row("GET", f"{LAUNCHER}/download/{_FILE}", launcher, "2.6"),
)
