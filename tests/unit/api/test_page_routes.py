"""The addresses of the pages, and the forms that work without a script."""

from typing import NoReturn
from urllib.parse import urlencode

import httpx2
import pytest
from fastapi import FastAPI

from ignition_toolkit.api.parts import Parts
from ignition_toolkit.api.routes.pages import CHANGES_ROWS
from ignition_toolkit.errors import (
    NamesUnknown,
    NotFound,
    ParametersInvalid,
    PlaybookInvalid,
    RerunRefused,
    ToolkitError,
    WrongState,
)
from ignition_toolkit.execution.requests import RerunRequest
from ignition_toolkit.playbook.models import CancelSource, ExecutionStatus
from tests.unit.api.fake_worker import FakeWorker

PATH = "tests/test_cancellation.yaml"
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def token(app: FastAPI) -> str:
    parts: Parts = app.state.parts
    return parts.form_token.value


async def submit(
    client: httpx2.AsyncClient, path: str, fields: dict[str, str], **headers: str
) -> httpx2.Response:
    """Send a form as a browser does."""
    return await client.post(path, content=urlencode(fields), headers={**FORM, **headers})


async def test_the_pages_are_there(client: httpx2.AsyncClient, worker: FakeWorker) -> None:
    view = worker.add()
    worker.log(view.execution_id, "a line of the log")
    wanted = {
        "/": "Test Cancellation",
        f"/executions/{view.execution_id}": "a line of the log",
        f"/executions/{view.execution_id}/details": "Long Sleep",
        f"/executions/{view.execution_id}/about": "JUnit XML",
        "/playbooks": PATH,
        f"/playbooks/{PATH}": "how long to sleep",
    }
    for path, text in wanted.items():
        answer = await client.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        assert text in answer.text


async def test_a_page_names_the_event_from_which_it_must_go_on(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    view = worker.add()
    worker.log(view.execution_id, "one")
    worker.log(view.execution_id, "two")
    for path in ("/", f"/executions/{view.execution_id}"):
        assert 'data-after="2"' in (await client.get(path)).text


async def test_what_has_changed_can_be_asked_for_without_a_stream(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    mine, other = worker.add().execution_id, worker.add().execution_id
    for number in range(3):
        worker.log(mine, f"line {number}")
        worker.log(other, "other")
    found = (await client.get("/changes?after=3")).json()
    assert [event["id"] for event in found["events"]] == [4, 5, 6]
    assert (found["more"], found["position"]) == (False, 6)
    assert [event["data"]["message"] for event in found["events"]] == ["other", "line 2", "other"]
    assert (await client.get("/changes?after=6")).json() == {
        "events": [],
        "more": False,
        "position": 6,
    }


async def test_long_changes_come_in_pieces_that_name_where_to_go_on(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    mine = worker.add().execution_id
    for number in range(CHANGES_ROWS + 1):
        worker.log(mine, str(number))
    first = (await client.get("/changes?after=0")).json()
    assert (first["more"], first["position"]) == (True, CHANGES_ROWS)
    rest = (await client.get(f"/changes?after={first['position']}")).json()
    assert [event["id"] for event in rest["events"]] == [CHANGES_ROWS + 1]
    assert rest["more"] is False


async def test_a_form_cancels_and_leads_back_to_the_execution(
    client: httpx2.AsyncClient, worker: FakeWorker, token: str
) -> None:
    view = worker.add()
    address = f"/executions/{view.execution_id}"
    answer = await submit(client, f"{address}/cancel", {"form_token": token})
    assert answer.status_code == 303
    assert answer.headers["location"] == address
    assert worker.cancels == [(view.execution_id, CancelSource.WEB, "127.0.0.1")]


@pytest.mark.parametrize("action", ["pause", "resume", "skip"])
async def test_the_other_buttons_work_as_forms_too(
    client: httpx2.AsyncClient, worker: FakeWorker, token: str, action: str
) -> None:
    view = worker.add()
    path = f"/executions/{view.execution_id}/{action}"
    assert (await submit(client, path, {"form_token": token})).status_code == 303
    assert worker.calls == [(action, view.execution_id)]


async def test_a_form_runs_an_execution_again_and_leads_to_the_new_one(
    client: httpx2.AsyncClient, worker: FakeWorker, token: str
) -> None:
    old = worker.add(status=ExecutionStatus.FAILED).execution_id
    answer = await submit(client, f"/executions/{old}/rerun", {"form_token": token})
    assert answer.status_code == 303
    new = answer.headers["location"]
    assert new != f"/executions/{old}"
    assert worker.reruns == [(old, RerunRequest(requested_by="127.0.0.1", source="web"))]
    page = (await client.get(new)).text
    assert f'<a href="/executions/{old}"><code>{old}</code></a>' in page
    assert f'<a href="/executions/{old}">attempt 1</a>: failed, 2 (this one)' in page
    assert (
        f'<a href="{new}">attempt 2</a>: pending' in (await client.get(f"/executions/{old}")).text
    )


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (WrongState("it is not over", status="running"), 409),
        (RerunRefused("it lacks parameter login"), 409),
        (PlaybookInvalid("it does not load any more"), 422),
    ],
)
async def test_a_rerun_that_is_refused_shows_the_execution_and_why(
    client: httpx2.AsyncClient,
    worker: FakeWorker,
    token: str,
    error: ToolkitError,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(*_: object) -> NoReturn:
        raise error

    monkeypatch.setattr(worker, "rerun", refuse)
    old = worker.add(status=ExecutionStatus.FAILED).execution_id
    answer = await submit(client, f"/executions/{old}/rerun", {"form_token": token})
    assert answer.status_code == status
    assert error.message in answer.text
    assert "Long Sleep" in answer.text


async def test_the_release_button_works_as_a_form_too(
    client: httpx2.AsyncClient, worker: FakeWorker, token: str
) -> None:
    view = worker.add_blocking()
    path = f"/executions/{view.execution_id}/release"
    assert (await submit(client, path, {"form_token": token})).status_code == 303
    assert worker.releases == [(view.execution_id, "web", "127.0.0.1")]
    assert (await submit(client, path, {"form_token": token})).status_code == 409


@pytest.mark.parametrize("given", [None, "", "guess", "x" * 43])
@pytest.mark.parametrize("path", ["/executions/{id}/cancel", "/executions/{id}/rerun", "/start"])
async def test_a_form_without_our_token_changes_nothing(
    client: httpx2.AsyncClient, worker: FakeWorker, path: str, given: str | None
) -> None:
    view = worker.add()
    fields = {"playbook_path": PATH, **({"form_token": given} if given is not None else {})}
    answer = await submit(client, path.format(id=view.execution_id), fields)
    assert answer.status_code == 403
    assert worker.cancels == []
    assert worker.started == []
    assert worker.reruns == []


async def test_a_form_of_a_foreign_page_is_refused_even_with_the_token(
    client: httpx2.AsyncClient, worker: FakeWorker, token: str
) -> None:
    view = worker.add()
    path = f"/executions/{view.execution_id}/cancel"
    answer = await submit(client, path, {"form_token": token}, origin="http://evil.example")
    assert answer.status_code == 403
    assert worker.cancels == []


async def test_the_pages_take_forms_and_no_json(
    client: httpx2.AsyncClient, worker: FakeWorker, token: str
) -> None:
    view = worker.add()
    path = f"/executions/{view.execution_id}/cancel"
    assert (await client.post(path, json={"form_token": token})).status_code == 415
    assert (await client.post(path)).status_code == 403
    assert worker.cancels == []


async def test_a_button_that_came_too_late_shows_the_page_and_says_so(
    client: httpx2.AsyncClient, worker: FakeWorker, token: str
) -> None:
    view = worker.add(status=ExecutionStatus.COMPLETED)
    path = f"/executions/{view.execution_id}/cancel"
    answer = await submit(client, path, {"form_token": token})
    assert answer.status_code == 409
    assert "it is over" in answer.text
    assert "completed" in answer.text


async def test_an_unknown_button_is_404(
    client: httpx2.AsyncClient, worker: FakeWorker, token: str
) -> None:
    path = f"/executions/{worker.add().execution_id}/explode"
    assert (await submit(client, path, {"form_token": token})).status_code == 404


async def test_a_start_leads_to_the_new_execution(
    client: httpx2.AsyncClient, worker: FakeWorker, token: str
) -> None:
    fields = {
        "form_token": token,
        "playbook_path": PATH,
        "parameter.seconds": "5",
        "parameter.who": "",
        "parameter.unknown": "x",
    }
    answer = await submit(client, "/start", fields)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/executions/{next(iter(worker.views))}"
    assert worker.started[0].parameters == {"seconds": "5"}
    assert worker.started[0].source == "web"


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (ParametersInvalid("x", parameters={"seconds": "expected a number"}), 422, "a number"),
        (NamesUnknown("no credential is stored", parameters={}), 422, "no credential is stored"),
        (PlaybookInvalid("x", problems=["a.yaml:1:1: was changed"]), 422, "was changed"),
        (NotFound("the nested one is gone"), 404, "is gone"),
    ],
)
async def test_a_refused_start_shows_the_form_again(
    client: httpx2.AsyncClient,
    worker: FakeWorker,
    token: str,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    text: str,
) -> None:
    async def refuse(request: object) -> None:
        raise error

    monkeypatch.setattr(worker, "start", refuse)
    fields = {"form_token": token, "playbook_path": PATH, "parameter.seconds": "soon"}
    answer = await submit(client, "/start", fields)
    assert answer.status_code == status
    assert text in answer.text
    assert 'value="soon"' in answer.text


async def test_a_stopping_server_starts_nothing_by_form_either(
    client: httpx2.AsyncClient, worker: FakeWorker, token: str, stopping: list[str]
) -> None:
    stopping.append("now")
    answer = await submit(client, "/start", {"form_token": token, "playbook_path": PATH})
    assert answer.status_code == 503
    assert worker.started == []


async def test_static_files_come_from_memory_with_their_types(client: httpx2.AsyncClient) -> None:
    for name, kind in (("live.js", "text/javascript"), ("style.css", "text/css")):
        answer = await client.get(f"/static/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
    for name in ("nothing.js", "..%2Fpages.py", "%2e%2e/pages.py", ""):
        assert (await client.get(f"/static/{name}")).status_code == 404


async def test_every_file_that_a_page_names_is_there(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    import re

    html = (await client.get("/")).text
    found = re.findall(r'"(/static/[^"]+)"', html)
    assert len(found) == 5
    for address in found:
        assert (await client.get(address)).status_code == 200
