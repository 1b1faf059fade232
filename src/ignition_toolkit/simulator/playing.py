"""Plays a fault to a request, at the level of the connection where it needs to be."""

from __future__ import annotations

import asyncio
import contextlib
import math

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ignition_toolkit.simulator import answers
from ignition_toolkit.simulator.connections import Connection
from ignition_toolkit.simulator.faults import Fault, FaultKind
from ignition_toolkit.simulator.settings import Settings

#: Pieces per second in which a slow answer comes, unless it is slower than that.
PIECES_PER_S = 10

ENDLESS_HEAD = b"HTTP/1.1 200 OK\r\nX-Slow: " + b"0" * 4096

STARTING_PAGE = "<html><head><title>Starting</title></head><body>Gateway is starting</body></html>"


async def play(
    fault: Fault,
    answer: ASGIApp,
    settings: Settings,
    connection: Connection | None,
    tls_url: str,
    exchange: tuple[Scope, Receive, Send],
) -> None:
    """Answer a request as the fault has it.

    Args:
        fault: what to play.
        answer: what the gateway would answer.
        settings: of the gateway.
        connection: of the request; None where there is no socket: then a fault that needs one is
            the nearest thing without.
        tls_url: where redirects lead to.
        exchange: of the request.

    Cancellation: at once; the client's end ends it too.
    """
    scope, receive, send = exchange
    if (instead := _instead(fault, settings, scope, tls_url)) is not None:
        await instead(scope, receive, send)
    elif fault.kind is FaultKind.NEVER_ANSWER:
        await _stay_silent(connection, receive if fault.reads else None)
    elif fault.kind is FaultKind.DRIP_HEAD:
        await _drip_head(fault, connection, receive)
    elif fault.kind is FaultKind.RESET and fault.after_bytes == 0:
        await reset(connection)
    elif fault.kind is FaultKind.DELAY:
        if not await _leaves_within(connection, fault.seconds):
            await answer(scope, receive, send)
    else:
        await answer(scope, receive, _worse(fault, connection, send))


def _instead(fault: Fault, settings: Settings, scope: Scope, tls_url: str) -> Response | None:
    """Return what is answered in place of the gateway's answer."""
    path, headers = scope["path"], Headers(scope=scope)
    match fault.kind:
        case FaultKind.STATUS:
            return answers.error(settings, headers, path, fault.status)
        case FaultKind.STARTING:
            return HTMLResponse(STARTING_PAGE, fault.status)
        case FaultKind.REDIRECT_TLS:
            query = scope.get("query_string", b"").decode("latin-1")
            return RedirectResponse(tls_url + path + (f"?{query}" if query else ""), 302)
        case FaultKind.STALE_SIGNATURE:
            return stale_signature(settings, headers, path)
        case FaultKind.FAILURE:
            body = answers.write_answer(settings, problem="Simulated failure")
            return JSONResponse(fault.body if fault.body is not None else body)
        case _:
            return None


def stale_signature(settings: Settings, headers: Headers, path: str) -> Response:
    """Return the answer to a write whose signature is not the resource's own any more."""
    message = "The signature does not match the current one."
    return answers.error(settings, headers, path, settings.stale_signature_status, message)


async def _stay_silent(connection: Connection | None, receive: Receive | None) -> None:
    """Wait until the client goes; with `receive` its body is read meanwhile."""
    if receive is not None:
        while (await receive())["type"] != "http.disconnect":
            pass
    elif connection is not None:
        await connection.wait_until_lost()
    else:
        await asyncio.Event().wait()


async def _leaves_within(connection: Connection | None, seconds: float) -> bool:
    """Wait so many seconds, and return before them when the client goes; say whether it has."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await _stay_silent(connection, None)
            return True
    return False


async def _drip_head(fault: Fault, connection: Connection | None, receive: Receive) -> None:
    if connection is None:
        await _stay_silent(None, receive)
        return
    for byte in ENDLESS_HEAD:
        if connection.lost.is_set():
            return
        connection.write(bytes([byte]))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1 / fault.bytes_per_second):
                await connection.lost.wait()
    connection.abort()


async def reset(connection: Connection | None) -> None:
    """Break a request's connection.

    Raises:
        ConnectionResetError: there is no socket, and the caller is the client's own task.
    """
    if connection is None:
        raise ConnectionResetError("the simulated gateway reset the connection")
    connection.reset()
    # Else the HTTP server would miss an answer.
    await connection.lost.wait()


def _worse(fault: Fault, connection: Connection | None, send: Send) -> Send:
    """Return a `send` that sends the gateway's own answer badly."""
    sent = 0

    async def drip(message: Message) -> None:
        for piece in _pieces(message, fault.bytes_per_second):
            await send(piece)
            if piece.get("more_body"):
                await asyncio.sleep(len(piece["body"]) / fault.bytes_per_second)

    async def break_off(message: Message) -> None:
        nonlocal sent
        body = message.get("body", b"")[: fault.after_bytes - sent]
        sent += len(body)
        more = sent < fault.after_bytes and message.get("more_body", False)
        if message["type"] == "http.response.start" or more:
            await send(message)
            return
        if body:
            await send({**message, "body": body, "more_body": True})
        # Without a pause the system throws away what was just written.
        await asyncio.sleep(0.05)
        await reset(connection)

    async def half(message: Message) -> None:
        if message["type"] != "http.response.body":
            await send(message)
            return
        body = message.get("body", b"")
        await send({**message, "body": body[: len(body) // 2], "more_body": True})
        await (connection.lost if connection else asyncio.Event()).wait()

    return {FaultKind.DRIP: drip, FaultKind.RESET: break_off}.get(fault.kind, half)


def _pieces(message: Message, bytes_per_second: float) -> list[Message]:
    body = message.get("body", b"")
    if message["type"] != "http.response.body" or not body:
        return [message]
    size = max(1, math.ceil(bytes_per_second / PIECES_PER_S))
    pieces: list[Message] = [
        {"type": "http.response.body", "body": body[at : at + size], "more_body": True}
        for at in range(0, len(body), size)
    ]
    pieces[-1]["more_body"] = message.get("more_body", False)
    return pieces
