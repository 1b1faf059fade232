"""Requests of one step to one gateway: announced, bounded in time, their errors made ours.

A redirect is never followed. A GET is tried again when its connection breaks, anything when no
connection comes about; a request that may have reached the gateway is never replayed.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Protocol, TypeVar

import httpx2

from ignition_toolkit.errors import (
    GatewayError,
    GatewayRefused,
    GatewayUnreachable,
    GatewayUnsupported,
    GatewayUntrusted,
)
from ignition_toolkit.gateway.answers import failure_in, gwinfo_of, items_of, parsed
from ignition_toolkit.gateway.call import READ_S, Answer, Call, Query
from ignition_toolkit.gateway.refusals import Asked, broken, refusal
from ignition_toolkit.gateway.session import Session
from ignition_toolkit.gateway.target import GatewayTarget
from ignition_toolkit.playbook.cancellation import cancellable_sleep

T = TypeVar("T")

#: Seconds for a connection to come about.
CONNECT_S = 10.0
#: Seconds of a step's time that are kept back, so that a slow gateway is a plain failure of the
#: step and not a timeout that may cost its runner.
SPARE_S = 0.25
#: Seconds before each further try.
PAUSES_S = (0.5, 1.0)
#: Bytes of an answer that is held in memory.
MAX_BODY_BYTES = 64 * 1024 * 1024
#: Bytes of an answer in which words for people are looked for.
MAX_WORDS_BYTES = 64 * 1024
#: Addresses of the interface that came with 8.3.
REST = "/data/"


class Watch(Protocol):
    """Who waits for an answer: a step's context."""

    def in_flight(self, request: str) -> contextlib.AbstractContextManager[None]:
        """Announce a request; leaving the block says that it was answered."""

    def remaining(self) -> float:
        """Return the seconds that are left."""


class Exchange:
    """Requests to one gateway on behalf of one step.

    Every method raises GatewayError. Cancellation: at once; the connection is closed, and the
    request stays announced as one whose outcome is unknown.

    Args:
        session: connections, and who is logged in.
        watch: who waits.
    """

    def __init__(self, session: Session, watch: Watch) -> None:
        self.session = session
        self._watch = watch

    @property
    def target(self) -> GatewayTarget:
        """The gateway."""
        return self.session.target

    def remaining(self) -> float:
        """Return the seconds that are left of the step's time."""
        return self._watch.remaining()

    def bounded(self, timeout_s: float) -> float:
        """Return for how long to wait: the step's own time ends a wait without its last state."""
        left = self.remaining() - 2 * SPARE_S
        return timeout_s if timeout_s <= left else max(0.0, round(left, 1))

    # Any: a JSON value.
    async def json(self, call: Call) -> Any:
        """Return the JSON value of an answer that tells of success."""
        value = await self.json_whatever(call)
        self.check(call, value)
        return value

    # Any: a JSON value.
    async def json_whatever(self, call: Call) -> Any:
        """Return the JSON value of an answer of 2xx, whatever it tells."""
        answer = await self.answer(call)
        try:
            return parsed(answer.body)
        except ValueError as error:
            found = "an empty body" if not answer.body else f"{self.words(answer.body)[:60]!r}"
            why = f"expected JSON, found {found}; is this an Ignition gateway's address?"
            raise self._asked(call).error(GatewayRefused, why, answer.status) from error

    def error(self, call: Call, cls: type[GatewayError], why: str) -> GatewayError:
        """Return an error of a request whose answer, with status 200, is not as it should be."""
        return self._asked(call).error(cls, why, 200)

    # Any: a JSON value.
    def check(self, call: Call, value: Any) -> None:
        """Raise GatewayRefused when the body of an answer with status 200 tells of a failure."""
        if (failure := failure_in(value)) is not None:
            redactor = self.session.redactor()
            failure = failure_in(redactor.value(value)) or redactor.text(failure)
            why = f"200, but it failed: {failure}"
            raise self.error(call, GatewayRefused, why)

    async def items(self, path: str, query: Query | None = None) -> list[dict[str, Any]]:
        """Return the items of a list, all that match."""
        call = Call("GET", path, query or {})
        found = items_of(await self.json(call))
        if found is None:
            raise self.error(call, GatewayRefused, "expected a list in `items`")
        return found

    async def text(self, call: Call) -> str:
        """Return an answer's text."""
        return (await self.answer(call)).body.decode("utf-8", "replace")

    async def answer(self, call: Call) -> Answer:
        """Return an answer of 2xx with its body, MAX_BODY_BYTES at most."""

        async def once() -> Answer:
            async with self.opened(call) as response:
                return Answer(response.status_code, await self._held(call, response))

        return await self.persistently(call, once)

    async def any_answer(self, call: Call) -> Answer:
        """Return an answer with any status, its body and where it redirects to."""

        async def once() -> Answer:
            async with self._sent(call) as response:
                body = await self._held(call, response)
                return Answer(response.status_code, body, response.headers.get("location", ""))

        return await self.persistently(call, once)

    @contextlib.asynccontextmanager
    async def opened(self, call: Call) -> AsyncIterator[httpx2.Response]:
        """Send a request and give its answer of 2xx, whose body is read inside the block."""
        async with self._sent(call) as response:
            if response.is_success:
                yield response
                return
            body = await self._held(call, response)
            location = response.headers.get("location", "")
            status = response.status_code
        error = refusal(self._asked(call), status, self.words(body), location)
        await self.raise_if_old(error, call)
        raise error

    async def persistently(self, call: Call, once: Callable[[], Awaitable[T]]) -> T:
        """Do something once, or again where that is allowed."""
        for pause in PAUSES_S if call.patient else ():
            try:
                return await once()
            except GatewayUnreachable as error:
                if not error.fields.get("again"):
                    raise
            await cancellable_sleep(pause)
        return await once()

    @contextlib.asynccontextmanager
    async def _sent(self, call: Call) -> AsyncIterator[httpx2.Response]:
        asked = self._asked(call)
        headers = {} if call.public else self.session.headers()
        pieces = call.body.pieces
        with self._watch.in_flight(asked.line), _translated(asked):
            async with self.session.http.stream(
                call.method,
                call.address,
                content=pieces() if pieces else None,
                headers=headers | call.body.headers(),
                timeout=self._timeout(call),
            ) as response:
                yield response

    def _timeout(self, call: Call) -> httpx2.Timeout:
        left = max(0.05, self.remaining() - SPARE_S)
        read = min(call.read_s, left)
        return httpx2.Timeout(read, connect=min(CONNECT_S, left), write=min(READ_S, left))

    async def _held(self, call: Call, response: httpx2.Response) -> bytes:
        body = bytearray()
        async for piece in response.aiter_raw():
            body += piece
            if len(body) > MAX_BODY_BYTES:
                why = f"its answer is larger than {MAX_BODY_BYTES >> 20} MiB; ask for less"
                raise self._asked(call).error(GatewayRefused, why, response.status_code)
        return bytes(body)

    def words(self, body: bytes) -> bytes:
        """Return the beginning of a body without the session's secrets: it will be cut off."""
        text = body[:MAX_WORDS_BYTES].decode("utf-8", "replace")
        return self.session.redactor().text(text).encode("utf-8")

    def _asked(self, call: Call) -> Asked:
        with_login = self.session.logged_in and not call.public
        return Asked(self.target, call.method, call.shown, with_login)

    async def raise_if_old(self, error: GatewayError, call: Call) -> None:
        """Raise GatewayUnsupported where a 404 comes of a gateway before 8.3."""
        if error.status != 404 or not call.path.startswith(REST):
            return
        version = await self.version()
        if version and is_before_83(version):
            why = f"404: the gateway is {version}, and its REST interface came with 8.3"
            old = self._asked(call).error(GatewayUnsupported, why, 404, version=version)
            raise old from error

    async def version(self) -> str:
        """Return the gateway's version as `/system/gwinfo` tells it, which 8.1 has too.

        Empty while it is not commissioned, or when it does not say.
        """
        if self.session.version is None:
            try:
                text = await self.text(Call("GET", "/system/gwinfo", public=True))
            except GatewayRefused:
                return ""
            self.session.version = gwinfo_of(text).get("Version")
        return self.session.version or ""


def is_before_83(version: str) -> bool:
    """Say whether a version is one without REST interface; an unreadable one is not."""
    numbers = version.split(" ", maxsplit=1)[0].split(".")[:2]
    if len(numbers) < 2 or not all(number.isdigit() for number in numbers):
        return False
    return (int(numbers[0]), int(numbers[1])) < (8, 3)


@contextlib.contextmanager
def _translated(asked: Asked) -> Iterator[None]:
    """Turn the library's errors into ours."""
    try:
        yield
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
        raise _not_connected(asked, error) from error
    except httpx2.TimeoutException as error:
        raise broken(asked, "it stopped to answer", sent=True) from error
    except httpx2.TransportError as error:
        why = f"the connection broke ({_text(error)})"
        lost = broken(asked, why, sent=True)
        raise lost.with_field("again", asked.method == "GET") from error


def _not_connected(asked: Asked, error: httpx2.TransportError) -> GatewayError:
    text = _text(error)
    if "CERTIFICATE_VERIFY_FAILED" in text or "certificate verify failed" in text:
        why = (
            f"its certificate is not trusted ({text}); register the gateway with the file of"
            " its certificate authority (--ca-file), or trust whoever answers there (--insecure)"
        )
        return asked.error(GatewayUntrusted, why)
    if "SSL" in text:
        return broken(asked, f"no TLS connection ({text})", sent=False)
    why = f"no connection within {CONNECT_S:g} s"
    if isinstance(error, httpx2.ConnectError):
        why = f"no connection ({text})"
    return broken(asked, why, sent=False).with_field("again", True)


def _text(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
