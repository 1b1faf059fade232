"""Who may ask a server that wants an access token: who sends it, and browsers that have logged in.

Nothing that it says holds the token, a cookie's value or what somebody took for one.
"""

from __future__ import annotations

import hashlib
import hmac
import math

from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Scope

from ignition_toolkit.api.attempts import Attempts
from ignition_toolkit.api.login_sessions import LIFE_S, LoginSessions
from ignition_toolkit.api.problems import problem, wants_page
from ignition_toolkit.api.returning import LOGIN_PATH, LOGOUT_PATH, login_address
from ignition_toolkit.credentials import Secret
from ignition_toolkit.execution.access_token import FILE_NAME, VARIABLE
from ignition_toolkit.web.forms import FormToken

#: Where a person finds the token; the page for the log-in says the same.
WHERE = (
    f"it is in the file `{FILE_NAME}` in the server's data folder, or what {VARIABLE} was when the "
    "server was started"
)

#: What is answered without a token: the way in, what that page looks like, and whether all is well.
OPEN_PATHS = frozenset({LOGIN_PATH, LOGOUT_PATH, "/api/health"})
OPEN_FOLDER = "/static/"

#: Browsers send a cookie to every port of a name: each server calls its own by its port.
COOKIE_PREFIX = "itk_session"


class Access:
    """Lets in who has the token, or a session that was opened with it.

    Args:
        token: what is asked for.
        port: that the server listens on.
    """

    def __init__(self, token: Secret, port: int) -> None:
        self._digest = _digest(token.reveal())
        self._cookie = f"{COOKIE_PREFIX}_{port}"
        self.attempts = Attempts()
        self.sessions = LoginSessions()
        #: For the log-in page, which everybody may see: that of the other pages stays inside.
        self.form_token = FormToken()

    def fits(self, given: str) -> bool:
        """Whether `given` is the token; takes the same time for every wrong one."""
        return hmac.compare_digest(_digest(given), self._digest)

    def admits(self, headers: Headers) -> bool:
        """Whether a request may do everything. A header `Authorization` counts, else a cookie."""
        if "authorization" in headers:
            given = _bearer(headers)
            return given is not None and self.fits(given)
        return self.sessions.knows(self.session_of(headers))

    def refusal(self, scope: Scope, headers: Headers) -> ASGIApp | None:
        """Return the answer for a request that may not pass, None for one that may."""
        if self.admits(headers):
            return None
        if _bearer(headers) is not None:
            return self._wrong(scope)
        if "authorization" not in headers and is_open(scope["path"]):
            return None
        if wants_page(Request(scope)):
            return RedirectResponse(login_address(scope, headers), status_code=303)
        return unauthorized("none")

    def session_of(self, headers: Headers) -> str:
        """Return the value of our cookie, empty when there is none."""
        return cookie_parser("; ".join(headers.getlist("cookie"))).get(self._cookie, "")

    def log_in(self, answer: Response, headers: Headers) -> None:
        """Give a browser a session with this answer, instead of the one that it had."""
        self.sessions.close(self.session_of(headers))
        answer.set_cookie(
            self._cookie,
            self.sessions.open(),
            max_age=int(LIFE_S),
            # A browser names the scheme that it uses, also to a proxy that ends TLS for us.
            secure=headers.get("origin", "").startswith("https:"),
            httponly=True,
            samesite="strict",
        )

    def log_out(self, answer: Response, headers: Headers) -> None:
        """End the session of a browser with this answer."""
        self.sessions.close(self.session_of(headers))
        answer.delete_cookie(self._cookie, httponly=True, samesite="strict")

    def _wrong(self, scope: Scope) -> ASGIApp:
        wait_s = self.attempts.wrong(address_of(scope))
        return unauthorized("another one") if wait_s is None else too_many(wait_s)


def address_of(scope: Scope) -> str:
    """Return the address that a request comes from."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def unauthorized(found: str) -> JSONResponse:
    """Return the answer for a request without the token; `found` says what it had instead."""
    answer = problem(
        401,
        "unauthorized",
        "This server asks for its access token",
        "Expected the header `Authorization: Bearer TOKEN` with the server's token, found "
        f"{found}; {WHERE}. `itk` takes it from {VARIABLE}, and a person logs in at {LOGIN_PATH}.",
    )
    error = ', error="invalid_token"' if found != "none" else ""
    answer.headers["www-authenticate"] = f'Bearer realm="ignition-toolkit"{error}'
    return answer


def too_many(wait_s: float) -> JSONResponse:
    """Return the answer for one wrong token too many."""
    seconds = retry_after(wait_s)
    answer = problem(
        429,
        "too-many-attempts",
        "Too many wrong access tokens",
        "That was not the token, and many wrong ones have come from this address. The right one "
        f"is taken at any time: {WHERE}. A further guess is answered in {seconds} s.",
    )
    answer.headers["retry-after"] = seconds
    return answer


def retry_after(wait_s: float) -> str:
    """Return a time of waiting as the header has it: whole seconds, at least one."""
    return str(max(1, math.ceil(wait_s)))


def is_open(path: str) -> bool:
    """Whether an address is answered to everybody, so that nothing may be told there."""
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDER)


def _bearer(headers: Headers) -> str | None:
    """Return the token that a request sends; None when it sends none, or several."""
    said = headers.getlist("authorization")
    scheme, _, given = said[0].partition(" ") if len(said) == 1 else ("", "", "")
    return given.strip() if scheme.lower() == "bearer" else None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
