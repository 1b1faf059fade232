"""What the command line says to a server, and what it makes of the answers.

Answers come back as the JSON that the server sent, or as the views where a command shows them.
"""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx2

from ignition_toolkit.cli.access import denied
from ignition_toolkit.cli.answers import checked_answer
from ignition_toolkit.cli.events import Event
from ignition_toolkit.cli.login import login_name
from ignition_toolkit.cli.server_url import is_loopback
from ignition_toolkit.errors import AccessDenied, ServerUnreachable
from ignition_toolkit.execution.access_token import AccessToken

#: Seconds to reach a server; it is near, or it is not there.
CONNECT_S = 3.0

#: Seconds to wait for an answer; a server that checks a long playbook takes one or two.
ANSWER_S = 30.0

#: Seconds of silence after which a stream counts as broken; a server says something every 15.
SILENCE_S = 45.0

#: A step's output is bounded at 10 MiB and JSON may escape every byte of it.
MAX_EVENT_BYTES = 80 * 1024 * 1024


class ServerClient:
    """One server. Used as an asynchronous context manager.

    Every method raises ServerUnreachable when no server of ours answers, and the class of
    `errors.py` that the server's problem stands for when it refuses. Cancellation: at once; what
    was asked for may have happened.

    Args:
        url: as `server_url` gives it.
        token: the access token to be sent, to this server and to no other.
        transport: another way to the server, for tests.
    """

    def __init__(
        self,
        url: str,
        token: AccessToken | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.url = url
        self._token = token
        host = urlsplit(url).hostname or ""
        self._http = httpx2.AsyncClient(
            base_url=url,
            headers=_headers(token),
            # What it points to would be sent the token.
            follow_redirects=False,
            timeout=httpx2.Timeout(ANSWER_S, connect=CONNECT_S),
            # A proxy for the world must not be asked for this machine.
            trust_env=not is_loopback(host),
            verify=True if url.startswith("https:") else _no_certificates(),
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    # Any: JSON in both directions, shaped by the API.
    async def get(self, path: str, params: Mapping[str, str | int] | None = None) -> Any:
        """Return the JSON at an address."""
        return await self._ask("GET", path, params=params)

    async def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send a request that changes something; without a body it has no content type."""
        return await self._ask("POST", path, json=body)

    async def delete(self, path: str) -> Any:
        """Have what is at an address removed."""
        return await self._ask("DELETE", path)

    @asynccontextmanager
    async def events(self, path: str, after: int) -> AsyncIterator[AsyncIterator[Event]]:
        """Open the stream of events after number `after`.

        It ends when nothing follows, and also when the server ends; at once when all was seen.

        Raises:
            ServerUnreachable: on opening, and from the iterator when the connection breaks.
        """
        silence = httpx2.Timeout(ANSWER_S, connect=CONNECT_S, read=SILENCE_S)
        headers = {"Last-Event-ID": str(after)}
        try:
            async with self._http.sse(
                path, headers=headers, timeout=silence, max_event_size=MAX_EVENT_BYTES
            ) as source:
                status = source.response.status_code
                if status not in (200, 204):
                    await source.response.aread()
                    self._checked(source.response)
                async with aclosing(_parsed(source) if status == 200 else _nothing()) as events:
                    yield events
        except httpx2.TransportError as error:
            raise unreachable(self.url, error) from error

    # Any: see above.
    async def _ask(self, method: str, path: str, **request: Any) -> Any:
        try:
            response = await self._http.request(method, path, **request)
        except httpx2.TransportError as error:
            raise unreachable(self.url, error) from error
        return self._checked(response)

    # Any: see above.
    def _checked(self, response: httpx2.Response) -> Any:
        try:
            return checked_answer(response, self.url)
        except AccessDenied as error:
            if response.status_code != 401:
                raise
            # What the server says is for every client; what this one can do is said here.
            raise denied(self.url, self._token) from error


def unreachable(url: str, error: Exception) -> ServerUnreachable:
    """Return the error for a server that does not answer, with what to do about it."""
    if isinstance(error, httpx2.ReadTimeout):
        return ServerUnreachable(
            f"the server at {url} took the request and did not answer within {ANSWER_S:.0f} s; "
            "look at what it prints, and restart it if it is stuck",
            url=url,
        )
    return ServerUnreachable(
        f"no server answers at {url} ({_reason(error)}); "
        "start one with `itk serve`, or name another with --server or ITK_SERVER",
        url=url,
    )


def _reason(error: BaseException) -> str:
    """Return what the system said, which stands at the bottom of a chain of causes."""
    if isinstance(error, httpx2.ConnectTimeout):
        return f"not within {CONNECT_S:.0f} s"
    below = error.__cause__ or error.__context__
    if below is not None:
        return _reason(below)
    if isinstance(error, BaseExceptionGroup):
        return _reason(error.exceptions[0])
    if isinstance(error, OSError) and error.errno is not None:
        # Numbers below zero are the name service's own.
        return os.strerror(error.errno) if error.errno > 0 else str(error.strerror)
    return str(error) or type(error).__name__


async def _parsed(source: httpx2.EventSource) -> AsyncGenerator[Event, None]:
    async for event in source:
        # A comment or a new waiting time dispatches nothing, says the standard.
        if not event.data:
            continue
        number = int(event.id) if event.id.isascii() and event.id.isdecimal() else 0
        data = json.loads(event.data)
        yield Event(number, event.event, data if isinstance(data, dict) else {})


async def _nothing() -> AsyncGenerator[Event, None]:
    none: tuple[Event, ...] = ()
    for event in none:
        yield event


def _headers(token: AccessToken | None) -> dict[str, str]:
    headers = {"X-ITK-Client": "cli"}
    if name := login_name():
        # A header holds ASCII; a name from elsewhere is spelled as in an address.
        headers["X-ITK-User"] = quote(name, safe=" @.+")
    if token is not None:
        headers["Authorization"] = f"Bearer {token.value.reveal()}"
    return headers


def _no_certificates() -> ssl.SSLContext:
    """Return a context that trusts nobody: plain http needs none, and loading them takes 0.1 s."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
