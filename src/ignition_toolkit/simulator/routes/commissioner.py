"""What answers while the commissioner has the port. Source: gateway-api section 3.2.

It takes every request and asks nobody who he is.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from ignition_toolkit.simulator.answers import Refused, json_object
from ignition_toolkit.simulator.routing import Call


async def respond(call: Call) -> Response:
    """Answer a request; everything but the commissioner's own addresses leads to /welcome."""
    match call.request.method, call.request.url.path:
        case "GET", "/welcome":
            return HTMLResponse("<html><body>Ignition Gateway Commissioning</body></html>")
        case "GET", "/bootstrap":
            return JSONResponse({"steps": {"modules": {}, "finished": {}}})
        case "GET", "/get-step":
            return _get_step(call)
        case "POST", "/post-step":
            return await _post_step(call)
        case _:
            return RedirectResponse("/welcome", 302)


def _get_step(call: Call) -> Response:
    if call.query.get("step") != "modules":
        return JSONResponse({})
    return JSONResponse(call.world.commissioning_step())


async def _post_step(call: Call) -> Response:
    """Take a step; the answer's body is a guess, nobody has captured one."""
    body = await json_object(call.request)
    data = body.get("data")
    if not isinstance(data, dict):
        raise Refused(400)
    if body.get("step") == "modules":
        call.world.accept(_ids(data, "acceptedCertificates"), _ids(data, "acceptedLicenses"))
    elif body.get("step") == "finished" and data.get("startGateway") is True:
        call.world.finish_commissioning()
    else:
        raise Refused(400)
    return JSONResponse({})


# Any: JSON values.
def _ids(data: dict[str, Any], key: str) -> list[str]:
    found = data.get(key, [])
    if not isinstance(found, list):
        raise Refused(400)
    return [str(one) for one in found]
