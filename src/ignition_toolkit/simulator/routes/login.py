"""The log-in that a browser makes. Source: gateway-api section 1.3."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from ignition_toolkit.simulator.answers import Refused, json_object
from ignition_toolkit.simulator.logins import COOKIE
from ignition_toolkit.simulator.routing import Call, Need, Row

IDP = "default"
AUTH = f"/idp/{IDP}/oidc/auth"


async def begin(call: Call) -> Response:
    """Lead to the identity provider."""
    del call
    return RedirectResponse(f"{AUTH}?{urlencode({'response_type': 'code'})}", 302)


async def authorize(call: Call) -> Response:
    """Lead to the log-in page, or with the token of one that is complete back to the gateway."""
    token = call.query.get("token")
    if token is None:
        query = urlencode({"token": call.world.logins.begin()})
        return RedirectResponse(f"/idp/{IDP}/authn/login?{query}", 302)
    login = call.world.logins.take(token)
    if login is None or not login.passed:
        raise Refused(400)
    query = urlencode({"code": call.world.logins.make_code(), "state": "simulated"})
    return RedirectResponse(f"/data/federate/callback/internal?{query}", 302)


async def login_page(call: Call) -> Response:
    """Stand for the page with name and password."""
    del call
    return HTMLResponse("<html><body><input class='username-field'></body></html>")


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
    response = RedirectResponse("/app", 302)
    response.set_cookie(COOKIE, cookie, httponly=True, samesite="strict")
    return response


async def session(call: Call) -> Response:
    """Tell who is logged in, and what writes of that session must carry."""
    found = call.world.logins.session_of(call.request)
    if found is None:
        raise Refused(401)
    return JSONResponse({"userPayload": {"username": found.user}, "csrfToken": found.csrf_token})


async def app_page(call: Call) -> Response:
    """Stand for the gateway's own pages."""
    del call
    return HTMLResponse("<html><body><div id='app'></div></body></html>")


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
)
