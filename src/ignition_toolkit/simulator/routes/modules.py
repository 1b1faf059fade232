"""Modules: lists, upload, acceptances, installing. Source: gateway-api section 2.2."""

from __future__ import annotations

from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, Response

from ignition_toolkit.simulator import listing
from ignition_toolkit.simulator.answers import Refused, json_object
from ignition_toolkit.simulator.module_files import NotAModule, read_module
from ignition_toolkit.simulator.modules import license_hash
from ignition_toolkit.simulator.routing import Call, Row
from ignition_toolkit.simulator.state import Module
from ignition_toolkit.simulator.streams import in_thread, uploaded

API = "/data/api/v1/modules"

YEAR_MS = 365 * 24 * 3600 * 1000


async def healthy(call: Call) -> Response:
    """List the modules that are let in."""
    items = call.world.modules.healthy()
    return JSONResponse(listing.page(call.world.settings, items, call.query))


async def quarantined(call: Call) -> Response:
    """List the modules that are not."""
    items = call.world.modules.quarantined()
    return JSONResponse(listing.page(call.world.settings, items, call.query))


async def upload(call: Call) -> Response:
    """Take a file as it is, of any size."""
    file_name = call.query.get("fileName")
    if not file_name:
        raise Refused(400, "fileName is required.")
    async with uploaded(call.request) as file:
        try:
            described = await in_thread(lambda: read_module(file))
        except NotAModule as wrong:
            raise Refused(400, f"Unable to read module file: {wrong}") from wrong
    store = call.world.modules
    module = store.upload(described, file_name)
    body = {
        "moduleId": module.id,
        "licenseAccepted": store.license_accepted(module),
        "certAccepted": store.certificate_accepted(module),
        "containsEula": bool(module.eula),
        "containsCert": bool(module.fingerprint),
    }
    return JSONResponse(body)


async def certificate(call: Call) -> Response:
    """Tell a module's certificate; what it says is made up."""
    module = _module(call, 404)
    if not module.fingerprint:
        raise Refused(404)
    name = f"CN={module.vendor or module.name}"
    body = {
        "notValidAfter": call.world.clock.now_ms + YEAR_MS,
        "notValidBefore": call.world.clock.now_ms - YEAR_MS,
        "subjectName": name,
        "issuerName": name if module.self_signed else "CN=Simulated CA",
        "selfSigned": module.self_signed,
        "serialNumber": module.fingerprint[:16],
    }
    return JSONResponse(body)


async def accept_certificate(call: Call) -> Response:
    """Accept a module's certificate, or that it has none."""
    if not call.world.modules.accept_certificate(_module(call, 400)):
        raise Refused(409, "Module Certificate already accepted.")
    call.world.changed()
    return JSONResponse({"success": True, "message": "Module Certificate accepted."})


async def eula(call: Call) -> Response:
    """Give a module's licence."""
    module = _module(call, 404)
    if not module.eula:
        raise Refused(404)
    return HTMLResponse(module.eula)


async def accept_eula(call: Call) -> Response:
    """Accept a module's licence."""
    if not call.world.modules.accept_license(_module(call, 400)):
        raise Refused(409, "Module License already accepted.")
    call.world.changed()
    return JSONResponse({"success": True, "message": "Module License accepted."})


async def install(call: Call) -> Response:
    """Install what was uploaded; the body is disputed, and a setting."""
    module = call.world.modules.install(_module_id(call, 400))
    call.world.changed()
    if call.world.settings.install_answer == "measured":
        return JSONResponse({"success": True, "message": "Module successfully installed."})
    upgrade = module.next_version is not None
    body = {
        "filename": module.file_name,
        "onStartup": "enabled" if module.enabled else "disabled",
        "certFingerprint": module.fingerprint,
        "licenseAgreementHash": license_hash(module),
        "upgradeVersion": module.next_version,
        "upgradeFilename": module.file_name if upgrade else None,
    }
    return JSONResponse(body)


async def toggle(call: Call) -> Response:
    """Enable and disable modules; a bad body is a 500, as in the specification."""
    body = await json_object(call.request, status=500)
    enable, disable = _ids(body, "enable"), _ids(body, "disable")
    failed = call.world.modules.toggle(enable, disable)
    call.world.changed()
    return JSONResponse({"success": not any(failed.values()), "failedUpdates": failed})


async def uninstall(call: Call) -> Response:
    """Uninstall modules; the status is always 200, the verdict is in the body."""
    ids = _ids(await json_object(call.request, status=500), "uninstall")
    failed = call.world.modules.uninstall(ids)
    call.world.changed()
    if call.world.settings.uninstall_answer == "measured":
        return JSONResponse({"success": not failed, "failedUninstalls": {"uninstall": failed}})
    message = f"Unable to uninstall: {', '.join(failed)}" if failed else "Modules uninstalled."
    return JSONResponse({"success": not failed, "message": message})


def _module_id(call: Call, status: int) -> str:
    module_id = call.query.get("moduleId")
    if not module_id:
        raise Refused(status, "moduleId is required.")
    return module_id


def _module(call: Call, status: int) -> Module:
    module = call.world.modules.find(_module_id(call, status))
    if module is None:
        raise Refused(status, f"Module '{call.query['moduleId']}' not found.")
    return module


# Any: JSON values.
def _ids(body: dict[str, Any], key: str) -> list[str]:
    ids = body.get(key, [])
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        raise Refused(500, f"{key} is not a list of module ids.")
    return ids


ROWS = (
    Row("GET", f"{API}/healthy", healthy, "2.2"),
    Row("GET", f"{API}/quarantined", quarantined, "2.2"),
    Row("POST", f"{API}/upload", upload, "2.2"),
    Row("GET", f"{API}/certificate", certificate, "2.2"),
    Row("POST", f"{API}/certificate", accept_certificate, "2.2"),
    Row("GET", f"{API}/eula", eula, "2.2"),
    Row("POST", f"{API}/eula", accept_eula, "2.2"),
    Row("POST", f"{API}/install", install, "2.2"),
    Row("PUT", f"{API}/toggle-state", toggle, "2.2"),
    Row("DELETE", f"{API}/uninstall", uninstall, "2.2"),
)
