"""Errors as `application/problem+json`, for the whole API in this one place."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, NamedTuple

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from ignition_toolkit import errors
from ignition_toolkit.web.page_parts import Frame
from ignition_toolkit.web.pages import Pages

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:ignition-toolkit:problem:"


class Problem(BaseModel):
    """The body of every error, after RFC 9457; some kinds have further members."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="names the kind of problem; does not change")
    title: str = Field(description="the kind of problem, for a person")
    status: int = Field(description="the HTTP status")
    detail: str = Field(description="what was expected, what was found, what to do")


class Kind(NamedTuple):
    """How one class of errors is answered."""

    error: type[errors.ToolkitError]
    status: int
    name: str
    title: str


#: The first entry whose class fits is taken: special classes stand before general ones.
KINDS = (
    Kind(errors.PlaybookInvalid, 422, "playbook-invalid", "The playbook is not valid"),
    Kind(errors.AuthorError, 422, "author-error", "The playbook cannot be run"),
    Kind(errors.NotFound, 404, "not-found", "There is no such thing"),
    Kind(errors.NamesUnknown, 422, "names-unknown", "A credential or a gateway is not stored"),
    Kind(errors.ParametersInvalid, 422, "parameters-invalid", "Parameters are not valid"),
    Kind(errors.WrongState, 409, "wrong-state", "That makes no sense in this status"),
    Kind(errors.RerunRefused, 409, "rerun-refused", "It cannot be run again so"),
    Kind(errors.KeyReused, 422, "key-reused", "The Idempotency-Key stands for another request"),
    Kind(errors.NameTaken, 409, "name-taken", "There is one of that name already"),
    Kind(errors.VaultError, 503, "vault", "The stored credentials cannot be used"),
    Kind(errors.PlatformUnsupported, 501, "unsupported", "Not supported on this system"),
    Kind(errors.OperatorError, 409, "refused", "That cannot be done"),
    Kind(errors.OutsideError, 502, "outside-error", "An outside system failed"),
    Kind(errors.StoreError, 503, "database", "The database does not answer"),
)

#: Members that a field of an error may not replace, and what it is called instead.
_RENAMED = {"status": "status_of_execution", "type": "type_of_error", "title": "title_of_error"}


# Any: members of a problem are JSON values.
def problem(status: int, name: str, title: str, detail: str, /, **members: Any) -> JSONResponse:
    """Return the answer for one problem.

    Args:
        status: the HTTP status.
        name: the last part of the problem's `type`.
        title: the kind of problem in a few words.
        detail: what was expected, what was found, what to do.
        members: further members of the body.
    """
    body = {"type": TYPE_PREFIX + name, "title": title, "status": status, "detail": detail}
    return JSONResponse({**members, **body}, status_code=status, media_type=MEDIA_TYPE)


def for_error(error: errors.ToolkitError) -> JSONResponse:
    """Return the answer for an error of our own; of a mistake of ours it says nothing inside."""
    for kind in KINDS:
        if isinstance(error, kind.error):
            fields = {_RENAMED.get(name, name): value for name, value in error.fields.items()}
            fields.pop("detail", None)
            return problem(kind.status, kind.name, kind.title, error.message, **fields)
    logger.error("a request failed: %r", error, exc_info=error, extra={"action": "api.mistake"})
    return for_mistake()


def for_mistake() -> JSONResponse:
    """Return the answer for a mistake of ours: the server's log has the rest."""
    return problem(
        500,
        "mistake",
        "The server made a mistake",
        "This is not your fault. The server's log says more; please report it.",
    )


def for_validation(error: RequestValidationError) -> JSONResponse:
    """Return the answer for query, path, header or body values of the wrong shape."""
    wrong: dict[str, str] = {}
    for item in error.errors():
        place = [str(part) for part in item["loc"][1:]] or [str(item["loc"][0])]
        wrong[".".join(place)] = str(item["msg"])
    listed = "; ".join(f"{name}: {message}" for name, message in wrong.items())
    return problem(
        422, "request-invalid", "The request is not valid", listed or "not valid", parameters=wrong
    )


def for_http(request: Request, error: HTTPException) -> JSONResponse:
    """Return the answer for what the router says: no such address, no such method."""
    if error.status_code == 405:
        return _for_method(request)
    phrase = HTTPStatus(error.status_code).phrase
    detail = error.detail
    if error.status_code == 404 and detail == phrase:
        detail = f"There is no address {request.url.path}; /openapi.json lists them all."
    return problem(error.status_code, "http", phrase, detail)


def _for_method(request: Request) -> JSONResponse:
    # The router names only the methods of the first route that has this path.
    allowed = ", ".join(m for m in ("GET", "POST", "DELETE") if _is_taken(request, m))
    answer = problem(
        405,
        "method",
        "That method is not taken here",
        f"{request.url.path} does not take {request.method}; it takes {allowed}.",
    )
    answer.headers["allow"] = allowed
    return answer


def _is_taken(request: Request, method: str) -> bool:
    scope = {**request.scope, "method": method}
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.router.routes)


def answer_for(request: Request, error: Exception) -> JSONResponse:
    """Return the answer for any exception that a handler raised."""
    if isinstance(error, errors.ToolkitError):
        return for_error(error)
    if isinstance(error, RequestValidationError):
        return for_validation(error)
    if isinstance(error, HTTPException):
        return for_http(request, error)
    return for_mistake()


def install(
    app: FastAPI, pages: Pages, frame: Callable[[Request], Awaitable[Frame | None]]
) -> None:
    """Have every exception of the app's handlers answered by this module.

    A person who looks at a page gets a page; everybody else gets the problem.

    Args:
        app: whose exceptions.
        pages: render such a page.
        frame: asked for what is around it; None where nobody can tell, or may.
    """

    # The border of the API: whatever a handler raises becomes an answer here.
    async def handle(request: Request, error: Exception) -> Response:
        answer = answer_for(request, error)
        return _as_page(answer, pages, await frame(request)) if wants_page(request) else answer

    kinds = (errors.ToolkitError, RequestValidationError, HTTPException, Exception)
    for kind in kinds:
        app.add_exception_handler(kind, handle)


def wants_page(request: Request) -> bool:
    """Whether a person looks at what is answered: a browser that asks for a page."""
    accepts = request.headers.get("accept", "")
    return "text/html" in accepts and not request.url.path.startswith("/api/")


def _as_page(answer: JSONResponse, pages: Pages, frame: Frame | None) -> Response:
    # Any: the members of the problem that `answer` was made of.
    found: dict[str, Any] = json.loads(bytes(answer.body))
    page = pages.problem(found["title"], found["detail"], found.get("problems", []), frame)
    return HTMLResponse(page, status_code=answer.status_code)


# Any: the shape that FastAPI wants for documented answers.
def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route whose errors have these statuses."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in statuses
    }
