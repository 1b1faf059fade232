"""Pages of a small Perspective session. Source: gateway-api section 4; what they show is ours."""

from __future__ import annotations

import secrets

from starlette.responses import Response

from ignition_toolkit.simulator.page_files import page
from ignition_toolkit.simulator.routing import Call, Need, Row

#: Pages that are a terminal state, by the name in their address, with what they say.
TERMINAL = {
    "forbidden": ("Forbidden", "You may not open this project."),
    "logged-out": ("Logged Out", "You have been logged out."),
    "mobile-only": ("Mobile License Only", "This gateway is licensed for mobile devices."),
    "page-closed": ("Page Closed", "This page was closed."),
    "not-runnable": ("Project Not Runnable", "This project cannot be run."),
    "session-closed": ("Session Closed", "This session was closed."),
}


async def client(call: Call) -> Response:
    """Show a page of a project; a lapsed trial and some addresses have their terminal page."""
    world, project = call.world, call.path["project"]
    name = call.path.get("page", "")
    if not world.has_project(project):
        return _terminal(call, "Project Not Found", "There is no project of this name.", 404)
    if world.trial.expired:
        return _terminal(call, "Trial Expired", "The trial of this gateway is over.")
    if name in TERMINAL:
        return _terminal(call, *TERMINAL[name])
    session = world.logins.session_of(call.request)
    gateway = world.settings.gateway_name
    if session is None and world.settings.perspective_needs_login:
        return page("must_log_in", gateway=gateway)
    user = "" if session is None else session.user
    number = secrets.token_hex(4)
    return page(
        "perspective", project=project, page=name, gateway=gateway, user=user, session=number
    )


def _terminal(call: Call, header: str, message: str, status: int = 200) -> Response:
    link = f"/data/perspective/client/{call.path['project']}"
    return page("terminal", status, header=header, message=message, link=link)


ROWS = (
    Row("GET", "/data/perspective/client/{project}", client, "4", Need.NOTHING),
    Row("GET", "/data/perspective/client/{project}/{page}", client, "4", Need.NOTHING),
)
