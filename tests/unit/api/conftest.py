"""A fake worker, the app around it, and a client that speaks to the app without a socket."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import httpx2
import pytest
from fastapi import FastAPI

from ignition_toolkit.api.app import create_app
from ignition_toolkit.api.feed import Feed
from ignition_toolkit.api.hosts import HostRules
from ignition_toolkit.api.parts import Parts
from tests.unit.api.fake_worker import FakeWorker

ADDRESS = "http://127.0.0.1:5000"


@pytest.fixture
def worker() -> FakeWorker:
    return FakeWorker()


@pytest.fixture
def stopping() -> list[str]:
    """Anything in this list makes the server one that is about to end."""
    return []


@pytest.fixture(scope="session")
def one_app() -> FastAPI:
    """The app, made once: its templates and its OpenAPI document take a third of a second."""
    return create_app(FakeWorker(), hosts=HostRules(["itk.example.com", "10.0.0.5:5000"]))


@pytest.fixture
def app(one_app: FastAPI, worker: FakeWorker, stopping: list[str]) -> Iterator[FastAPI]:
    """The app around this test's worker."""
    parts: Parts = one_app.state.parts
    one_app.state.parts = replace(
        parts, worker=worker, feed=Feed(worker), is_stopping=lambda: bool(stopping)
    )
    yield one_app
    # A worker that this test has broken is nobody else's.
    one_app.state.parts = parts


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url=ADDRESS) as client:
        yield client
