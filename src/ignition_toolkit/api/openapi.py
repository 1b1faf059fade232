"""The OpenAPI document: what FastAPI gathers, and what the guard answers before it is asked."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ignition_toolkit.api.problems import Problem, documented

SCHEME = "access_token"

#: Addresses that answer without a token too, as far as they do.
OPEN = frozenset({"/api/health"})


# Any: an OpenAPI document.
def openapi_document(app: FastAPI, *, asks_for_token: bool) -> dict[str, Any]:
    """Describe an app whose routes are all there.

    Args:
        app: the app.
        asks_for_token: whether every request needs the access token.
    """
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = Problem.model_json_schema()
    if asks_for_token:
        components["securitySchemes"] = {SCHEME: {"type": "http", "scheme": "bearer"}}
        document["security"] = [{SCHEME: []}]
        _add_refusals(document["paths"])
    return document


# Any: paths of an OpenAPI document.
def _add_refusals(paths: dict[str, Any]) -> None:
    for path, operations in paths.items():
        for operation in operations.values():
            for status, answer in documented(401, 429).items():
                operation["responses"].setdefault(str(status), answer)
            if path in OPEN:
                operation["security"] = [{}, {SCHEME: []}]
