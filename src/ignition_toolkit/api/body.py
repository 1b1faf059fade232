"""The body of a request: how big it may be, what it may be, and how one that is refused ends."""

from __future__ import annotations

import asyncio
import json
import re

from pydantic_core import from_json
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from ignition_toolkit.api.problems import problem

MAX_BODY_BYTES = 1024 * 1024

#: Seconds in which a whole body must have come.
BODY_S = 20.0

#: What is still read and thrown away of a body that was refused, in bytes and in seconds. A
#: client that is cut off while it writes often does not see the answer.
DRAIN_BYTES = 32 * 1024 * 1024
DRAIN_S = 5.0

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"


#: What every number that is too big for a float has in it. Looked for first, because writing a
#: megabyte of JSON takes as long as all the rest of a request.
_MAY_OVERFLOW = re.compile(rb"[0-9][eE]\+?[0-9]{2}|[0-9]{300}")


class BodyRefused(Exception):
    """A body that does not reach the app.

    Args:
        answer: what the client is told.
        unread: whether the body was not read to its end.
    """

    def __init__(self, answer: Response, *, unread: bool) -> None:
        super().__init__(answer.status_code)
        self.answer = answer
        self.unread = unread


async def checked_body(scope: Scope, receive: Receive, headers: Headers) -> bytes | None:
    """Read and check the body of a request.

    Returns:
        The whole body; None when the request has none.

    Raises:
        BodyRefused: it is too big, too slow, of another type than the address takes, or not JSON
            where it says it is.
    """
    if not has_body(headers):
        return None
    _check_declared(headers)
    unsafe = scope["method"] not in ("GET", "HEAD", "OPTIONS")
    wanted = JSON_TYPE if scope["path"].startswith("/api/") else FORM_TYPE
    if unsafe:
        _check_type(headers, wanted)
    body = await _read(receive)
    if unsafe and wanted == JSON_TYPE and body:
        _check_json(body)
    return body


def has_body(headers: Headers) -> bool:
    """Whether a request says that a body follows its head."""
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def replayed(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives `body` once and then what `receive` gives."""
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


def drained(send: Send, receive: Receive, headers: Headers) -> Send:
    """Return a `send` whose answer ends the connection once the rest of the body was read away.

    The client has the whole answer at once; only its end waits, DRAIN_S at most. A client that
    waits to be asked for its body (`Expect: 100-continue`) is not asked.
    """
    if not has_body(headers):
        return send

    async def send_and_drain(message: Message) -> None:
        if message["type"] == "http.response.start":
            closing = [*message["headers"], (b"connection", b"close")]
            await send({**message, "headers": closing})
            return
        if message.get("more_body", False) or "expect" in headers:
            await send(message)
            return
        await send({**message, "more_body": True})
        await _drain(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return send_and_drain


def _check_declared(headers: Headers) -> None:
    # More digits than any size has; int() of a million digits would itself be the attack.
    length = headers.get("content-length", "0")[:20]
    if not length.isascii() or not length.isdecimal() or int(length) > MAX_BODY_BYTES:
        raise _too_big(unread=True)


def _check_type(headers: Headers, wanted: str) -> None:
    found = headers.get("content-type", "")
    kind, _, options = found.partition(";")
    charset = options.strip().lower().replace('"', "")
    if kind.strip().lower() != wanted or charset not in ("", "charset=utf-8"):
        answer = problem(
            415,
            "media-type",
            "A body of that type is not taken here",
            f"Expected Content-Type: {wanted} in UTF-8, found {found[:100] or 'none'}. "
            "A request without a body needs no Content-Type.",
        )
        raise BodyRefused(answer, unread=True)


async def _read(receive: Receive) -> bytes:
    body, more = bytearray(), True
    try:
        async with asyncio.timeout(BODY_S):
            while more:
                part, more = await _part(receive)
                body += part
                if len(body) > MAX_BODY_BYTES:
                    raise _too_big(unread=more)
    except TimeoutError:
        raise BodyRefused(_too_slow(), unread=True) from None
    return bytes(body)


async def _drain(receive: Receive) -> None:
    size, more = 0, True
    try:
        async with asyncio.timeout(DRAIN_S):
            while more and size <= DRAIN_BYTES:
                part, more = await _part(receive)
                size += len(part)
    except (TimeoutError, BodyRefused):
        return


async def _part(receive: Receive) -> tuple[bytes, bool]:
    """Return the next part of a body, and whether there are more."""
    message = await receive()
    if message["type"] == "http.disconnect":
        # The client has left: nobody reads the answer.
        raise BodyRefused(Response(status_code=400), unread=False)
    return message.get("body", b""), message.get("more_body", False)


def _check_json(body: bytes) -> None:
    # Stricter than the parser behind it: NaN, infinities and half characters could be stored and
    # would then make every answer that holds them fail.
    try:
        value = from_json(body, allow_inf_nan=False)
        if _MAY_OVERFLOW.search(body):
            json.dumps(value, allow_nan=False)
    except ValueError as error:
        answer = problem(400, "json", "The body is not JSON", f"It cannot be read: {error}.")
        raise BodyRefused(answer, unread=False) from error


def _too_big(*, unread: bool) -> BodyRefused:
    answer = problem(
        413,
        "too-big",
        "The body is too big",
        f"At most {MAX_BODY_BYTES} bytes are taken. Put big values into a file on the server's "
        "machine and give its path.",
    )
    return BodyRefused(answer, unread=unread)


def _too_slow() -> Response:
    return problem(
        408, "too-slow", "The body did not come", f"It must be complete within {BODY_S:.0f} s."
    )
