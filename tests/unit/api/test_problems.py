"""Errors become `application/problem+json` in one place, and none of them tells what is inside."""

import logging

import httpx2
import pytest

from ignition_toolkit import errors
from ignition_toolkit.api import problems
from ignition_toolkit.api.routes import health as health_module
from tests.unit.api.fake_worker import HEALTHY, FakeWorker

PAGE = {"accept": "text/html,application/xhtml+xml"}


def _all_errors() -> list[type[errors.ToolkitError]]:
    found, todo = [], [errors.ToolkitError]
    while todo:
        found.append(todo.pop())
        todo += found[-1].__subclasses__()
    return [cls for cls in found if cls.__module__ == errors.__name__]


@pytest.mark.parametrize("cls", _all_errors())
async def test_every_error_of_ours_has_an_answer(
    client: httpx2.AsyncClient, worker: FakeWorker, cls: type[errors.ToolkitError]
) -> None:
    worker.error = cls("what happened", status="running", type="x", detail="y", extra=[1])
    answer = await client.get("/api/executions")
    body = answer.json()
    assert answer.headers["content-type"] == problems.MEDIA_TYPE
    assert body["status"] == answer.status_code
    assert body["type"].startswith("urn:ignition-toolkit:problem:")
    assert body["title"]
    if answer.status_code == 500:
        assert "what happened" not in answer.text
    else:
        assert body["detail"] == "what happened"
        assert body["status_of_execution"] == "running"
        assert body["extra"] == [1]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.NotFound("x"), 404),
        (errors.WrongState("x", status="failed"), 409),
        (errors.ParametersInvalid("x"), 422),
        (errors.PlaybookInvalid("x"), 422),
        (errors.ReferenceUnresolved("x"), 422),
        (errors.StoreError("the disk is full"), 503),
        (errors.ServerUnreachable("x"), 502),
        (errors.IllegalMove("x"), 500),
        (errors.RunnerLost("x"), 500),
    ],
)
async def test_the_status_says_whose_fault_it_is(
    client: httpx2.AsyncClient, worker: FakeWorker, error: errors.ToolkitError, status: int
) -> None:
    worker.error = error
    assert (await client.get("/api/executions")).status_code == status


async def test_a_mistake_of_ours_shows_nothing_inside_and_is_logged(
    client: httpx2.AsyncClient, worker: FakeWorker, caplog: pytest.LogCaptureFixture
) -> None:
    worker.error = errors.IllegalMove("secret-looking internals")
    with caplog.at_level(logging.ERROR):
        answer = await client.get("/api/executions")
    assert answer.status_code == 500
    assert "internals" not in answer.text
    assert "internals" in caplog.text


async def test_an_unforeseen_exception_shows_nothing_inside(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    worker.error = RuntimeError("/srv/somewhere/internals")
    answer = await client.get("/api/executions")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == problems.MEDIA_TYPE
    assert "internals" not in answer.text


async def test_an_unknown_address_is_a_problem(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/api/nowhere")
    assert answer.status_code == 404
    assert "/api/nowhere" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/executions", "GET, POST"),
        ("POST", "/api/health", "GET"),
        ("GET", "/api/executions/x/cancel", "POST"),
        ("PUT", "/openapi.json", "GET"),
    ],
)
async def test_another_method_is_told_which_are_taken(
    client: httpx2.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed
    assert answer.json()["detail"].endswith(f"it takes {allowed}.")


async def test_a_person_gets_a_page_and_a_program_a_problem(client: httpx2.AsyncClient) -> None:
    page = await client.get("/executions/unknown", headers=PAGE)
    program = await client.get("/executions/unknown")
    api = await client.get("/api/executions/unknown", headers=PAGE)
    assert {page.status_code, program.status_code, api.status_code} == {404}
    assert page.headers["content-type"].startswith("text/html")
    assert program.headers["content-type"] == problems.MEDIA_TYPE
    assert api.headers["content-type"] == problems.MEDIA_TYPE


@pytest.mark.parametrize(("said", "status"), [("ok", 200), ("degraded", 200), ("down", 503)])
async def test_health_is_200_as_long_as_it_works(
    client: httpx2.AsyncClient, worker: FakeWorker, said: str, status: int
) -> None:
    worker.answer = HEALTHY.model_copy(update={"status": said, "problems": ("the disk is full",)})
    answer = await client.get("/api/health")
    assert answer.status_code == status
    assert answer.json()["status"] == said
    assert answer.json()["problems"] == ["the disk is full"]


async def test_a_worker_that_says_nothing_is_down(
    client: httpx2.AsyncClient, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    monkeypatch.setattr(health_module, "ANSWER_S", 0.02)
    worker.gate = asyncio.Event()
    answer = await client.get("/api/health")
    assert answer.status_code == 503
    assert answer.json()["status"] == "down"


async def test_a_worker_whose_database_is_gone_is_down_and_says_why(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    worker.error = errors.StoreError("the database is locked")
    answer = await client.get("/api/health")
    assert answer.status_code == 503
    assert answer.json()["problems"] == ["the database is locked"]
