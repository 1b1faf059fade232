"""A server's answer as JSON, or as the error that its problem stands for."""

from __future__ import annotations

from typing import Any

import httpx2

from ignition_toolkit.errors import (
    AccessDenied,
    InternalError,
    KeyReused,
    NamesUnknown,
    NameTaken,
    NotFound,
    OperatorError,
    OutsideError,
    ParametersInvalid,
    PlatformUnsupported,
    PlaybookInvalid,
    RerunRefused,
    ServerUnreachable,
    StoreError,
    ToolkitError,
    VaultError,
    WrongState,
)

PROBLEM_TYPE = "application/problem+json"
JSON_TYPES = ("application/json", PROBLEM_TYPE)

#: The last part of a problem's `type`, and the error that it stands for.
BY_NAME: dict[str, type[ToolkitError]] = {
    "playbook-invalid": PlaybookInvalid,
    "names-unknown": NamesUnknown,
    "name-taken": NameTaken,
    "vault": VaultError,
    "parameters-invalid": ParametersInvalid,
    "not-found": NotFound,
    "wrong-state": WrongState,
    "rerun-refused": RerunRefused,
    "key-reused": KeyReused,
    "unauthorized": AccessDenied,
    "too-many-attempts": AccessDenied,
    "unsupported": PlatformUnsupported,
    "outside-error": OutsideError,
    "database": StoreError,
    "mistake": InternalError,
}

#: Members of every problem; the others are the error's fields.
STANDARD_MEMBERS = frozenset({"type", "title", "status", "detail", "instance"})


# Any: JSON, shaped by the API.
def checked_answer(response: httpx2.Response, url: str) -> Any:
    """Return the JSON of an answer that says yes.

    Args:
        response: read to its end.
        url: the server's address, for messages.

    Raises:
        ServerUnreachable: what answers is not a server of ours.
        ToolkitError: of the class that the problem names.
    """
    content_type = response.headers.get("content-type", "").partition(";")[0].strip()
    if content_type not in JSON_TYPES:
        raise _foreign(url, f"status {response.status_code}, {content_type or 'no content type'}")
    try:
        body = response.json()
    except ValueError as error:
        raise _foreign(url, "it says JSON and sends none") from error
    if response.is_success:
        return body
    raise _error_for(body if isinstance(body, dict) else {}, response.status_code)


def _foreign(url: str, what: str) -> ServerUnreachable:
    return ServerUnreachable(
        f"what answers at {url} is no ignition-toolkit server ({what}); "
        "name the right one with --server or ITK_SERVER",
        url=url,
    )


# Any: a problem's members are JSON values.
def _error_for(problem: dict[str, Any], status: int) -> ToolkitError:
    cls = BY_NAME.get(str(problem.get("type", "")).rpartition(":")[2], _by_status(status))
    message = problem.get("detail") or problem.get("title") or f"the server answered {status}"
    fields = {name: value for name, value in problem.items() if name not in STANDARD_MEMBERS}
    return cls(str(message), **fields)


def _by_status(status: int) -> type[ToolkitError]:
    if status in (502, 503, 504):
        # A server that is stopping, or a proxy before one that is gone.
        return ServerUnreachable
    return OperatorError if status < 500 else InternalError
