"""The gateway as an ASGI app: notes a request, plays a fault, asks the phase, finds the row."""

from __future__ import annotations

import logging

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import Message, Receive, Scope, Send

from ignition_toolkit.simulator import answers
from ignition_toolkit.simulator.access import HEADER, check
from ignition_toolkit.simulator.answers import Refused
from ignition_toolkit.simulator.lifecycle import Phase
from ignition_toolkit.simulator.playing import play, reset
from ignition_toolkit.simulator.request_log import Entry
from ignition_toolkit.simulator.routes import ROWS, commissioner
from ignition_toolkit.simulator.routing import Call, Row, find
from ignition_toolkit.simulator.world import World

logger = logging.getLogger(__name__)

#: Answered in every phase in which a process listens.
ALWAYS = ("/StatusPing", "/main/StatusPing", "/system/gwinfo")

#: Below it nothing is for those without a session, and everything leads to the log-in.
PAGES, LOGIN = "/data/app/", "/data/app/login"

#: What 8.1 has of these addresses.
OLD_LINE = (*ALWAYS, "/system/webdev/", "/data/perspective/client/", "/welcome", "/simulator")


class GatewayApp:
    """One gateway's HTTP side, without any socket."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Cancellation: at once, and the request counts as dropped."""
        if scope["type"] != "http":
            return
        entry = self._begin(scope)
        receive, send = _noting(entry, receive, send)
        try:
            await self._answer(entry, scope, receive, send)
        except ClientDisconnect:
            entry.drop()
        except ConnectionResetError:
            # Where there is no socket, this is how a client is told.
            raise
        except Exception:  # the border to the client: a mistake of ours is like a gateway's own
            logger.exception("%s %s failed", entry.method, entry.path)
            await self._fail(entry, scope, receive, send)
        finally:
            # Also for a request whose task was cancelled, which is how a client without a
            # socket goes away.
            entry.drop()

    async def _fail(self, entry: Entry, scope: Scope, receive: Receive, send: Send) -> None:
        if entry.status is None:
            await self._refusal(scope, Refused(500))(scope, receive, send)
        else:
            await reset(self._world.connections.of(scope))

    def _begin(self, scope: Scope) -> Entry:
        query = scope.get("query_string", b"").decode("latin-1")
        header = Headers(scope=scope).get(HEADER)
        key_name = None if header is None else header.partition(":")[0]
        entry = self._world.requests.begin(scope["method"], scope["path"], query, key_name)
        if connection := self._world.connections.of(scope):
            connection.add(entry)
        return entry

    async def _answer(self, entry: Entry, scope: Scope, receive: Receive, send: Send) -> None:
        world = self._world
        fault = world.faults.meet(scope["method"], scope["path"])
        if fault is None:
            await self._answer_well(scope, receive, send)
            return
        entry.fault = fault.kind.value
        connection = world.connections.of(scope)
        exchange = (scope, receive, send)
        await play(fault, self._answer_well, world.settings, connection, world.tls_url, exchange)

    async def _answer_well(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except Refused as refused:
            response = self._refusal(scope, refused)
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        world, path = self._world, request.url.path
        world.settle()
        if world.settings.force_tls and request.url.scheme == "http":
            query = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(world.tls_url + path + query, 302)
        phase = world.lifecycle.phase
        if phase is Phase.DOWN:
            await reset(world.connections.of(request.scope))
            raise ClientDisconnect
        if phase is Phase.COMMISSIONING and path not in ALWAYS:
            return await commissioner.respond(Call(world, request, {}))
        if phase is not Phase.RUNNING and path not in ALWAYS:
            raise Refused(503)
        if self._is_for_browsers(path) and world.logins.session_of(request) is None:
            return RedirectResponse("/idp/default/authn/login", 302)
        row, parts = self._row_of(request)
        check(world, request, row)
        return await row.handler(Call(world, request, parts))

    def _is_for_browsers(self, path: str) -> bool:
        return self._world.settings.has_rest and path.startswith(PAGES) and path != LOGIN

    def _row_of(self, request: Request) -> tuple[Row, dict[str, str]]:
        path = request.scope.get("raw_path", b"").decode("latin-1") or request.url.path
        if not self._world.settings.has_rest and not path.startswith(OLD_LINE):
            raise Refused(404, answers.no_route(request.url.path))
        method = "GET" if request.method == "HEAD" else request.method
        found = find(ROWS, method, path)
        if found is False:
            raise Refused(404, answers.no_route(request.url.path))
        if found is True:
            # Measured: a known path with a wrong method is an empty 404, never 405.
            raise Refused(404, empty=True)
        return found

    def _refusal(self, scope: Scope, refused: Refused) -> Response:
        if refused.empty:
            return Response(status_code=refused.status)
        if isinstance(refused.body, dict):
            return JSONResponse(refused.body, refused.status)
        headers, path = Headers(scope=scope), scope["path"]
        return answers.error(self._world.settings, headers, path, refused.status, refused.message)


def _noting(entry: Entry, receive: Receive, send: Send) -> tuple[Receive, Send]:
    """Return a `receive` and a `send` that note in the entry what passes."""

    async def noting_receive() -> Message:
        message = await receive()
        entry.received_bytes += len(message.get("body", b""))
        if message["type"] == "http.disconnect":
            entry.drop()
        return message

    async def noting_send(message: Message) -> None:
        if entry.dropped_at is not None:
            # Else a long answer would be made to its end for nobody.
            raise ClientDisconnect
        await send(message)
        entry.status = message.get("status", entry.status)
        entry.sent_bytes += len(message.get("body", b""))
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            entry.end()

    return noting_receive, noting_send
