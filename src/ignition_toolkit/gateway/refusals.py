"""Which error an answer is, and what a person can do about it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from ignition_toolkit.errors import (
    GatewayDenied,
    GatewayError,
    GatewayNotReady,
    GatewayRefused,
    GatewayUnreachable,
)
from ignition_toolkit.gateway.answers import words_of
from ignition_toolkit.gateway.target import GatewayTarget

_NO_KEY = (
    "no API token was sent: give the gateway's entry a credential, begin with a gateway.login step,"
    " or set IGNITION_API_TOKEN and with it IGNITION_GATEWAY_URL, whose address alone is sent it"
)
_WRONG_KEY = (
    "the API token is not known there, or is not written as name:key; they are made at Platform >"
    " Security > API Keys"
)
_PLAIN_KEY = "; one with 'Require secure connections' works over https only, as by default"
_WEAK_KEY = (
    "its security level lacks the gateway's read or write permission, which only"
    " administrators have by default"
)


@dataclass(frozen=True)
class Asked:
    """One request, as errors and the record name it: never with headers or a body."""

    target: GatewayTarget
    method: str
    path: str
    #: Whether an API token or a session went along.
    with_login: bool = False

    @property
    def line(self) -> str:
        """The request as one line."""
        return f"{self.method} {self.target.url}{self.path}"

    @property
    def who(self) -> str:
        """The gateway, for a sentence."""
        same = self.target.name == self.target.url
        return self.target.url if same else f"{self.target.name} ({self.target.url})"

    def error(
        self, cls: type[GatewayError], why: str, status: int | None = None, **fields: object
    ) -> GatewayError:
        """Return an error of this request: gateway, request, what was found, what to do."""
        message = f"gateway {self.who}: {self.method} {self.path}: {why}"
        given = {"gateway": self.target.name, "request": self.line, "status": status}
        return cls(message, **given, **fields)


def refusal(asked: Asked, status: int, body: bytes, location: str = "") -> GatewayError:
    """Return the error that an answer with this status is.

    Args:
        asked: the request.
        status: of the answer, not of 2xx.
        body: of the answer; HTML, JSON, or empty.
        location: where a redirect leads.
    """
    if 300 <= status < 400:
        return _redirected(asked, status, location)
    words = words_of(body)
    said = f"{status} ({words})" if words else f"{status} without a word"
    if status in (401, 403):
        return asked.error(GatewayDenied, f"{said}; {_advice(asked, status)}", status)
    if status == 503:
        why = f"{said}; its services start or restart: wait with gateway.wait_for_ready"
        return asked.error(GatewayNotReady, why, status)
    return asked.error(GatewayRefused, said + _HINTS.get(status, ""), status)


_HINTS = {
    404: "; nothing of that name, or not in this version",
    409: "; it conflicts with what is there",
    413: "; the file is too large for it",
    415: "; it does not take this kind of file",
}


def _advice(asked: Asked, status: int) -> str:
    if not asked.with_login:
        return _NO_KEY
    plain = _PLAIN_KEY if asked.target.url.startswith("http:") else ""
    return (_WRONG_KEY if status == 401 else _WEAK_KEY) + plain


def _redirected(asked: Asked, status: int, location: str) -> GatewayError:
    """Return the error of a redirect: none is followed, as keys would go along."""
    to = urlsplit(location)
    if to.path.startswith("/welcome"):
        why = f"{status} to {to.path}: the gateway was never commissioned, or is again; finish it"
        return asked.error(GatewayNotReady, f"{why} in a browser", status)
    if to.path.startswith(("/idp/", "/data/app/login")):
        return asked.error(GatewayDenied, f"{status} to its log-in page; {_NO_KEY}", status)
    if to.scheme == "https" and asked.target.url.startswith("http:"):
        port = f":{to.port}" if to.port else ""
        why = f"{status}: it wants TLS; give https://{to.hostname}{port} as its address"
        return asked.error(GatewayRefused, why, status)
    where = f"{to.scheme}://{to.netloc.rpartition('@')[2]}{to.path}" if to.scheme else to.path
    why = f"{status} to {where[:200]}, which is not followed; give that as its address if it is it"
    return asked.error(GatewayRefused, why, status)


def broken(asked: Asked, why: str, *, sent: bool) -> GatewayError:
    """Return the error of a connection that could not be made, or broke.

    Args:
        asked: the request.
        why: what happened.
        sent: whether something of the request may have reached the gateway.
    """
    if sent and asked.method != "GET":
        why += "; whether it was carried out is unknown: look at the gateway before trying again"
    else:
        why += "; is it running, and is the address right?"
    return asked.error(GatewayUnreachable, why, sent=sent)
