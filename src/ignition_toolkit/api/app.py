"""The app: addresses, pages, errors and the guard, put together around a worker."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI

from ignition_toolkit.api import problems
from ignition_toolkit.api.access import Access
from ignition_toolkit.api.feed import Feed
from ignition_toolkit.api.guard import Guard
from ignition_toolkit.api.hosts import HostRules
from ignition_toolkit.api.openapi import openapi_document
from ignition_toolkit.api.parts import Parts
from ignition_toolkit.api.routes import (
    events,
    executions,
    health,
    login,
    page_health,
    page_logs,
    page_playbooks,
    page_stored,
    pages,
    playbooks,
    schemas,
    static,
    stored,
    upkeep,
)
from ignition_toolkit.api.routes.page_requests import frame_if_any
from ignition_toolkit.api.worker_port import WorkerPort
from ignition_toolkit.web.forms import FormToken
from ignition_toolkit.web.pages import Pages
from ignition_toolkit.web.static_files import load_static

ROUTERS = (
    health,
    playbooks,
    events,
    executions,
    schemas,
    upkeep,
    stored,
    login,
    pages,
    page_logs,
    page_playbooks,
    page_stored,
    page_health,
    static,
)


def create_app(
    worker: WorkerPort,
    *,
    hosts: HostRules | None = None,
    access: Access | None = None,
    is_stopping: Callable[[], bool] = lambda: False,
) -> FastAPI:
    """Make the app. Reads its files here, so that no request waits for a disk.

    Args:
        worker: what starts, stops and reads executions.
        hosts: the names that the server may be called by; the loopback names when None.
        access: who may ask; None: everybody who reaches the server.
        is_stopping: whether the server is about to end; nothing is started then.
    """
    # The documentation pages of FastAPI load their scripts from elsewhere: there are none here.
    app = FastAPI(
        title="Ignition toolkit",
        version=version("ignition-toolkit"),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    form_token = FormToken()
    files = load_static()
    pages_of = Pages(files, form_token, asks_for_token=access is not None)
    parts = Parts(worker, Feed(worker), pages_of, files, form_token, is_stopping, access)
    app.state.parts = parts
    for family in ROUTERS:
        app.include_router(family.router)
    problems.install(app, parts.pages, frame_if_any)
    app.add_middleware(Guard, rules=hosts or HostRules(), access=access)
    _add_openapi(app, asks_for_token=access is not None)
    return app


def _add_openapi(app: FastAPI, *, asks_for_token: bool) -> None:
    # Made now: it takes tens of milliseconds, which no running request should wait for.
    document = openapi_document(app, asks_for_token=asks_for_token)

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> dict[str, Any]:  # Any: an OpenAPI document
        return document
