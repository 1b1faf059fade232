"""Old executions go, nothing else does, and nobody waits for it."""

import time
from itertools import count
from pathlib import Path
from queue import SimpleQueue

import pytest
import sqlalchemy as sa

from ignition_toolkit.errors import StoreError
from ignition_toolkit.playbook.models import ExecutionStatus
from ignition_toolkit.storage import AddEvent, Change, EventRow, Prune, SetExecution, Store, chores
from tests.integration.storage.databases import Database
from tests.polling import PollUntil
from tests.unit.storage.samples import (
    SOON_S,
    START,
    add,
    event,
    execution,
    open_store,
    opened,
    step,
)

PRUNED_S = 60.0


def fill(
    store: Store, execution_id: str, events: int, text: str = "", status: str = "completed"
) -> None:
    """Store an execution with two steps and so many events."""
    add(store, execution(execution_id, status=status))
    changes: list[Change] = [
        AddEvent(execution_id, "log", {"n": n, "text": text}, START) for n in range(events)
    ]
    store.submit([step(execution_id, "a"), step(execution_id, "b")])
    for begin in range(0, events, 1000):
        store.submit(changes[begin : begin + 1000])
    assert store.flush(PRUNED_S)


def prune(store: Store, *ids: str) -> None:
    """Prune executions, and wait for it."""
    store.submit([Prune(ids)]).result(PRUNED_S)


def test_a_pruned_execution_is_gone_with_its_steps_and_events_and_others_stay(
    store: Store,
) -> None:
    for name in ("one", "two", "three"):
        fill(store, name, 3)
    prune(store, "one", "three")
    assert [row.id for row in store.executions()[0]] == ["two"]
    assert [row.execution_id for row in store.events(after=0)] == ["two"] * 3
    assert [len(store.step_runs(name)) for name in ("one", "two", "three")] == [0, 2, 0]
    store.submit([event("two")]).result(SOON_S)
    assert store.last_event_id() == 10


def test_pruning_everything_leaves_nothing_of_it(store: Store, database: Database) -> None:
    names = [f"run-{n}" for n in range(10)]
    for name in names:
        fill(store, name, 100)
    prune(store, *names)
    tables = ("executions", "step_runs", "events")
    assert [database.run(f"SELECT count(*) FROM {table}") for table in tables] == [[(0,)]] * 3


def test_ids_that_are_not_there_and_none_at_all_are_nothing_to_do(store: Store) -> None:
    fill(store, "one", 3)
    prune(store)
    prune(store, "nobody", "\0", "nobody")
    assert store.execution("one") is not None
    prune(store, "one", "one")
    assert store.execution("one") is None


@pytest.mark.parametrize("status", [status for status in ExecutionStatus if not status.final])
def test_one_that_is_not_over_is_refused_and_nothing_is_removed(
    store: Store, status: ExecutionStatus
) -> None:
    fill(store, "over", 3)
    fill(store, "going", 3, status=status)
    with pytest.raises(StoreError, match="that are over, found going, not over"):
        prune(store, "over", "going")
    assert store.executions()[1] == 2
    assert len(store.events(after=0)) == 6


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ([Prune(("one",)), event("one")], "alone in its group"),
        ([Prune(("x",) * 1001)], "at most 1000 executions, got 1001"),
        ([Prune((3,))], "expected a str, got int"),  # type: ignore[arg-type]
    ],
)
def test_a_removal_that_cannot_be_is_refused(
    store: Store, changes: list[Change], complaint: str
) -> None:
    fill(store, "one", 3)
    with pytest.raises(StoreError, match=complaint):
        store.submit(changes).result(SOON_S)
    assert len(store.events(after=0)) == 3


@pytest.fixture
def row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a removal take a transaction for each row, so that it is long however fast the disk."""
    monkeypatch.setattr(chores, "SLICE_S", 0.0)


def test_groups_that_come_during_a_transaction_of_a_removal_wait_for_that_one_alone(
    row_by_row: None, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: SimpleQueue[int] = SimpleQueue()
    handed_in: SimpleQueue[int] = SimpleQueue()
    transactions = count()
    committed: list[int] = []
    removed = chores.Pruning.do

    def do(pruning: chores.Pruning, connection: sa.Connection, slice_s: float) -> bool:
        began.put(next(transactions))
        handed_in.get(timeout=SOON_S)
        return removed(pruning, connection, slice_s)

    def note(rows: list[EventRow]) -> None:
        committed.extend(row.data["n"] for row in rows)

    with opened(database.url, note) as store:
        fill(store, "old", 50)
        add(store, execution("running", status="running"))
        committed.clear()
        monkeypatch.setattr(chores.Pruning, "do", do)
        pruned = store.submit([Prune(("old",))])
        while not pruned.done():
            transaction = began.get(timeout=SOON_S)
            assert committed == list(range(transaction))
            group = store.submit([event("running", transaction)])
            handed_in.put(transaction)
            group.result(SOON_S)
        pruned.result(0)
    assert len(committed) > 50


def test_groups_are_written_in_time_while_much_is_removed(store: Store) -> None:
    fill(store, "old", 5000)
    add(store, execution("running", status="running"))
    pruned = store.submit([Prune(("old",))])
    latencies = []
    while not pruned.done():
        began = time.monotonic()
        final = SetExecution("running", {"error": "x"}, final=True)
        store.submit([final, event("running")]).result(SOON_S)
        latencies.append(time.monotonic() - began)
    pruned.result(0)
    assert max(latencies) < 1.0
    assert len(store.events(after=0, execution_id="running", limit=10_000)) == len(latencies)


def test_a_removal_waits_while_the_database_is_held_and_state_goes_first(
    store: Store, database: Database, poll_until: PollUntil
) -> None:
    fill(store, "old", 500)
    add(store, execution("running", status="running"))
    order: list[str] = []
    with database.locked():
        state = store.submit([event("running")])
        state.add_done_callback(lambda _: order.append("state"))
        poll_until(lambda: store.behind().error)
        pruned = store.submit([Prune(("old",))])
        pruned.add_done_callback(lambda _: order.append("removal"))
    pruned.result(PRUNED_S)
    assert order == ["state", "removal"]
    assert store.execution("old") is None


def test_a_removal_is_not_counted_as_behind_and_not_waited_for_by_flush(
    store: Store, database: Database
) -> None:
    fill(store, "old", 10)
    with database.locked():
        pruned = store.submit([Prune(("old",))])
        assert store.flush(0)
        assert store.behind().waiting == 0
        with pytest.raises(StoreError, match=f"ended early: {database.locked_words}") as caught:
            pruned.result(SOON_S)
        assert database.name in str(caught.value)
    prune(store, "old")


def test_closing_ends_a_removal_which_can_be_done_again(
    row_by_row: None, database: Database, poll_until: PollUntil
) -> None:
    with opened(database.url) as store:
        fill(store, "old", 500)
        pruned = store.submit([Prune(("old",))])
        poll_until(lambda: len(store.events(after=0)) < 500, SOON_S)
    with pytest.raises(StoreError, match="prune again for the rest"):
        pruned.result(0)
    with pytest.raises(StoreError, match="is closed"):
        store.submit([Prune(("old",))])
    with opened(database.url) as store:
        assert 0 < len(store.events(after=0)) < 500
        assert store.prunable(START.replace(year=2027), START) == ["old"]
        prune(store, "old")
        assert store.executions() == ([], 0)
        assert store.last_event_id() == 500


def test_what_big_texts_took_is_given_back_to_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "itk.db"
    with open_store(path) as store:
        fill(store, "keep", 10)
        fill(store, "old", 1000, "x" * 20_000)
        full = store.size()
        assert full > 20_000_000
        prune(store, "old")
        assert len(store.events(after=0)) == 10
    assert path.stat().st_size < 5_000_000


def test_the_size_is_that_of_the_database(store: Store, database: Database) -> None:
    before = store.size()
    assert before > 0
    fill(store, "one", 500, "".join(map(str, range(2000))))
    assert store.size() > before + 500_000
