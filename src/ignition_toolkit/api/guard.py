"""What every request passes before anything else looks at it, streams included.

Pure ASGI: it refuses foreign hosts, foreign pages, strangers and unfit bodies, and dresses every
answer with the headers that keep a browser from doing more with it than was meant.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ignition_toolkit.api.access import Access
from ignition_toolkit.api.body import BodyRefused, checked_body, drained, replayed
from ignition_toolkit.api.hosts import VARIABLE, HostRules
from ignition_toolkit.api.problems import problem

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

#: No script, style, image or connection from elsewhere, nothing inline, and no foreign frame.
CONTENT_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'"
)

ANSWER_HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    # Not no-referrer: browsers then send `Origin: null` with our own forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """ASGI middleware that lets through what may reach the app.

    Args:
        app: what is guarded.
        rules: the names that this server may be called by.
        access: who may ask; None: everybody who reaches the server.
    """

    def __init__(self, app: ASGIApp, rules: HostRules, access: Access | None) -> None:
        self._app = app
        self._rules = rules
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request with a problem, or hand it on with its body checked."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _dressed(send)
        headers = Headers(scope=scope)
        refusal = self._foreign(scope["method"], headers)
        if refusal is None and self._access is not None:
            refusal = self._access.refusal(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, drained(send, receive, headers))
            return
        try:
            body = await checked_body(scope, receive, headers)
        except BodyRefused as refused:
            send = drained(send, receive, headers) if refused.unread else send
            await refused.answer(scope, receive, send)
            return
        await self._app(scope, receive if body is None else replayed(body, receive), send)

    def _foreign(self, method: str, headers: Headers) -> ASGIApp | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._rules.allows_host(hosts[0]):
            return _foreign_host(hosts)
        if method in SAFE_METHODS:
            return None
        for origin in headers.getlist("origin"):
            if not self._rules.allows_origin(origin, hosts[0]):
                return _foreign_origin(origin)
        return None


def _foreign_host(hosts: list[str]) -> ASGIApp:
    found = ", ".join(hosts)[:200] or "none"
    return problem(
        403,
        "foreign-host",
        "This server is not known by that name",
        f"Expected the Host 127.0.0.1, localhost or [::1], found {found}. "
        f"Further names can be listed in {VARIABLE} when the server is started.",
    )


def _foreign_origin(origin: str) -> ASGIApp:
    return problem(
        403,
        "foreign-origin",
        "Pages of other sites may not change anything here",
        f"The request comes from a page of {origin[:200]}. Use the server's own pages, or list "
        f"that page's host in {VARIABLE} when the server is started.",
    )


def _dressed(send: Send) -> Send:
    async def send_dressed(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in ANSWER_HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return send_dressed
