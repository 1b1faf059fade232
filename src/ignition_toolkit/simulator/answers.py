"""The bodies in which the gateway answers: errors in three forms, lists, verdicts of writes."""

from __future__ import annotations

import html
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ignition_toolkit.simulator.settings import Settings

HTML = "text/html;charset=iso-8859-1"

#: What unknown paths are told loses this beginning.
API = "/data/api"


class Refused(Exception):
    """Raised by a handler to answer with an error.

    Args:
        status: of the answer.
        message: for its body; None for the status's own phrase.
        empty: answer without a body, whatever the settings say.
        body: answer with this JSON object, whatever the settings say.
    """

    def __init__(
        self,
        status: int,
        message: str | None = None,
        *,
        empty: bool = False,
        # Any: JSON values.
        body: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message if message is not None else HTTPStatus(status).phrase
        self.empty = empty
        self.body = body


def error(
    settings: Settings, headers: Headers, path: str, status: int, message: str | None = None
) -> Response:
    """Return an error in the form that the settings and the request's `Accept` ask for.

    Source: gateway-api section 1.2; that the form follows `Accept` is an inference.
    """
    form = settings.error_bodies
    if form == "accept":
        form = "json" if "application/json" in headers.get("accept", "") else "html"
    text = message if message is not None else HTTPStatus(status).phrase
    if form == "empty":
        return Response(status_code=status)
    if form == "json":
        return JSONResponse({"message": text, "url": path, "status": str(status)}, status)
    return Response(_jetty_page(path, status, text), status, media_type=HTML)


def no_route(path: str) -> str:
    """Return the message for a path that does not exist."""
    return f"No route match for path: {path.removeprefix(API)}"


def uncaptured(settings: Settings, path: str) -> Response:
    """Answer where nobody has captured a body: what the settings say, else an empty object."""
    return JSONResponse(settings.uncaptured.get(path, {}))


# Any: JSON values.
def write_answer(
    settings: Settings, names: Sequence[str] = (), problem: str | None = None
) -> dict[str, Any]:
    """Return the verdict of a write to projects: success unless there is a problem."""
    answer: dict[str, Any] = {
        "success": problem is None,
        "changes": [{"name": name} for name in names],
    }
    if problem is not None:
        answer["problem"] = problem_of(settings, problem)
    return answer


# Any: JSON values.
def problem_of(settings: Settings, message: str) -> Any:
    """Return a problem in the form that the settings choose."""
    return message if settings.problem_form == "text" else {"message": message, "stacktrace": []}


# Any: JSON values.
async def json_body(request: Request, *, status: int = 400) -> Any:
    """Return the request's JSON body. Raises Refused with `status` where it has none."""
    try:
        return await request.json()
    except (ValueError, RecursionError) as wrong:
        raise Refused(status, "The request's body is not JSON.") from wrong


# Any: JSON values.
async def json_object(request: Request, *, status: int = 400) -> dict[str, Any]:
    """Return the request's JSON object. Raises Refused with `status` where it has none."""
    body = await json_body(request, status=status)
    if not isinstance(body, dict):
        raise Refused(status, "The request's body is not a JSON object.")
    return body


def _jetty_page(path: str, status: int, message: str) -> bytes:
    title = f"Error {status} {html.escape(message)}"
    rows = [("URI", path), ("STATUS", str(status)), ("MESSAGE", message)]
    table = "".join(
        f"<tr><th>{name}:</th><td>{html.escape(text)}</td></tr>\n" for name, text in rows
    )
    page = (
        f'<html>\n<head>\n<meta http-equiv="Content-Type" content="{HTML}"/>\n'
        f"<title>{title}</title>\n</head>\n<body><h2>HTTP ERROR {status} {html.escape(message)}"
        f"</h2>\n<table>\n{table}</table>\n</body>\n</html>\n"
    )
    return page.encode("iso-8859-1", "xmlcharrefreplace")
