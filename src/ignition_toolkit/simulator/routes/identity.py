"""Who the gateway is and how it is doing. Source: gateway-api section 2.1."""

from __future__ import annotations

from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from ignition_toolkit.simulator import answers, listing
from ignition_toolkit.simulator.answers import Refused
from ignition_toolkit.simulator.lifecycle import Phase
from ignition_toolkit.simulator.routing import Call, Need, Row
from ignition_toolkit.simulator.world import World

API = "/data/api/v1"

MIB = 2**20

#: Of the wrapper, which a restart leaves as it is.
PROCESS_ID = 71


async def status_ping(call: Call) -> Response:
    """Tell the phase in StatusPing's words."""
    settings, phase = call.world.settings, call.world.lifecycle.phase
    if phase is Phase.COMMISSIONING:
        hidden = settings.ping_hides_commissioning
        details = {} if hidden else {"details": "COMMISSIONING"}
        return JSONResponse({"state": "RUNNING", **details})
    return JSONResponse({"state": phase.value})


async def gwinfo(call: Call) -> Response:
    """Tell the version to everybody, on 8.1 and 8.3 alike."""
    settings, phase = call.world.settings, call.world.lifecycle.phase
    if phase is Phase.COMMISSIONING:
        return PlainTextResponse("ContextStatus=NEEDS_COMMISSIONING;")
    fields = {
        "ContextStatus": phase.value,
        "PlatformName": "Ignition",
        "Version": settings.number,
        "PlatformEdition": "edge" if settings.edition == "edge" else "",
        "RedundancyStatus": settings.role,
        "RedundantState": "Good",
        "RedundantNodeActiveStatus": "Warm" if settings.role == "Backup" else "Active",
    }
    return PlainTextResponse("".join(f"{name}={value};" for name, value in fields.items()))


async def gateway_info(call: Call) -> Response:
    """Tell name, version and licence."""
    settings = call.world.settings
    edge = settings.edition == "edge"
    body = {
        "name": settings.gateway_name,
        "redundancyRole": settings.role,
        "edition": "edge" if edge else "standard",
        "hostname": "localhost",
        "port": str(call.request.url.port or 8088),
        "ignitionVersion": settings.version,
        "deploymentMode": "",
        "timeZone": "Coordinated Universal Time",
        "timeZoneId": "UTC",
        "jvmVersion": "17.0.11",
        "allowUnsignedModules": settings.allow_unsigned_modules,
        "license": _license(call.world),
    }
    return JSONResponse(body)


# Any: JSON values.
def _license(world: World) -> dict[str, Any]:
    trial = world.trial.to_json()
    ends = world.clock.now_ms + world.trial.seconds_left * 1000
    return {
        "mode": trial["licenseMode"],
        "validForVersion": True,
        "expirationDate": None if world.settings.licensed else ends,
        "licenseRestrictions": [],
    }


async def overview(call: Call) -> Response:
    """Tell uptime, load, licence and role."""
    world, settings = call.world, call.world.settings
    body = {
        "version": settings.version,
        "redundancy": {
            "role": settings.role,
            "activityLevel": "Warm" if settings.role == "Backup" else "Active",
            "projectState": "Good",
        },
        "java": {"version": "17.0.11", "vendor": "Azul Systems, Inc.", "name": "Zulu"},
        "os": {"name": "Linux", "arch": "amd64", "version": "6.1"},
        "cloudEnv": None,
        "uptime": int(world.lifecycle.uptime_s * 1000),
        "timezone": "UTC",
        "locale": "en",
        "time": world.clock.now_ms,
        "memory": [412 * MIB, 1024 * MIB],
        "cpu": 0.03,
        "disk": {"total": 100 * 1024 * MIB, "used": 20 * 1024 * MIB},
        "license": _overview_license(world),
        "gatewayName": settings.gateway_name,
        "libPath": "/usr/local/bin/ignition/lib",
        "processId": PROCESS_ID,
        "nics": [],
        "gcNames": ["G1 Young Generation", "G1 Old Generation"],
        "driftRate": 0.0,
    }
    return JSONResponse(body)


# Any: JSON values.
def _overview_license(world: World) -> dict[str, Any]:
    if world.settings.licensed:
        return {"state": "licensed"}
    return {"state": "trial", "trialRemaining": world.trial.seconds_left}


async def problems(call: Call) -> Response:
    """List what is wrong, as far as the simulator knows: an expired trial."""
    expired = {
        "title": "Trial expired",
        "description": "The trial has expired; modules have stopped.",
        "resolution": "Reset the trial or activate a license.",
        "url": "/app/platform/system/licensing",
        "actionLabel": "Licensing",
    }
    items = [expired] if call.world.trial.expired else []
    return JSONResponse(listing.page(call.world.settings, items, call.query))


async def uncaptured(call: Call) -> Response:
    """Answer for an address whose body nobody has captured."""
    return answers.uncaptured(call.world.settings, call.request.url.path)


async def gauges(call: Call) -> Response:
    """Tell load; `cpu` is a percentage here, and a share in the overview."""
    del call
    body = {"cpu": 3.0, "heapMemory": 412 * MIB, "nonHeapMemory": 210 * MIB}
    return JSONResponse({**body, "maxMemory": 1024 * MIB})


async def threads(call: Call) -> Response:
    """Count threads."""
    del call
    return JSONResponse({"running": 31, "waiting": 64, "timedWaiting": 28, "blocked": 0})


async def openapi(call: Call) -> Response:
    """Give the addresses that the simulator has, as a real gateway lists its own."""
    from ignition_toolkit.simulator.access import check
    from ignition_toolkit.simulator.routes import ROWS

    if call.world.settings.openapi_needs_token:
        check(call.world, call.request, Row("GET", "", openapi, "", Need.TOKEN))
    # Any: JSON values.
    paths: dict[str, dict[str, Any]] = {}
    for row in ROWS:
        if row.path.startswith("/data/"):
            responses = {"200": {"description": "Success"}}
            paths.setdefault(row.path, {})[row.method.lower()] = {"responses": responses}
    info = {"title": "Ignition Gateway API", "version": call.world.settings.version}
    return JSONResponse({"openapi": "3.0.1", "info": info, "paths": paths})


async def openapi_page(call: Call) -> Response:
    """Stand for the page that shows the document."""
    del call
    return HTMLResponse("<html><body><a href='/openapi.json'>openapi.json</a></body></html>")


async def webdev(call: Call) -> Response:
    """Answer for a project's own route: 402 without a licence, else what the settings say."""
    if call.world.trial.expired:
        raise Refused(402)
    path = call.request.url.path
    if path not in call.world.settings.uncaptured:
        raise Refused(404)
    return answers.uncaptured(call.world.settings, path)


_PUBLIC = Need.NOTHING
_LOAD = f"{API}/systemPerformance"

ROWS = (
    Row("GET", "/StatusPing", status_ping, "2.1", _PUBLIC),
    Row("GET", "/main/StatusPing", status_ping, "1.4", _PUBLIC),
    Row("GET", "/system/gwinfo", gwinfo, "2.1", _PUBLIC),
    Row("GET", f"{API}/gateway-info", gateway_info, "2.1"),
    Row("GET", f"{API}/overview", overview, "2.1"),
    Row("GET", f"{API}/overview/problems", problems, "2.1"),
    Row("GET", f"{API}/overview/name", uncaptured, "2.1"),
    Row("GET", f"{_LOAD}/currentGauges", gauges, "2.1"),
    Row("GET", f"{_LOAD}/charts", uncaptured, "2.1"),
    Row("GET", f"{_LOAD}/threads", threads, "2.1"),
    Row("GET", "/openapi.json", openapi, "2.1", _PUBLIC),
    Row("GET", "/openapi", openapi_page, "2.1", _PUBLIC),
    Row("GET", "/system/webdev/{project}/{route}", webdev, "1.4", _PUBLIC),
    Row("POST", "/system/webdev/{project}/{route}", webdev, "1.4", _PUBLIC),
)
