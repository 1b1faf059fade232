"""`/api/executions`: what is accepted, what is refused and how it is said."""

from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from ignition_toolkit.errors import (
    KeyReused,
    NotFound,
    ParametersInvalid,
    PlaybookInvalid,
    RerunRefused,
)
from ignition_toolkit.execution.requests import RerunRequest
from ignition_toolkit.playbook.models import CancelSource, ExecutionStatus
from tests.unit.api.fake_worker import FakeWorker

PATH = "tests/test_cancellation.yaml"
UNKNOWN = "00000000-0000-7000-8000-999999999999"
OVER = [status for status in ExecutionStatus if status.final]


async def test_a_start_is_accepted_and_says_where_to_look(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    answer = await client.post(
        "/api/executions", json={"playbook_path": PATH, "parameters": {"seconds": 5}}
    )
    body = answer.json()
    assert answer.status_code == 202
    assert body["status"] == "pending"
    assert answer.headers["location"] == f"/api/executions/{body['execution_id']}"
    assert (await client.get(answer.headers["location"])).status_code == 200
    (asked,) = worker.started
    assert (asked.playbook_path, asked.parameters) == (PATH, {"seconds": 5})
    assert (asked.source, asked.requested_by) == ("api", "127.0.0.1")


async def test_a_playbook_outside_the_library_is_started_by_its_text(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    body = {"playbook_text": "name: x", "playbook_path": "/srv/x.yaml"}
    answer = await client.post("/api/executions", json=body)
    assert answer.status_code == 202
    assert worker.started[0].playbook_text == "name: x"


@pytest.mark.parametrize(
    ("headers", "source", "name"),
    [
        ({}, "api", "127.0.0.1"),
        ({"x-itk-client": "cli", "x-itk-user": "anna@desk"}, "cli", "anna@desk"),
        ({"x-itk-client": "web"}, "web", "127.0.0.1"),
        ({"x-itk-client": "shutdown"}, "api", "127.0.0.1"),
        ({"x-itk-user": "x" * 101}, "api", "127.0.0.1"),
        ({"x-itk-user": "a\x1b[2Jb"}, "api", "127.0.0.1"),
        ({"x-itk-user": "   "}, "api", "127.0.0.1"),
    ],
)
async def test_the_record_knows_who_asks_and_from_where(
    client: httpx2.AsyncClient, worker: FakeWorker, headers: dict[str, str], source: str, name: str
) -> None:
    view = worker.add()
    await client.post("/api/executions", json={"playbook_path": PATH}, headers=headers)
    await client.post(f"/api/executions/{view.execution_id}/cancel", headers=headers)
    assert (worker.started[0].source, worker.started[0].requested_by) == (source, name)
    assert worker.cancels == [(view.execution_id, CancelSource(source), name)]


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({}, "body"),
        ([], "body"),
        ("text", "body"),
        ({"playbook_path": 5}, "playbook_path"),
        ({"playbook_path": PATH, "parameters": []}, "parameters"),
        ({"playbook_path": PATH, "paramters": {}}, "paramters"),
        ({"playbook_path": None}, "body"),
    ],
)
async def test_a_start_of_the_wrong_shape_names_what_is_wrong(
    client: httpx2.AsyncClient, worker: FakeWorker, body: Any, name: str
) -> None:
    answer = await client.post("/api/executions", json=body)
    assert answer.status_code == 422
    assert list(answer.json()["parameters"]) == [name]
    assert name in answer.json()["detail"] or name == "body"
    assert worker.started == []


async def test_a_start_without_a_body_is_refused(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/api/executions")
    assert answer.status_code == 422
    assert "parameters" in answer.json()


@pytest.mark.parametrize("path", ["", "a\0b", "x" * 501, "a\nb"])
async def test_a_path_that_no_library_has_is_not_looked_up(
    client: httpx2.AsyncClient, worker: FakeWorker, path: str
) -> None:
    answer = await client.post("/api/executions", json={"playbook_path": path})
    assert answer.status_code == 404
    assert worker.started == []


async def test_an_unknown_playbook_is_404(client: httpx2.AsyncClient, worker: FakeWorker) -> None:
    worker.error = NotFound("There is no playbook 'x.yaml'.", nearest="y.yaml")
    answer = await client.post("/api/executions", json={"playbook_path": "x.yaml"})
    assert answer.status_code == 404
    assert answer.json()["detail"] == "There is no playbook 'x.yaml'."
    assert answer.json()["nearest"] == "y.yaml"


async def test_bad_parameters_are_each_named(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    wrong = {"seconds": "expected a number, found 'x'", "sceonds": "no such parameter"}
    worker.error = ParametersInvalid("2 parameters are wrong", parameters=wrong)
    answer = await client.post("/api/executions", json={"playbook_path": PATH})
    assert answer.status_code == 422
    assert answer.json()["parameters"] == wrong


async def test_an_invalid_playbook_has_its_problems_as_lines(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    lines = ["a.yaml:3:1: expected steps, found an empty list"]
    worker.error = PlaybookInvalid("1 problem", problems=lines)
    answer = await client.post("/api/executions", json={"playbook_path": PATH})
    assert answer.status_code == 422
    assert answer.json()["problems"] == lines


async def test_a_stopping_server_starts_nothing_and_still_cancels(
    client: httpx2.AsyncClient, worker: FakeWorker, stopping: list[str]
) -> None:
    view = worker.add()
    stopping.append("now")
    start = await client.post("/api/executions", json={"playbook_path": PATH})
    cancel = await client.post(f"/api/executions/{view.execution_id}/cancel")
    assert (start.status_code, cancel.status_code) == (503, 202)
    assert worker.started == []


@pytest.mark.parametrize("body", [None, {}, {"why": "because"}])
async def test_a_cancel_needs_no_body_and_takes_one(
    client: httpx2.AsyncClient, worker: FakeWorker, body: dict[str, str] | None
) -> None:
    view = worker.add()
    address = f"/api/executions/{view.execution_id}/cancel"
    answer = await (client.post(address, json=body) if body is not None else client.post(address))
    assert answer.status_code == 202
    assert answer.json() == {
        "execution_id": view.execution_id,
        "status": "cancelling",
        "already": False,
    }


async def test_the_second_cancel_says_that_it_is_the_second(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    address = f"/api/executions/{worker.add().execution_id}/cancel"
    first, second = await client.post(address), await client.post(address)
    assert (first.json()["already"], second.json()["already"]) == (False, True)
    assert second.status_code == 202


@pytest.mark.parametrize("action", ["cancel", "pause", "resume", "skip", "release"])
async def test_an_unknown_execution_is_404(client: httpx2.AsyncClient, action: str) -> None:
    answer = await client.post(f"/api/executions/{UNKNOWN}/{action}")
    assert answer.status_code == 404
    assert UNKNOWN in answer.json()["detail"]


@pytest.mark.parametrize("status", OVER)
@pytest.mark.parametrize("action", ["cancel", "pause", "resume", "skip", "release"])
async def test_after_the_end_it_is_409_and_nothing_changes(
    client: httpx2.AsyncClient, worker: FakeWorker, action: str, status: ExecutionStatus
) -> None:
    view = worker.add(status=status)
    answer = await client.post(f"/api/executions/{view.execution_id}/{action}")
    assert answer.status_code == 409
    assert answer.json()["status"] == 409
    assert answer.json()["status_of_execution"] == status.value
    assert worker.views[view.execution_id] == view


@pytest.mark.parametrize(
    ("action", "status"), [("pause", "paused"), ("resume", "running"), ("skip", "running")]
)
async def test_pause_resume_and_skip_reach_the_worker(
    client: httpx2.AsyncClient, worker: FakeWorker, action: str, status: str
) -> None:
    view = worker.add()
    headers = {"X-ITK-User": "anna", "X-ITK-Client": "cli"}
    address = f"/api/executions/{view.execution_id}/{action}"
    answer = await client.post(address, headers=headers)
    assert answer.status_code == 202
    assert answer.json()["status"] == status
    assert worker.calls == [(action, view.execution_id)]
    assert worker.steered == [(action, "cli", "anna")]


async def test_a_release_says_what_is_free_again_and_is_done_once(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    view = worker.add_blocking()
    address = f"/api/executions/{view.execution_id}/release"
    answer = await client.post(address, headers={"X-ITK-User": "anna", "X-ITK-Client": "cli"})
    assert answer.status_code == 202
    assert answer.json() == {
        "execution_id": view.execution_id,
        "status": "failed",
        "released": [{"kind": "gateway", "name": "http://plant:8088"}],
    }
    assert worker.releases == [(view.execution_id, "cli", "anna")]
    assert (await client.post(address)).status_code == 409


async def test_withheld_artifacts_are_released_once_and_it_is_said_by_whom(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    view = worker.add(status=ExecutionStatus.INTERRUPTED)
    worker.withheld[view.execution_id] = "its secrets are lost"
    address = f"/api/executions/{view.execution_id}/release-artifacts"
    answer = await client.post(address, headers={"X-ITK-User": "anna", "X-ITK-Client": "cli"})
    assert answer.status_code == 202
    assert answer.json() == {"execution_id": view.execution_id, "status": "interrupted"}
    assert worker.releases == [(view.execution_id, "cli", "anna")]
    assert (await client.post(address)).status_code == 409
    assert (await client.post("/api/executions/none/release-artifacts")).status_code == 404


async def test_what_runs_cannot_be_released(client: httpx2.AsyncClient, worker: FakeWorker) -> None:
    answer = await client.post(f"/api/executions/{worker.add().execution_id}/release")
    assert answer.status_code == 409


async def test_cancel_all_names_those_that_were_not_over(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    running = worker.add()
    worker.add(status=ExecutionStatus.COMPLETED)
    pending = worker.add(status=ExecutionStatus.PENDING)
    answer = await client.post("/api/executions/cancel")
    assert answer.status_code == 202
    assert answer.json() == {"execution_ids": [running.execution_id, pending.execution_id]}
    assert (await client.post("/api/executions/cancel")).status_code == 202


async def test_both_addresses_give_the_full_view(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    view = worker.add()
    worker.finish_cancelled(view.execution_id)
    one = await client.get(f"/api/executions/{view.execution_id}")
    two = await client.get(f"/api/executions/{view.execution_id}/status")
    assert one.json() == two.json()
    found = one.json()
    assert found["step_results"][0]["step_id"] == "step1"
    assert found["cancellation"]["killed"] == [{"pid": 4711, "name": "python"}]
    assert found["created_at"] == "2026-11-22T10:00:01.000000Z"
    assert set(found) >= {"waiting_for", "current_step_index", "total_steps", "error"}


async def test_the_list_is_paged_and_filtered_newest_first(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    ids = [worker.add().execution_id for _ in range(3)]
    worker.add(status=ExecutionStatus.FAILED)
    found = (await client.get("/api/executions?status=running&limit=2&offset=1")).json()
    assert found["total"] == 3
    assert [item["execution_id"] for item in found["items"]] == [ids[1], ids[0]]
    assert "step_results" not in found["items"][0]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("status=canceled", "status"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=many", "limit"),
        ("offset=-1", "offset"),
        ("offset=99999999999999999999", "offset"),
    ],
)
async def test_a_bad_question_names_what_is_bad(
    client: httpx2.AsyncClient, query: str, name: str
) -> None:
    answer = await client.get(f"/api/executions?{query}")
    assert answer.status_code == 422
    assert list(answer.json()["parameters"]) == [name]


@pytest.mark.parametrize(
    ("body", "from_step", "newest"),
    [
        (None, None, False),
        ({}, None, False),
        ({"from_step": "check", "text": "newest"}, "check", True),
        ({"from_step": None, "text": "snapshot"}, None, False),
    ],
)
async def test_a_rerun_is_a_new_execution_that_names_the_one_before(
    client: httpx2.AsyncClient,
    worker: FakeWorker,
    body: dict[str, Any] | None,
    from_step: str | None,
    newest: bool,
) -> None:
    old = worker.add(status=ExecutionStatus.FAILED).execution_id
    headers = {"x-itk-user": "anna"}
    answer = await client.post(f"/api/executions/{old}/rerun", json=body, headers=headers)
    found = answer.json()
    assert answer.status_code == 202
    assert found["execution_id"] != old
    assert (found["rerun_of"], found["rerun_from_step"]) == (old, from_step)
    assert answer.headers["location"] == f"/api/executions/{found['execution_id']}"
    asked = RerunRequest(from_step, newest, requested_by="anna", source="api")
    assert worker.reruns == [(old, asked)]


async def test_a_rerun_needs_no_body(client: httpx2.AsyncClient, worker: FakeWorker) -> None:
    old = worker.add(status=ExecutionStatus.COMPLETED).execution_id
    assert (await client.post(f"/api/executions/{old}/rerun")).status_code == 202


@pytest.mark.parametrize(
    ("body", "name"),
    [({"from": "a"}, "from"), ({"text": "latest"}, "text"), ({"from_step": 3}, "from_step")],
)
async def test_a_rerun_of_the_wrong_shape_names_what_is_wrong(
    client: httpx2.AsyncClient, worker: FakeWorker, body: dict[str, Any], name: str
) -> None:
    old = worker.add(status=ExecutionStatus.FAILED).execution_id
    answer = await client.post(f"/api/executions/{old}/rerun", json=body)
    assert answer.status_code == 422
    assert list(answer.json()["parameters"]) == [name]
    assert worker.reruns == []


async def test_a_rerun_that_cannot_be_is_refused_with_what_it_lacks(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    running = worker.add().execution_id
    answer = await client.post(f"/api/executions/{running}/rerun")
    assert (answer.status_code, answer.json()["status_of_execution"]) == (409, "running")
    assert (await client.post(f"/api/executions/{UNKNOWN}/rerun")).status_code == 404
    worker.error = RerunRefused("cannot be run again", missing={"parameter login": "a secret"})
    answer = await client.post(f"/api/executions/{running}/rerun")
    assert answer.status_code == 409
    assert answer.json()["type"].endswith(":rerun-refused")
    assert answer.json()["missing"] == {"parameter login": "a secret"}


async def test_a_server_that_is_stopping_runs_nothing_again(
    client: httpx2.AsyncClient, worker: FakeWorker, stopping: list[str]
) -> None:
    stopping.append("now")
    old = worker.add(status=ExecutionStatus.FAILED).execution_id
    assert (await client.post(f"/api/executions/{old}/rerun")).status_code == 503
    assert worker.reruns == []


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ('"8e03978e-40d5-43dd-bc93-6894a57f9324"', "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ('"with blanks"', "with blanks"),
        ("x" * 255, "x" * 255),
        (None, None),
    ],
)
async def test_an_idempotency_key_is_taken_in_quotes_and_bare(
    client: httpx2.AsyncClient, worker: FakeWorker, header: str | None, key: str | None
) -> None:
    headers = {"idempotency-key": header} if header is not None else {}
    body = {"playbook_path": PATH}
    answer = await client.post("/api/executions", json=body, headers=headers)
    assert answer.status_code == 202
    assert [asked.idempotency_key for asked in worker.started] == [key]


@pytest.mark.parametrize(
    "header", ["", '""', "x" * 256, '"', 'a"b', '"a"; v=1', '"a\\"b"', "a b", "a\tb", "\u00e4"]
)
async def test_a_key_of_another_form_starts_nothing(
    client: httpx2.AsyncClient, worker: FakeWorker, header: str
) -> None:
    answer = await client.post(
        "/api/executions",
        json={"playbook_path": PATH},
        headers=[(b"idempotency-key", header.encode("utf-8"))],
    )
    assert answer.status_code == 422
    assert list(answer.json()["parameters"]) == ["Idempotency-Key"]
    assert worker.started == []


async def test_a_key_of_another_request_is_refused_and_names_what_it_started(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    worker.error = KeyReused("another body", execution_id="first")
    answer = await client.post("/api/executions", json={"playbook_path": PATH})
    assert answer.status_code == 422
    assert answer.json()["type"].endswith(":key-reused")
    assert answer.json()["execution_id"] == "first"


async def test_the_newest_picture_of_a_page_is_there_for_who_asks(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    execution_id = worker.add().execution_id
    none = await client.get(f"/api/executions/{execution_id}/view")
    missing = await client.get(f"/api/executions/{execution_id}/frame")
    worker.pictures[execution_id] = (datetime(2026, 11, 23, 3, 4, 5, tzinfo=UTC), b"\xff\xd8\xff")
    some = await client.get(f"/api/executions/{execution_id}/view")
    picture = await client.get(f"/api/executions/{execution_id}/frame?at=1")
    assert (none.json(), missing.status_code) == ({"live": True, "at": None}, 404)
    assert some.json() == {"live": True, "at": "2026-11-23T03:04:05.000000Z"}
    assert (picture.content, picture.headers["content-type"]) == (b"\xff\xd8\xff", "image/jpeg")
    assert picture.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("what", ["view", "frame"])
async def test_a_picture_of_an_unknown_execution_is_not_found(
    client: httpx2.AsyncClient, what: str
) -> None:
    assert (await client.get(f"/api/executions/none/{what}")).status_code == 404
