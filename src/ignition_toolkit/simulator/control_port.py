"""The control port: the controls over HTTP, for processes that are not the simulator's own."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ignition_toolkit.simulator.controls import Controls
from ignition_toolkit.simulator.world import World

#: The header that carries the port's key.
KEY_HEADER = "X-Simulator-Key"

Endpoint = Callable[[Request], Awaitable[Response]]

#: What `POST /actions/{name}` does, and nothing else.
ACTIONS = (
    "restart",
    "stop",
    "start",
    "commission",
    "expire_trial",
    "pass_time",
    "set_clock_factor",
    "open_visitor",
    "lose_visitor",
    "close_visitor",
    "lay_project",
    "log",
    "set_module_fault",
    "add_key",
    "remove_key",
)


def control_app(world: World, controls: Controls, key: str) -> Starlette:
    """Return the control port's app.

    Args:
        world: of the gateway.
        controls: what it calls.
        key: what every request must carry in `X-Simulator-Key`.
    """
    port = _Port(world, controls)
    endpoints: list[tuple[str, str, Endpoint]] = [
        ("GET", "/requests", port.list_requests),
        ("DELETE", "/requests", port.forget_requests),
        ("GET", "/acts", port.list_acts),
        ("DELETE", "/acts", port.forget_acts),
        ("GET", "/faults", port.list_faults),
        ("POST", "/faults", port.add_fault),
        ("DELETE", "/faults", port.clear_faults),
        ("DELETE", "/faults/{number:int}", port.remove_fault),
        ("GET", "/settings", port.get_settings),
        ("PATCH", "/settings", port.change_settings),
        ("GET", "/status", port.status),
        ("GET", "/state", port.state),
        ("GET", "/certificate", port.certificate),
        ("POST", "/actions/{name}", port.act),
    ]
    routes = [Route(path, _guarded(endpoint, key), methods=[m]) for m, path, endpoint in endpoints]
    return Starlette(routes=routes)


class _Port:
    """The endpoints."""

    def __init__(self, world: World, controls: Controls) -> None:
        self._world = world
        self._controls = controls

    async def list_requests(self, request: Request) -> Response:
        query = request.query_params
        is_open = {"true": True, "false": False}.get(query.get("open", ""))
        entries = self._world.requests.find(
            query.get("method"),
            query.get("path"),
            is_open=is_open,
            after=int(query.get("after", "0")),
        )
        return JSONResponse([entry.to_json() for entry in entries])

    async def forget_requests(self, request: Request) -> Response:
        del request
        self._controls.forget_requests()
        return Response(status_code=204)

    async def list_acts(self, request: Request) -> Response:
        query = request.query_params
        after = int(query.get("after", "0"))
        acts = self._controls.acts(query.get("act"), query.get("target"), after=after)
        return JSONResponse([act.to_json() for act in acts])

    async def forget_acts(self, request: Request) -> Response:
        del request
        self._controls.forget_acts()
        return Response(status_code=204)

    async def list_faults(self, request: Request) -> Response:
        del request
        return JSONResponse(self._world.faults.to_json())

    async def add_fault(self, request: Request) -> Response:
        number = self._controls.add_fault(**await _object(request))
        return JSONResponse({"number": number}, 201)

    async def clear_faults(self, request: Request) -> Response:
        del request
        self._controls.clear_faults()
        return Response(status_code=204)

    async def remove_fault(self, request: Request) -> Response:
        there = self._controls.remove_fault(request.path_params["number"])
        return Response(status_code=204 if there else 404)

    async def get_settings(self, request: Request) -> Response:
        del request
        return JSONResponse(self._world.settings.model_dump(mode="json"))

    async def change_settings(self, request: Request) -> Response:
        self._controls.configure(**await _object(request))
        return await self.get_settings(request)

    async def status(self, request: Request) -> Response:
        del request
        lifecycle, clock = self._world.lifecycle, self._world.clock
        body = {
            "phase": lifecycle.phase.value,
            "restarts": lifecycle.restarts,
            "uptime_s": lifecycle.uptime_s,
            "now": clock.now,
            "clock_factor": clock.factor,
            "trial_seconds_left": self._world.trial.seconds_left,
        }
        return JSONResponse(body)

    async def state(self, request: Request) -> Response:
        del request
        return Response(self._world.state.model_dump_json(), media_type="application/json")

    async def certificate(self, request: Request) -> Response:
        del request
        certificate = self._world.certificate
        if certificate is None:
            return JSONResponse({"error": "this gateway has no TLS port"}, 404)
        return Response(certificate, media_type="application/x-pem-file")

    async def act(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in ACTIONS:
            return JSONResponse({"error": f"expected one of {', '.join(ACTIONS)}"}, 404)
        arguments = await _object(request) if await request.body() else {}
        result = getattr(self._controls, name)(**arguments)
        return JSONResponse({"result": result})


def _guarded(endpoint: Endpoint, key: str) -> Endpoint:
    async def answer(request: Request) -> Response:
        if not hmac.compare_digest(request.headers.get(KEY_HEADER, "").encode(), key.encode()):
            message = f"expected the key that the simulator printed at its start in {KEY_HEADER}"
            return JSONResponse({"error": message}, 401)
        try:
            return await endpoint(request)
        except ValidationError as wrong:
            return JSONResponse({"error": str(wrong)}, 422)
        except (KeyError, TypeError, ValueError) as wrong:
            return JSONResponse({"error": str(wrong)}, 422)

    return answer


# Any: JSON values.
async def _object(request: Request) -> dict[str, Any]:
    body = await request.json()
    if not isinstance(body, dict):
        raise TypeError("expected a JSON object")
    return body
