"""Backup, restore, scans, redundancy, diagnostics. Source: gateway-api section 2.3."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from ignition_toolkit.simulator.answers import Refused, json_object
from ignition_toolkit.simulator.backups import NotABackup, make_backup, read_backup
from ignition_toolkit.simulator.routes.identity import uncaptured
from ignition_toolkit.simulator.routing import Call, Row
from ignition_toolkit.simulator.scans import Scanner
from ignition_toolkit.simulator.streams import StreamedResponse, in_thread, uploaded

API = "/data/api/v1"

BINARY = "application/octet-stream"

#: What the interface knows of both kinds of scan.
DEFAULT_ACQUIRE_S, DEFAULT_HOLD_S = 10.0, 60.0


async def backup(call: Call) -> Response:
    """Give a backup, made while it is sent; without a length, as that is not known before."""
    world = call.world
    version, size = world.settings.number, world.settings.backup_bytes
    state = world.state.model_dump_json()
    name = f"{world.settings.gateway_name}_Ignition-backup.gwbk"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamedResponse(lambda: make_backup(version, state, size), BINARY, headers)


async def restore(call: Call) -> Response:
    """Take a backup and restart with its contents; the answer's text is a guess."""
    world = call.world
    if world.settings.role == "Backup":
        raise Refused(403)
    version, own_only = world.settings.number, world.settings.restore_takes == "own"
    async with uploaded(call.request) as file:
        try:
            state = await in_thread(lambda: read_backup(file, version, own_only=own_only))
        except NotABackup as wrong:
            raise Refused(400, str(wrong)) from wrong
    if state is not None:
        world.restore(state)
    if call.query.get("renameEnabled") == "true" and (name := call.query.get("newName")):
        world.settings.gateway_name = name
    world.lifecycle.restart()
    return PlainTextResponse("initiated")


def _scanner(call: Call) -> Scanner:
    return call.world.scanners[call.request.url.path.rpartition("/")[2]]


async def scan(call: Call) -> Response:
    """Begin a scan."""
    scanner = _scanner(call)
    scanner.begin()
    return JSONResponse(scanner.to_json())


async def scan_status(call: Call) -> Response:
    """Tell whether a scan is under way."""
    return JSONResponse(_scanner(call).to_json())


async def scan_lock(call: Call) -> Response:
    """Hold scans off for a while; that the times are milliseconds is a guess."""
    body = await json_object(call.request)
    acquire_s = _seconds(body, "acquireTimeout", DEFAULT_ACQUIRE_S)
    hold_s = _seconds(body, "holdTimeout", DEFAULT_HOLD_S)
    actor = call.request.headers.get("X-Ignition-API-Token", "").partition(":")[0]
    lock = await _scanner(call).acquire(actor, acquire_s, hold_s)
    remaining = int((lock.until - call.world.clock.now) * 1000)
    timestamp = int(lock.taken_at * 1000)
    return JSONResponse({"actor": lock.actor, "remaining": remaining, "timestamp": timestamp})


# Any: JSON values.
def _seconds(body: dict[str, Any], key: str, default: float) -> float:
    value = body.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise Refused(400, f"{key} is not a number of seconds.")
    return float(value)


async def redundancy(call: Call) -> Response:
    """Tell the gateway's role."""
    world, settings = call.world, call.world.settings
    body = {
        "role": settings.role,
        "projectState": "Good",
        "activityLevel": "Warm" if settings.role == "Backup" else "Active",
        "localId": "simulated",
        "peerConnected": False,
        "hasConfigAccess": settings.role != "Backup",
        "syncPending": False,
        "failoverPending": False,
        "uptime": int(world.lifecycle.uptime_s * 1000),
        "lastSyncTimestamp": -1,
    }
    return JSONResponse(body)


async def redundancy_config(call: Call) -> Response:
    """Give what was last put there; the shape is not known."""
    return JSONResponse(call.world.state.redundancy)


async def put_redundancy_config(call: Call) -> Response:
    """Keep what is given; the shape is not known."""
    call.world.state.redundancy = await json_object(call.request)
    call.world.changed()
    return JSONResponse(call.world.state.redundancy)


async def generate_bundle(call: Call) -> Response:
    """Begin to make the diagnostics bundle."""
    world = call.world
    world.bundle_ready_at = world.clock.now + world.settings.scan_s
    return JSONResponse({"state": "Generating"})


async def bundle_status(call: Call) -> Response:
    """Tell whether the bundle is there; the state before the first one is a guess."""
    world = call.world
    if world.bundle_ready_at is None:
        return JSONResponse({"state": "None"})
    if world.clock.now < world.bundle_ready_at:
        return JSONResponse({"state": "Generating"})
    return JSONResponse({"state": "Valid", "fileSize": len(_bundle(call))})


async def download_bundle(call: Call) -> Response:
    """Give the bundle."""
    ready_at = call.world.bundle_ready_at
    if ready_at is None or call.world.clock.now < ready_at:
        raise Refused(404)
    headers = {"Content-Disposition": 'attachment; filename="diagnostics.zip"'}
    return Response(_bundle(call), media_type="application/zip", headers=headers)


def _bundle(call: Call) -> bytes:
    """Return a zip file, the same each time, so that its size can be told before."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo("gateway.json")
        archive.writestr(entry, json.dumps({"version": call.world.settings.version}))
    return buffer.getvalue()


_REDUNDANCY = f"{API}/redundancy"
_BUNDLE = f"{API}/diagnostics/bundle"

ROWS = (
    Row("GET", f"{API}/backup", backup, "2.3"),
    Row("POST", f"{API}/backup", restore, "2.3"),
    Row("POST", f"{API}/scan/projects", scan, "2.3"),
    Row("POST", f"{API}/scan/config", scan, "2.3"),
    Row("GET", f"{API}/scan/projects", scan_status, "2.3"),
    Row("GET", f"{API}/scan/config", scan_status, "2.3"),
    Row("POST", f"{API}/scan-lock/projects", scan_lock, "2.3"),
    Row("POST", f"{API}/scan-lock/config", scan_lock, "2.3"),
    Row("GET", _REDUNDANCY, redundancy, "2.3"),
    Row("GET", f"{_REDUNDANCY}/config", redundancy_config, "2.3"),
    Row("PUT", f"{_REDUNDANCY}/config", put_redundancy_config, "2.3"),
    Row("GET", f"{_REDUNDANCY}/events", uncaptured, "2.3"),
    Row("GET", f"{_REDUNDANCY}/providers", uncaptured, "2.3"),
    Row("GET", f"{_REDUNDANCY}/charts", uncaptured, "2.3"),
    Row("POST", f"{_REDUNDANCY}/gwaction/failover", uncaptured, "2.3"),
    Row("POST", f"{_REDUNDANCY}/gwaction/resync", uncaptured, "2.3"),
    Row("POST", f"{_BUNDLE}/generate", generate_bundle, "2.3"),
    Row("GET", f"{_BUNDLE}/status", bundle_status, "2.3"),
    Row("GET", f"{_BUNDLE}/download", download_bundle, "2.3"),
)
