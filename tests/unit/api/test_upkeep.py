"""`/api/audit`, `/api/prune` and `/metrics` around a fake worker."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ignition_toolkit.errors import OperatorError, StoreError
from ignition_toolkit.execution.requests import PruneRequest
from ignition_toolkit.execution.views import AuditNote
from tests.unit.api.fake_worker import BEGIN, NOTHING_PRUNED, FakeWorker


def note(number: int, execution_id: str | None = "one") -> AuditNote:
    """Return a note."""
    return AuditNote(
        id=number,
        at=BEGIN,
        action="cancel",
        source="web",
        requested_by="anna",
        execution_id=execution_id,
        detail={"step_id": "a"},
    )


# Any: JSON, here and below.
async def audit(client: httpx2.AsyncClient, **query: Any) -> tuple[list[int], int | None]:
    """Return the numbers of a page of notes, and where the next begins."""
    page = (await client.get("/api/audit", params=query)).json()
    return [item["id"] for item in page["items"]], page["before"]


async def test_a_note_says_who_did_what_to_what(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    worker.notes = [note(1)]
    answer = await client.get("/api/audit")
    assert answer.json() == {
        "items": [
            {
                "id": 1,
                "at": "2026-11-22T10:00:00.000000Z",
                "action": "cancel",
                "source": "web",
                "requested_by": "anna",
                "execution_id": "one",
                "detail": {"step_id": "a"},
            }
        ],
        "before": None,
    }


async def test_notes_come_in_pages_newest_first(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    worker.notes = [note(number, "odd" if number % 2 else "even") for number in range(1, 6)]
    assert await audit(client, limit=2) == ([5, 4], 4)
    assert await audit(client, limit=2, before=4) == ([3, 2], 2)
    assert await audit(client, limit=2, before=2) == ([1], None)
    assert await audit(client, execution_id="even") == ([4, 2], None)


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "before=-1", "before=x", "limit="])
async def test_a_page_that_makes_no_sense_is_refused(
    client: httpx2.AsyncClient, query: str
) -> None:
    answer = await client.get(f"/api/audit?{query}")
    assert answer.status_code == 422
    assert answer.json()["type"].endswith(":request-invalid")


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        (None, PruneRequest(requested_by="anna", source="cli")),
        ({}, PruneRequest(requested_by="anna", source="cli")),
        (
            {"older_than_days": 0, "dry_run": True},
            PruneRequest(0, dry_run=True, requested_by="anna", source="cli"),
        ),
    ],
)
async def test_a_prune_reaches_the_worker_with_who_asked(
    client: httpx2.AsyncClient,
    worker: FakeWorker,
    body: dict[str, Any] | None,
    asked: PruneRequest,
) -> None:
    worker.report = NOTHING_PRUNED.model_copy(update={"executions": 3, "more": True})
    headers = {"X-ITK-User": "anna", "X-ITK-Client": "cli"}
    answer = await client.post("/api/prune", json=body, headers=headers)
    assert answer.status_code == 200
    assert (answer.json()["executions"], answer.json()["more"]) == (3, True)
    assert worker.prunes == [asked]


@pytest.mark.parametrize(
    "body",
    [{"older_than_days": -1}, {"older_than_days": 40_000}, {"older_than": 3}, {"dry_run": []}, []],
)
async def test_a_prune_that_makes_no_sense_removes_nothing(
    client: httpx2.AsyncClient, worker: FakeWorker, body: object
) -> None:
    answer = await client.post("/api/prune", json=body)
    assert answer.status_code == 422
    assert worker.prunes == []


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (OperatorError("ITK_KEEP_DAYS is 0"), 409, "refused"),
        (StoreError("database is locked"), 503, "database"),
    ],
)
async def test_a_prune_that_cannot_be_done_says_why(
    client: httpx2.AsyncClient, worker: FakeWorker, error: Exception, status: int, name: str
) -> None:
    worker.error = error
    answer = await client.post("/api/prune")
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (status, name)


async def test_a_server_that_is_stopping_removes_nothing(
    client: httpx2.AsyncClient, worker: FakeWorker, stopping: list[str]
) -> None:
    stopping.append("yes")
    assert (await client.post("/api/prune")).status_code == 503
    assert worker.prunes == []


# A label's values are known here, so that nobody can fill a monitoring system with them.
LABELS = {
    "status": {"completed", "failed", "cancelled", "interrupted"},
    "outcome": {"cooperative", "killed", "too_late", "worker_lost", "not_stopped"},
}


async def test_the_figures_are_those_of_the_worker(
    client: httpx2.AsyncClient, worker: FakeWorker
) -> None:
    worker.ends.executions["cancelled"] = 2
    worker.ends.cancels["killed"] = 2
    worker.ends.tree_gone.add(260.0)
    worker.ends.tree_gone.add(501.0)
    worker.ends.promises_missed = 1
    answer = await client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert found["itk_executions_total", "cancelled"] == 2
    assert found["itk_executions_total", "failed"] == 0
    assert found["itk_cancels_total", "killed"] == 2
    assert found["itk_cancel_tree_gone_seconds_bucket", "0.5"] == 1
    assert found["itk_cancel_tree_gone_seconds_bucket", "+Inf"] == 2
    assert found["itk_cancel_tree_gone_seconds_count",] == 2
    assert found["itk_cancel_tree_gone_seconds_sum",] == pytest.approx(0.761)
    assert found["itk_promises_missed_total",] == 1
    plain = {
        "itk_executions_running": 1,
        "itk_executions_pending": 2,
        "itk_runners_warm": 3,
        "itk_runner_starts_total": 4,
        "itk_runner_start_failures_total": 5,
        "itk_unsaved_changes": 6,
        "itk_dropped_log_lines_total": 7,
        "itk_dropped_output_bytes_total": 8,
        "itk_dropped_log_events_total": 9,
        "itk_supervision_loop_blocked_total": 10,
        "itk_supervision_loop_blocked_seconds_total": 0.5,
        "itk_handler_blocked_total": 11,
        "itk_handler_blocked_seconds_total": 2.5,
    }
    assert {name: found[name,] for name in plain} == plain


async def test_no_label_can_have_a_value_of_somebodys_choosing(client: httpx2.AsyncClient) -> None:
    text = (await client.get("/metrics")).text
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            for name, value in sample.labels.items():
                assert name == "le" or value in LABELS[name]


@pytest.mark.parametrize("path", ["/metrics", "/api/audit"])
async def test_a_foreign_host_is_told_nothing(client: httpx2.AsyncClient, path: str) -> None:
    answer = await client.get(path, headers={"Host": "evil.example"})
    assert answer.status_code == 403
    assert b"itk_" not in answer.content
