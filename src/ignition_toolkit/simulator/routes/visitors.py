"""Designers, Perspective sessions and Vision clients. Source: gateway-api section 2.6."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from ignition_toolkit.simulator import listing
from ignition_toolkit.simulator.answers import Refused
from ignition_toolkit.simulator.routing import Call, Row
from ignition_toolkit.simulator.visitors import Visitor, VisitorKind

API = "/data/api/v1"
PERSPECTIVE = "/data/perspective/api/v1"
VISION = "/data/vision/api/v1"


async def designers(call: Call) -> Response:
    """List the designers."""
    return _items(call, VisitorKind.DESIGNER)


async def designer(call: Call) -> Response:
    """Give one designer."""
    return JSONResponse(call.world.visitors.item(_get(call, VisitorKind.DESIGNER)))


async def prune_designer(call: Call) -> Response:
    """Remove a designer that is dead; a live one is an empty 409."""
    found = _get(call, VisitorKind.DESIGNER)
    if call.world.visitors.is_live(found):
        raise Refused(409, empty=True)
    call.world.visitors.close(found.id)
    return JSONResponse({"message": f"Designer session {found.id} pruned."})


async def sessions(call: Call) -> Response:
    """List the Perspective sessions."""
    visitors = call.world.visitors
    items = [visitors.session(one) for one in visitors.all_of(VisitorKind.PERSPECTIVE)]
    return JSONResponse(listing.page(call.world.settings, items, call.query))


async def session(call: Call) -> Response:
    """Give one session."""
    return JSONResponse(call.world.visitors.session(_get(call, VisitorKind.PERSPECTIVE)))


async def pages(call: Call) -> Response:
    """List the pages of a session."""
    found = _get(call, VisitorKind.PERSPECTIVE)
    items = [call.world.visitors.page(found)]
    return JSONResponse(listing.page(call.world.settings, items, call.query))


async def views(call: Call) -> Response:
    """List the views of a page."""
    found = _get(call, VisitorKind.PERSPECTIVE)
    if call.path["pageId"] != found.page_id:
        raise Refused(404)
    items = [call.world.visitors.view(found)]
    return JSONResponse(listing.page(call.world.settings, items, call.query))


async def terminate(call: Call) -> Response:
    """End sessions, those that are there; 404 where none is."""
    ids = call.query.getlist("sessionId")
    if not ids:
        raise Refused(400, "sessionId is required.")
    visitors = call.world.visitors
    found = [one for one in ids if visitors.get(VisitorKind.PERSPECTIVE, one) is not None]
    if not found:
        raise Refused(404)
    return JSONResponse({"terminated": sum(visitors.close(one) for one in found)})


async def clients(call: Call) -> Response:
    """List the Vision clients."""
    return _items(call, VisitorKind.VISION)


async def client(call: Call) -> Response:
    """Give one client."""
    return JSONResponse(call.world.visitors.item(_get(call, VisitorKind.VISION)))


async def end_client(call: Call) -> Response:
    """End a client; that the body is as a designer's is a guess."""
    found = _get(call, VisitorKind.VISION)
    call.world.visitors.close(found.id)
    return JSONResponse({"message": f"Client session {found.id} terminated."})


def _items(call: Call, kind: VisitorKind) -> Response:
    visitors = call.world.visitors
    items = [visitors.item(one) for one in visitors.all_of(kind)]
    return JSONResponse(listing.page(call.world.settings, items, call.query))


def _get(call: Call, kind: VisitorKind) -> Visitor:
    found = call.world.visitors.get(kind, call.path["id"])
    if found is None:
        raise Refused(404)
    return found


_PAGES = f"{PERSPECTIVE}/session/{{id}}"

ROWS = (
    Row("GET", f"{API}/designers", designers, "2.6"),
    Row("GET", f"{API}/designer/{{id}}", designer, "2.6"),
    Row("DELETE", f"{API}/designer/{{id}}", prune_designer, "2.6"),
    Row("GET", f"{PERSPECTIVE}/sessions/", sessions, "2.6"),
    Row("DELETE", f"{PERSPECTIVE}/sessions", terminate, "2.6"),
    Row("GET", _PAGES, session, "2.6"),
    Row("GET", f"{_PAGES}/pages", pages, "2.6"),
    Row("GET", f"{_PAGES}/page/{{pageId}}/views", views, "2.6"),
    Row("GET", f"{VISION}/clients", clients, "2.6"),
    Row("GET", f"{VISION}/client/{{id}}", client, "2.6"),
    Row("DELETE", f"{VISION}/client/{{id}}", end_client, "2.6"),
)
