"""Trial, banners and licences. Source: gateway-api section 2.3."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from ignition_toolkit.simulator.routing import Call, Need, Row

API = "/data/api/v1"


async def trial(call: Call) -> Response:
    """Tell how long the trial lasts."""
    return JSONResponse(call.world.trial.to_json())


async def reset_trial(call: Call) -> Response:
    """Begin the trial anew, 403 while it is not over; in no OpenAPI document, and measured."""
    call.world.trial.reset()
    call.world.changed()
    return JSONResponse(call.world.trial.to_json())


async def banners(call: Call) -> Response:
    """Give the banner of the trial."""
    return JSONResponse({"banners": call.world.trial.banners()})


async def licenses(call: Call) -> Response:
    """List licences, of which a simulated gateway has none."""
    started_ms = int(call.world.lifecycle.started_at * 1000)
    kinds = ("cloud", "certificate", "hardware", "embedded", "leased")
    body = {
        **{kind: [] for kind in kinds},
        "effective": {"lastUpdated": started_ms},
        "leasedUnactivateTimeoutMS": 7500,
        "busy": False,
    }
    return JSONResponse(body)


ROWS = (
    Row("GET", f"{API}/trial", trial, "2.3", Need.NOTHING),
    Row("POST", f"{API}/trial", reset_trial, "2.3"),
    Row("GET", f"{API}/overview/banners", banners, "2.3", Need.NOTHING),
    Row("GET", f"{API}/licenses", licenses, "2.3"),
)
