"""A server in this process: answers requests from a table, and notes what it was asked."""

import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import httpx2

from ignition_toolkit.cli.client import ServerClient
from ignition_toolkit.cli.events import Event
from ignition_toolkit.execution.access_token import AccessToken

Answer = httpx2.Response | Exception


class FakeServer:
    """Gives, per `METHOD path`, the answers in their order; the last one again and again."""

    def __init__(self) -> None:
        self.requests: list[httpx2.Request] = []
        self._answers: dict[str, list[Callable[[], Answer]]] = {}

    # Any: JSON.
    def on(self, request: str, *answers: Any, status: int = 200) -> None:
        """Answer with JSON, or do what a function says."""
        self._answers[request] = [
            answer if callable(answer) else _json_answer(answer, status) for answer in answers
        ]

    def client(self, token: AccessToken | None = None) -> ServerClient:
        """Return a client of this server."""
        return ServerClient("http://127.0.0.1:5000", token, httpx2.MockTransport(self._handle))

    def asked(self) -> list[str]:
        """Return `METHOD path` of each request so far."""
        return [f"{request.method} {request.url.path}" for request in self.requests]

    def _handle(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answers = self._answers[f"{request.method} {request.url.path}"]
        answer = (answers.pop(0) if len(answers) > 1 else answers[0])()
        if isinstance(answer, Exception):
            raise answer
        return answer


# Any: JSON.
def _json_answer(body: Any, status: int) -> Callable[[], Answer]:
    return lambda: httpx2.Response(status, json=body)


# Any: JSON.
def problem(status: int, name: str, detail: str, **members: Any) -> Callable[[], Answer]:
    """Answer with a problem as the API gives it."""
    body = {"type": f"urn:ignition-toolkit:problem:{name}", "title": name, "status": status}
    text = json.dumps({**members, **body, "detail": detail})
    headers = {"content-type": "application/problem+json"}
    return lambda: httpx2.Response(status, text=text, headers=headers)


def refused() -> Answer:
    """Do not answer at all."""
    return httpx2.ConnectError("All connection attempts failed")


class _Stream(httpx2.AsyncByteStream):
    def __init__(self, events: Sequence[Event], *, breaks: bool) -> None:
        self._events = events
        self._breaks = breaks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b": events follow\nretry: 1000\n\n"
        for event in self._events:
            yield f"id: {event.id}\nevent: {event.kind}\n".encode()
            yield f"data: {json.dumps(event.data)}\n\n".encode()
        if self._breaks:
            raise httpx2.ReadError("connection reset")


def stream(*events: Event, breaks: bool = False) -> Callable[[], Answer]:
    """Answer with a stream of these events, which then ends or breaks."""
    headers = {"content-type": "text/event-stream; charset=utf-8"}
    return lambda: httpx2.Response(200, headers=headers, stream=_Stream(events, breaks=breaks))


def numbers(events: Sequence[Event]) -> Iterator[int]:
    """Yield the numbers of events."""
    return (event.id for event in events)
