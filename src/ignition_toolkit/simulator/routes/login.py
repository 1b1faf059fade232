"""The log-in that a browser makes. Source: gateway-api section 1.3."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from ignition_toolkit.simulator.answers import Refused, json_object
from ignition_toolkit.simulator.logins import COOKIE, Login
from ignition_toolkit.simulator.page_files import page
from ignition_toolkit.simulator.routing import Call, Need, Row

IDP = "default"
AUTH = f"/idp/{IDP}/oidc/auth"

#: Of the gateway's own pages, by their path.
TITLES = {
    "/app/platform/system/modules": "Modules",
    "/app/platform/system/licensing": "Licensing",
}


async def begin(call: Call) -> Response:
    """Lead to the identity provider."""
    del call
    return RedirectResponse(f"{AUTH}?{urlencode({'response_type': 'code', 'state': '/app'})}", 302)


async def authorize(call: Call) -> Response:
    """Lead to the log-in page, or with the token of one that is complete back to the gateway."""
    token = call.query.get("token")
    if token is None:
        begun = Login(back=_way_back(call.query.get("state", "")))
        query = urlencode({"token": call.world.logins.begin(begun)})
        return RedirectResponse(f"/idp/{IDP}/authn/login?{query}", 302)
    login = call.world.logins.take(token)
    if login is None or not login.passed:
        raise Refused(400)
    query = urlencode({"code": call.world.logins.make_code(), "state": login.back})
    return RedirectResponse(f"/data/federate/callback/internal?{query}", 302)


async def login_page(call: Call) -> Response:
    """Give the page that asks for name and password, one after the other. Source: section 4."""
    return page("login", gateway=call.world.settings.gateway_name)


async def next_challenge(call: Call) -> Response:
    """Tell what is to be answered next, with the token for the answer."""
    logins = call.world.logins
    login = logins.take((await json_object(call.request)).get("token"))
    if login is None:
        return HTMLResponse("<html><body>Bad Request</body></html>", 400)
    challenges = [] if login.passed else [{"type": "basic"}]
    body = {"complete": login.passed, "nextChallenge": challenges, "token": logins.begin(login)}
    return JSONResponse(body)


async def submit_basic(call: Call) -> Response:
    """Take name and password."""
    logins = call.world.logins
    body = await json_object(call.request)
    login = logins.take(body.get("token"))
    if login is None:
        return HTMLResponse("<html><body>Bad Request</body></html>", 400)
    given = body.get("challenge")
    if isinstance(given, dict):
        login.passed = logins.knows(given.get("username"), given.get("password"))
    return JSONResponse({"success": login.passed, "token": logins.begin(login)})


async def callback(call: Call) -> Response:
    """Open the session."""
    cookie = call.world.logins.open_session(call.query.get("code", ""))
    if cookie is None:
        raise Refused(400)
    response = RedirectResponse(_way_back(call.query.get("state", "")), 302)
    response.set_cookie(COOKIE, cookie, httponly=True, samesite="strict")
    return response


async def session(call: Call) -> Response:
    """Tell who is logged in, and what writes of that session must carry."""
    found = call.world.logins.session_of(call.request)
    if found is None:
        raise Refused(401)
    return JSONResponse({"userPayload": {"username": found.user}, "csrfToken": found.csrf_token})


async def app_page(call: Call) -> Response:
    """Give the gateway's own pages: addresses are known, what stands on them is ours."""
    title = TITLES.get(call.request.url.path, "Home")
    return page("app", gateway=call.world.settings.gateway_name, title=title)


def _way_back(state: str) -> str:
    """Return where a log-in leads back to: a page of this gateway, whatever was asked for."""
    return state if state.startswith("/data/perspective/client/") else "/app"


_PUBLIC = Need.NOTHING

ROWS = (
    Row("GET", "/data/app/login", begin, "1.3", _PUBLIC),
    Row("GET", "/idp/{name}/oidc/auth", authorize, "1.3", _PUBLIC),
    Row("GET", "/idp/{name}/authn/login", login_page, "1.3", _PUBLIC),
    Row("POST", "/idp/{name}/authn/next-challenge", next_challenge, "1.3", _PUBLIC),
    Row("POST", "/idp/{name}/authn/submit-challenge/basic", submit_basic, "1.3", _PUBLIC),
    Row("GET", "/data/federate/callback/internal", callback, "1.3", _PUBLIC),
    Row("GET", "/data/app/session", session, "1.3", _PUBLIC),
    Row("GET", "/app", app_page, "1.3", _PUBLIC),
    Row("GET", "/app/platform/system/modules", app_page, "4", _PUBLIC),
    Row("GET", "/app/platform/system/licensing", app_page, "4", _PUBLIC),
)
