"""Groups of changes: committed whole and in order, or refused alone."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from datetime import datetime

# Any: values for columns, right and wrong ones.
from typing import Any

import pytest
import sqlalchemy as sa

from ignition_toolkit.errors import StoreError
from ignition_toolkit.storage import (
    AddEvent,
    AddExecution,
    Change,
    EventRow,
    PutStep,
    SetExecution,
    Store,
    waiting,
    writer,
)
from tests.integration.storage.databases import Database
from tests.polling import PollUntil
from tests.unit.storage.samples import (
    SOON_S,
    START,
    add,
    event,
    execution,
    opened,
    step,
)


@pytest.fixture
def store(database: Database) -> Iterator[Store]:
    with opened(database.url) as store:
        add(store, execution("one"))
        yield store


def test_what_on_commit_sees_is_what_is_read(database: Database) -> None:
    seen: list[EventRow] = []
    with opened(database.url, seen.extend) as store:
        add(store, execution("one"))
        assert seen == []
        hostile = AddEvent("one", "step", {"a": (1, "\ud800"), "n": float("nan")}, START)
        store.submit([hostile, event("one", 2)]).result(SOON_S)
        assert seen == store.events(after=0)
        assert seen[0].data == {"a": [1, "\\ud800"], "n": "NaN"}


def test_on_commit_is_called_when_a_reader_can_see_the_events(database: Database) -> None:
    found: list[list[EventRow]] = []
    with opened(database.url, lambda rows: found.append(read(rows))) as store:

        def read(rows: list[EventRow]) -> list[EventRow]:
            return store.events(after=rows[0].id - 1)

        add(store, execution("one"))
        store.submit([event("one", 1), event("one", 2)]).result(SOON_S)
        assert [row.data["n"] for row in found[0]] == [1, 2]


def test_a_listener_that_fails_stops_nothing(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: list[EventRow]) -> None:
        raise RuntimeError("listener")

    with opened(database.url, fail) as store:
        add(store, execution("one"))
        for n in range(3):
            store.submit([event("one", n)]).result(SOON_S)
        assert store.last_event_id() == 3
    assert [record.getMessage() for record in caplog.records] == [
        "a listener of the store failed"
    ] * 3


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        (SetExecution("nobody", {"status": "x"}), "there is no execution 'nobody'"),
        (event("nobody"), "(?i)foreign key constraint"),
        (step("nobody", "a"), "(?i)foreign key constraint"),
        (
            AddExecution(execution("one")),
            "UNIQUE .* executions.id|unique .* .pk_executions",
        ),
        (
            AddExecution(execution("x", snapshot=None)),
            "(NOT NULL .*|null value .*)snapshot",
        ),
        (
            PutStep("one", "new", {"status": "x"}),
            "(NOT NULL .*|null value .*)step_name",
        ),
        (PutStep("one", "a", {}), "at least one value"),
        (PutStep("one", "a", {"seq": 3}), "'seq' cannot be set"),
        (SetExecution("one", {"id": "other"}), "'id' cannot be set"),
        (SetExecution("one", {"colour": "red"}), "no column 'colour'"),
        (SetExecution("one", {"total_steps": 2**70}), "too large|out of range"),
        (AddEvent("one", "log", {"a": object()}, START), "events.data: .* not JSON serializable"),
        (AddEvent("one", "log", {}, datetime(2026, 1, 1)), "with a timezone"),  # noqa: DTZ001
    ],
)
def test_a_bad_group_fails_whole_and_alone(store: Store, bad: Change, complaint: str) -> None:
    before = store.submit([event("one", 1)])
    refused = store.submit([event("one", 2), bad, event("one", 3)])
    after = store.submit([event("one", 4)])
    with pytest.raises(StoreError, match=complaint):
        refused.result(SOON_S)
    before.result(SOON_S)
    after.result(SOON_S)
    assert [row.data["n"] for row in store.events(after=0)] == [1, 4]
    assert [row.id for row in store.events(after=0)] == [1, 2]
    assert store.behind().error is None


def test_bad_groups_in_one_batch_fail_alone_and_order_is_kept(database: Database) -> None:
    seen: list[EventRow] = []
    with opened(database.url, seen.extend) as store:
        add(store, execution("one"))
        with database.locked():
            groups = [store.submit([event("one" if n % 3 else "nobody", n)]) for n in range(60)]
        failed = [n for n, done in enumerate(groups) if done.exception(SOON_S)]
        assert failed == list(range(0, 60, 3))
        assert [row.data["n"] for row in seen] == [n for n in range(60) if n % 3]
        assert [row.id for row in seen] == list(range(1, 41))
        assert seen == store.events(after=0)


def test_an_error_shows_no_value_that_was_bound(store: Store) -> None:
    bad = [step("nobody", "a", output={"password": "hunter2"})]
    error = store.submit(bad).exception(SOON_S)
    assert isinstance(error, StoreError)
    texts = [str(error), str(error.__cause__), repr(error.to_wire())]
    assert not any("hunter2" in text for text in texts)


@pytest.fixture
def updates() -> Iterator[list[str]]:
    """Give the tables that are updated, one entry for each statement."""
    tables: list[str] = []

    # Any: what the database's driver hands over.
    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("UPDATE "):
            tables.append(statement.split()[1])

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    yield tables
    sa.event.remove(sa.Engine, "before_cursor_execute", note)


def test_what_is_set_of_a_row_in_one_transaction_is_set_at_once(
    store: Store, updates: list[str]
) -> None:
    add_step, again = step("one", "a"), step("one", "b")
    store.submit([add_step, again]).result(SOON_S)
    updates.clear()
    changes: list[Change] = [
        PutStep("one", "a", {"status": "running", "attempts": 1}),
        SetExecution("one", {"status": "running"}),
        PutStep("one", "b", {"status": "running"}),
        event("one", 1),
        PutStep("one", "a", {"status": "completed"}),
        SetExecution("one", {"status": "completed", "error": "none"}),
    ]
    store.submit(changes).result(SOON_S)
    assert sorted(updates) == ["executions", "step_runs", "step_runs", "store_state"]
    row = store.execution("one")
    assert row is not None
    assert (row.status, row.error) == ("completed", "none")
    first, second = store.step_runs("one")
    assert (first.step_id, first.status, first.attempts) == ("a", "completed", 1)
    assert (second.step_id, second.status) == ("b", "running")


def test_the_steps_of_a_new_execution_are_stored_in_order_with_it(
    store: Store, updates: list[str]
) -> None:
    steps = [step("new", name) for name in ("b", "a")]
    later = [PutStep("new", "b", {"attempts": 2}), step("new", "c", error="none")]
    store.submit([AddExecution(execution("new")), *steps, *later]).result(SOON_S)
    assert updates == ["store_state"]
    store.submit([step("new", "d")]).result(SOON_S)
    rows = [(row.step_id, row.attempts, row.error) for row in store.step_runs("new")]
    assert rows == [("b", 2, None), ("a", 0, None), ("c", 0, "none"), ("d", 0, None)]


def test_a_change_is_taken_as_it_was_when_submitted(store: Store, database: Database) -> None:
    values: dict[str, Any] = {"parameters": {"inner": [1]}, "status": "running"}
    data = {"inner": [1]}
    with database.locked():
        done = store.submit([SetExecution("one", values), AddEvent("one", "step", data, START)])
        values["parameters"]["inner"].append(2)
        values["status"] = "failed"
        data["inner"].append(2)
    done.result(SOON_S)
    found = store.execution("one")
    assert found is not None
    assert (found.parameters, found.status) == ({"inner": [1]}, "running")
    assert store.events(after=0)[0].data == {"inner": [1]}


@pytest.mark.parametrize(
    "text",
    [
        "\0",
        "a\0b",
        "'; DROP TABLE events; --",
        '"quoted" %s :name ?',
        "\u202e\ufeff\uffff\U0010ffff",
        "\ud83d\ude00"[::-1],
    ],
    ids=["nul", "inner-nul", "sql", "places", "odd", "surrogates"],
)
def test_hostile_text_is_stored_wherever_text_goes(store: Store, text: str) -> None:
    in_json = text.encode("utf-8", "backslashreplace").decode()
    expected = in_json.replace("\0", "\\u0000")
    add(store, execution(text, 1, playbook_name=text, parameters={text: text}))
    changes: list[Change] = [
        SetExecution(text, {"error": text}),
        step(text, text, step_name=text, output={text: [text]}),
        AddEvent(text, "log", {text: text}, START),
    ]
    store.submit(changes).result(SOON_S)
    found = store.execution(text)
    assert found is not None
    assert found == execution(
        expected, 1, playbook_name=expected, parameters={in_json: in_json}, error=expected
    )
    assert store.step_runs(text)[0].output == {in_json: [in_json]}
    assert store.events(after=0, execution_id=text)[0].data == {in_json: in_json}


def test_ten_megabytes_of_text_are_stored(store: Store) -> None:
    text = "x" * 10_000_000
    put = step("one", "a", error=text, output={"text": text})
    store.submit([put, AddEvent("one", "log", {"text": text}, START)]).result(SOON_S)
    found = store.step_runs("one")[0]
    assert (found.error, found.output) == (text, {"text": text})
    assert store.events(after=0)[0].data == {"text": text}


async def test_a_caller_who_stops_waiting_withdraws_nothing(
    store: Store, database: Database
) -> None:
    with database.locked():
        done = store.submit([event("one", 1)])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.wrap_future(done), 0.05)
        assert not done.cancel()
    await asyncio.wait_for(asyncio.wrap_future(done), SOON_S)
    assert done.exception() is None


def test_an_empty_group_is_done_at_once(store: Store, database: Database) -> None:
    with database.locked():
        assert store.submit([]).done()


def test_flush_says_whether_all_was_written(store: Store, database: Database) -> None:
    assert store.flush(0)
    with database.locked():
        done = store.submit([event("one", 1)])
        assert not store.flush(0.05)
    assert store.flush(SOON_S)
    assert done.done()


def test_nothing_waits_when_all_is_written(store: Store) -> None:
    store.submit([event("one", 1)]).result(SOON_S)
    assert store.behind() == waiting.Behind(0, None, None, 0)


def test_logs_beyond_the_bound_are_dropped_and_counted_but_no_state(
    store: Store, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MAX_WAITING_LOGS", 10)
    with database.locked():
        for n in range(30):
            kind = "log" if n % 2 else "progress"
            store.submit([event("one", n, kind), event("one", 1000 + n)])
        dropped = store.submit([event("one", 99, "log")])
        assert dropped.done()
        assert store.behind().dropped_logs == 21
        assert store.behind().waiting == 40
    assert store.flush(SOON_S)
    found = [row.data["n"] for row in store.events(after=0)]
    assert [n for n in found if n >= 1000] == [1000 + n for n in range(30)]
    assert [n for n in found if n < 1000] == list(range(10))
    store.submit([event("one", 7, "log")]).result(SOON_S)
    assert store.events(after=40)[0].data["n"] == 7
    assert store.behind().dropped_logs == 21


def test_a_closed_store_refuses_changes(database: Database) -> None:
    with opened(database.url) as store:
        pass
    with pytest.raises(StoreError, match="is closed; nothing more is written"):
        store.submit([event("one")])
    store.close()


def test_closing_writes_what_waits(database: Database) -> None:
    with opened(database.url) as store:
        add(store, execution("one"))
        groups = [store.submit([event("one", n)]) for n in range(2000)]
    assert all(done.exception(0) is None for done in groups)
    with opened(database.url) as store:
        assert store.last_event_id() == 2000


def test_closing_says_what_could_not_be_written_and_why(database: Database) -> None:
    with opened(database.url) as store:
        add(store, execution("one"))
    store = Store.open(database.url)
    with database.locked():
        lost = store.submit([event("one", 1), SetExecution("one", {"status": "failed"})])
        with pytest.raises(StoreError, match=f"2 changes.*{database.locked_words}.*Another "):
            store.close(timeout=0.1)
        with pytest.raises(StoreError, match="2 changes"):
            lost.result(0)
        with pytest.raises(StoreError, match="2 changes"):
            store.close(timeout=0.1)


def test_closing_waits_for_a_lock_that_is_let_go(database: Database) -> None:
    with opened(database.url) as store:
        add(store, execution("one"))
    store = Store.open(database.url)
    with database.locked():
        done = store.submit([event("one", 1)])
        closing = threading.Thread(target=store.close, args=[SOON_S])
        closing.start()
    closing.join(SOON_S)
    assert done.exception(0) is None


def test_being_behind_is_logged_once_and_its_end_too(
    store: Store, database: Database, caplog: pytest.LogCaptureFixture, poll_until: PollUntil
) -> None:
    caplog.set_level(logging.INFO, logger=writer.__name__)
    attempts: list[object] = []
    count = attempts.append
    sa.event.listen(sa.Engine, "handle_error", count)
    try:
        with database.locked():
            store.submit([event("one", 1)])
            poll_until(lambda: len(attempts) >= 3)
        assert store.flush(SOON_S)
    finally:
        sa.event.remove(sa.Engine, "handle_error", count)
    actions = [getattr(record, "action", None) for record in caplog.records]
    assert actions == ["store_behind", "store_recovered"]
