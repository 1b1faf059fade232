"""One gateway's connections and who is logged in there; the one place that sends a secret."""

from __future__ import annotations

import logging
import ssl

import httpx2

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.errors import StepFailed
from ignition_toolkit.gateway.identity import Identity
from ignition_toolkit.gateway.target import GatewayTarget, Tls

# Its line for each request would be in the execution's log, with the one-time tokens of a log-in.
logging.getLogger("httpx2").setLevel(logging.WARNING)

#: Header of an API token, since 8.3.
TOKEN_HEADER = "X-Ignition-API-Token"  # noqa: S105 - a header's name
#: Header that the writes of a browser's session need.
CSRF_HEADER = "X-CSRF-Token"
#: Connections at once; each serves one request, as one that is kept may be stale after a restart,
#: and a POST that meets a stale one must not be sent again.
MAX_CONNECTIONS = 10

_HEADERS = {
    # 8.3.8 then writes its errors as JSON.
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "ignition-toolkit",
}


class Session:
    """Connections to one gateway.

    Args:
        target: which one.
        transport: instead of the network, for tests.
    """

    def __init__(
        self, target: GatewayTarget, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self.target = target
        self._transport = transport
        self._http: httpx2.AsyncClient | None = None
        self._csrf: Secret | None = None
        #: Who asks.
        self.identity = target.identity
        #: Version of the gateway, once somebody has asked.
        self.version: str | None = None

    @property
    def http(self) -> httpx2.AsyncClient:
        """The HTTP client. Raises StepFailed when the target's CA file cannot be read."""
        if self._http is None:
            self._http = httpx2.AsyncClient(
                base_url=self.target.url,
                headers=_HEADERS,
                verify=_trust(self.target),
                transport=self._transport,
                # A key must not go where a redirect leads.
                follow_redirects=False,
                # No proxy and no .netrc of the machine comes between.
                trust_env=False,
                limits=httpx2.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=0),
            )
        return self._http

    @property
    def logged_in(self) -> bool:
        """Whether requests carry a key or a session."""
        return self.identity.token is not None or self._csrf is not None

    @property
    def awaited(self) -> tuple[str, Secret] | None:
        """Name and password with which nobody has logged in yet; None where nobody is to."""
        username, password = self.identity.username, self.identity.password
        if self.logged_in or username is None or password is None:
            return None
        return username, password

    def headers(self) -> dict[str, str]:
        """Return the headers that say who asks. Raises StepFailed for a key that is no header."""
        if self.identity.token is not None:
            return {TOKEN_HEADER: self._sendable(self.identity.token)}
        if self._csrf is not None:
            return {CSRF_HEADER: self._csrf.reveal()}
        return {}

    def redactor(self) -> Redactor:
        """Return what takes out of a gateway's words what it was sent, or has given.

        Whoever cuts such words off needs it: what is left of a secret there is found by nobody.
        """
        secrets = (*self.identity.secrets, *filter(None, [self._csrf]))
        return Redactor(secrets)

    def become(self, identity: Identity) -> None:
        """Ask as this one from now on, and as nobody else; a person logs in when it is needed."""
        if identity != self.identity:
            self.expire()
            self.identity = identity

    def use_csrf(self, csrf: Secret) -> None:
        """Send this along with the cookies of a browser's session from now on."""
        self._csrf = csrf

    def expire(self) -> None:
        """End a browser's session, which does not outlive a restart; a key stays."""
        self._csrf = None
        if self._http is not None:
            self._http.cookies.clear()

    def _sendable(self, token: Secret) -> str:
        # The library's own error of such a header would show it, and tell of a broken connection.
        text = token.reveal()
        if not text.isascii() or not text.isprintable() or text != text.strip():
            raise StepFailed(
                f"gateway {self.target.name}: its API token cannot be sent: expected visible ASCII"
                " characters as name:key, found others, or a blank at its beginning or end; store"
                " it again as the gateway shows it"
            )
        return text

    async def aclose(self) -> None:
        """Close all connections."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None


def _trust(target: GatewayTarget) -> ssl.SSLContext | bool:
    if not target.url.startswith("https:"):
        # Making a context reads the system's certificates, for nothing here.
        return False
    if target.tls is Tls.CA_FILE:
        return _own_authority(target)
    context = ssl.create_default_context()
    if target.tls is Tls.INSECURE:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _own_authority(target: GatewayTarget) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=target.ca_file or "")
    except (OSError, ValueError) as error:
        raise StepFailed(
            f"gateway {target.name}: expected a PEM file with its certificate authority at"
            f" {target.ca_file}: {error}"
        ) from error
