"""What is read back, in which order."""

from contextlib import ExitStack
from dataclasses import fields, replace
from datetime import UTC, timedelta

import pytest

from ignition_toolkit.errors import StoreError
from ignition_toolkit.playbook.models import ExecutionStatus
from ignition_toolkit.storage import (
    EventRow,
    ExecutionRow,
    PutStep,
    SetExecution,
    StepRow,
    Store,
)
from ignition_toolkit.storage import store as store_module
from tests.integration.storage.databases import Database
from tests.unit.storage.samples import (
    OPENING,
    SOON_S,
    START,
    add,
    event,
    execution,
    opened,
    step,
)

LATER = START + timedelta(seconds=3)

FULL = execution(
    "full",
    status="cancelled",
    parameters={"gateway_url": "http://localhost:8088", "nested": [1, None, {"ü": True}]},
    secret_parameters=["password"],
    waiting_for={"kind": "gateway", "name": "a", "since": "x", "held_by": "y"},
    started_at=LATER,
    completed_at=LATER,
    current_step_index=2,
    total_steps=7,
    error="it broke\n\x1b[31m 'quoted' \"twice\" \U0001f600",
    cancellation={"outcome": "killed"},
    cancel_requested_at=LATER,
    cancel_requested_by="anna",
    cancel_source="web",
    requested_by="otto",
    owner="worker-1",
    rerun_of="other",
    rerun_from_step="outer/inner",
    idempotency_key="k",
    idempotency_fingerprint="f",
    holds={"claims": [{"kind": "gateway", "name": "a"}], "blocked": True},
    unredacted={"credentials": {"plant": "2026-01-02T03:04:05Z"}, "lost": ["token"]},
)


def test_an_execution_comes_back_field_by_field(store: Store) -> None:
    for field in fields(ExecutionRow):
        assert getattr(FULL, field.name), f"{field.name} is not tested"
    add(store, FULL, execution("bare"))
    assert store.execution("full") == FULL
    assert store.execution("bare") == execution("bare")


def test_times_come_back_aware_and_in_utc(store: Store) -> None:
    add(store, FULL)
    found = store.execution("full")
    assert found is not None
    assert found.created_at.tzinfo is UTC
    assert found.created_at.microsecond == 7


def test_an_execution_that_is_not_there_is_none(store: Store) -> None:
    assert store.execution("nobody") is None
    assert store.execution("\ud800") is None
    assert store.execution("\0") is None


def test_setting_changes_only_what_it_names(store: Store) -> None:
    add(store, FULL)
    values = {"status": "failed", "error": None, "total_steps": 9}
    store.submit([SetExecution("full", values)]).result(SOON_S)
    expected = replace(FULL, status="failed", error=None, total_steps=9)
    assert store.execution("full") == expected


def test_executions_are_listed_newest_first_without_their_snapshots(store: Store) -> None:
    rows = [execution("b"), execution("c"), execution("a", after_s=1), execution("d", after_s=-1)]
    add(store, *rows)
    found, total = store.executions()
    assert [row.id for row in found] == ["a", "c", "b", "d"]
    assert total == 4
    assert found[0] == replace(rows[2], snapshot=None)


def test_a_page_and_a_status_choose_from_the_list(store: Store) -> None:
    add(store, *(execution(str(n), n, status="failed" if n % 2 else "running") for n in range(10)))
    page, total = store.executions(status="failed", limit=2, offset=1)
    assert [row.id for row in page] == ["7", "5"]
    assert total == 5
    assert store.executions(status="paused") == ([], 0)
    assert store.executions(limit=0) == ([], 10)
    assert store.executions(limit=10**30, offset=10**30) == ([], 10)


@pytest.mark.parametrize(("limit", "offset"), [(-1, 0), (1, -1)])
def test_a_negative_page_is_refused(store: Store, limit: int, offset: int) -> None:
    with pytest.raises(ValueError, match="0 or more, got -1"):
        store.executions(limit=limit, offset=offset)


def test_unfinished_are_those_whose_status_is_not_final_oldest_first(store: Store) -> None:
    going = [status for status in ExecutionStatus if not status.final]
    assert len(going) == 4
    add(store, *(execution(status, -n, status=status) for n, status in enumerate(ExecutionStatus)))
    assert [row.id for row in store.unfinished()] == going[::-1]
    assert store.unfinished()[0].snapshot == execution("x").snapshot


def test_steps_keep_the_order_in_which_they_were_first_heard_of(store: Store) -> None:
    add(store, execution("one"), execution("two"))
    store.submit([step("one", "z"), step("two", "q"), step("one", "z/a", parent_step_id="z")])
    store.submit([step("one", "b")])
    store.submit([PutStep("one", "z", {"status": "completed"})]).result(SOON_S)
    found = store.step_runs("one")
    assert [(row.step_id, row.seq, row.status) for row in found] == [
        ("z", 0, "completed"),
        ("z/a", 1, "running"),
        ("b", 2, "running"),
    ]
    assert [row.seq for row in store.step_runs("two")] == [0]
    assert store.step_runs("nobody") == []


def test_a_step_comes_back_field_by_field(store: Store) -> None:
    add(store, execution("one"))
    full = StepRow(
        execution_id="one",
        step_id="outer/inner",
        seq=0,
        step_name="Inner",
        kind="utility.log",
        status="failed",
        parent_step_id="outer",
        started_at=START,
        completed_at=LATER,
        output={"a": 1.5},
        error="no",
        attempts=3,
        cancellation={"outcome": "cooperative"},
    )
    keys = ("execution_id", "step_id", "seq")
    values = {f.name: getattr(full, f.name) for f in fields(StepRow) if f.name not in keys}
    store.submit([PutStep("one", "outer/inner", values)]).result(SOON_S)
    assert store.step_runs("one") == [full]


def test_a_new_step_has_had_no_attempts(store: Store) -> None:
    add(store, execution("one"))
    store.submit([PutStep("one", "a", OPENING)]).result(SOON_S)
    assert store.step_runs("one")[0].attempts == 0


def test_events_are_read_after_a_number_of_all_or_of_one(store: Store) -> None:
    add(store, execution("one"), execution("two"))
    assert store.last_event_id() == 0
    store.submit([event("one" if n % 2 else "two", n) for n in range(1, 7)]).result(SOON_S)
    everything = store.events(after=0)
    assert everything[0] == EventRow(id=1, execution_id="one", kind="step", at=START, data={"n": 1})
    assert [row.id for row in everything] == [1, 2, 3, 4, 5, 6]
    assert [row.id for row in store.events(after=2, limit=3)] == [3, 4, 5]
    assert [row.data["n"] for row in store.events(after=1, execution_id="one")] == [3, 5]
    assert store.events(after=6) == store.events(after=10**30) == []
    assert store.events(after=-(10**30)) == everything
    assert store.last_event_id() == 6


def test_numbers_of_events_go_on_after_the_newest_were_deleted(database: Database) -> None:
    with opened(database.url) as store:
        add(store, execution("one"))
        store.submit([event("one"), event("one")]).result(SOON_S)
    database.run("DELETE FROM events")
    with opened(database.url) as store:
        assert store.last_event_id() == 2
        store.submit([event("one")]).result(SOON_S)
        assert [row.id for row in store.events(after=0)] == [3]


def test_text_is_sorted_by_code_point_on_every_database(store: Store) -> None:
    ids = ["a", "B", "ä", "Z", "_", "b"]
    add(store, *map(execution, ids))
    assert [row.id for row in store.executions()[0]] == sorted(ids, reverse=True)


def test_a_closed_store_refuses_every_read(database: Database) -> None:
    with opened(database.url) as store:
        pass
    for read in (store.executions, store.unfinished, store.last_event_id, store.audit, store.size):
        with pytest.raises(StoreError, match="is closed; nothing more is read") as caught:
            read()
        assert database.name in str(caught.value)


def test_readers_cannot_write(store: Store) -> None:
    with (
        pytest.raises(StoreError, match=r"attempt to write a readonly|in a read-only transaction"),
        store._reading() as connection,
    ):
        connection.exec_driver_sql("DELETE FROM events")


def test_a_reading_is_one_snapshot(store: Store) -> None:
    add(store, execution("one"))
    count = "SELECT count(*) FROM executions"
    with store._reading() as connection:
        assert connection.exec_driver_sql(count).scalar() == 1
        add(store, execution("two"))
        assert connection.exec_driver_sql(count).scalar() == 1
    with store._reading() as connection:
        assert connection.exec_driver_sql(count).scalar() == 2


def test_too_many_reads_at_once_are_refused_in_words(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "BUSY_S", 0.1)
    with opened(database.url) as busy, ExitStack() as stack:
        for _ in range(16):
            stack.enter_context(busy._reading())
        with pytest.raises(StoreError, match="all 16 reading connections are in use"):
            busy.last_event_id()
