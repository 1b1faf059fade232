"""What the handlers are given: the worker, and what the app was made with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, cast

from fastapi import Depends, Request

from ignition_toolkit.api.access import Access
from ignition_toolkit.api.feed import Feed
from ignition_toolkit.api.worker_port import WorkerPort
from ignition_toolkit.playbook.models import CancelSource
from ignition_toolkit.web.forms import FormToken
from ignition_toolkit.web.pages import Pages
from ignition_toolkit.web.static_files import StaticFile

MAX_USER_LENGTH = 100

Source = Literal["api", "cli", "web"]

#: What the header `X-ITK-Client` may say.
_SOURCES: Mapping[str, Source] = {"cli": "cli", "web": "web"}


@dataclass(frozen=True)
class Parts:
    """What one app works with.

    Args:
        worker: starts, stops and reads executions.
        feed: gives streams their events.
        pages: renders the pages.
        static: the files that pages refer to, by name.
        form_token: proves that a form is one of ours.
        is_stopping: whether the server is about to end; nothing is started then.
        access: who may ask; None: everybody who reaches the server.
    """

    worker: WorkerPort
    feed: Feed
    pages: Pages
    static: Mapping[str, StaticFile]
    form_token: FormToken
    is_stopping: Callable[[], bool]
    access: Access | None


@dataclass(frozen=True)
class Requester:
    """Who asks for a start or a cancel, and from where."""

    source: Source
    name: str

    @property
    def cancel_source(self) -> CancelSource:
        """The source as a cancellation record has it."""
        return CancelSource(self.source)


async def _parts(request: Request) -> Parts:
    return cast(Parts, request.app.state.parts)


async def _worker(request: Request) -> WorkerPort:
    return cast(Parts, request.app.state.parts).worker


async def _requester(request: Request) -> Requester:
    source = _SOURCES.get(request.headers.get("x-itk-client", ""), "api")
    return Requester(source, requester_name(request))


def requester_name(request: Request) -> str:
    """Return who asks: the header `X-ITK-User` when it is a sane name, else the address."""
    said = request.headers.get("x-itk-user", "").strip()
    if said and len(said) <= MAX_USER_LENGTH and said.isprintable():
        return said
    return request.client.host if request.client else "unknown"


PartsOf = Annotated[Parts, Depends(_parts)]
WorkerOf = Annotated[WorkerPort, Depends(_worker)]
RequesterOf = Annotated[Requester, Depends(_requester)]
