"""A start that is repeated with the same key is found, and cannot be stored twice."""

import threading
from concurrent.futures import Future
from datetime import datetime, timedelta

import pytest

from ignition_toolkit.errors import DuplicateKey, StoreError
from ignition_toolkit.storage import AddExecution, Store
from tests.integration.storage.databases import Database
from tests.unit.storage.samples import SOON_S, START, add, event, execution, opened

DAY = timedelta(hours=24)


def start(store: Store, execution_id: str, key: str, after: timedelta) -> Future[None]:
    """Submit an execution, made so long after START, unless the key was used in the 24 h before."""
    row = execution(execution_id, after.total_seconds(), idempotency_key=key)
    return store.submit([AddExecution(row, row.created_at - DAY), event(execution_id)])


def test_the_first_execution_of_a_key_is_found_while_it_is_young(store: Store) -> None:
    first = execution("first", idempotency_key="k")
    add(store, first, execution("second", 5, idempotency_key="k"), execution("none", 1))
    assert store.find_idempotent("k", START) == first
    assert store.find_idempotent("k", START - DAY) == first
    later = store.find_idempotent("k", START + timedelta(microseconds=1))
    assert later is not None
    assert later.id == "second"
    assert store.find_idempotent("k", START + timedelta(seconds=6)) is None
    assert store.find_idempotent("K", START) is None
    assert store.find_idempotent("\0", START) is None


def test_a_repeated_start_is_refused_whole_with_the_first_ones_id(store: Store) -> None:
    start(store, "first", "k", timedelta(0)).result(SOON_S)
    again = start(store, "second", "k", DAY)
    other = start(store, "other", "l", DAY)
    error = again.exception(SOON_S)
    assert isinstance(error, DuplicateKey)
    assert isinstance(error, StoreError)
    assert error.fields == {"execution_id": "first"}
    assert "first" in str(error)
    other.result(SOON_S)
    assert store.execution("second") is None
    assert [row.execution_id for row in store.events(after=0)] == ["first", "other"]


def test_after_a_day_the_key_can_be_used_again(store: Store) -> None:
    start(store, "first", "k", timedelta(0)).result(SOON_S)
    start(store, "second", "k", DAY + timedelta(microseconds=1)).result(SOON_S)
    with pytest.raises(DuplicateKey) as caught:
        start(store, "third", "k", DAY + timedelta(seconds=1)).result(SOON_S)
    assert caught.value.fields == {"execution_id": "second"}


def test_two_starts_in_one_transaction_are_told_apart(store: Store, database: Database) -> None:
    with database.locked():
        one, two = (start(store, name, "k", timedelta(0)) for name in ("one", "two"))
    one.result(SOON_S)
    assert isinstance(two.exception(SOON_S), DuplicateKey)


def test_a_hostile_key_is_a_key(store: Store) -> None:
    for n, key in enumerate(["\0", "\ud800", "' OR 1=1 --", "k" * 2000, ""]):
        start(store, f"first-{n}", key, timedelta(0)).result(SOON_S)
        assert isinstance(start(store, f"again-{n}", key, DAY).exception(SOON_S), DuplicateKey)
        found = store.find_idempotent(key, START)
        assert found is not None
        assert found.id == f"first-{n}"


@pytest.mark.parametrize(
    ("key", "since", "complaint"),
    [
        (None, START, "needs a row with an idempotency_key"),
        ("k", datetime(2026, 1, 1), "expected a datetime with a timezone"),  # noqa: DTZ001
    ],
)
def test_a_look_for_a_key_that_cannot_be_is_refused(
    store: Store, key: str | None, since: datetime, complaint: str
) -> None:
    change = AddExecution(execution("one", idempotency_key=key), since)
    with pytest.raises(StoreError, match=complaint):
        store.submit([change]).result(SOON_S)


def test_of_many_starts_at_once_one_is_stored(database: Database) -> None:
    groups: dict[str, Future[None]] = {}

    def race(store: Store, name: str) -> None:
        for n in range(10):
            groups[f"{name}-{n}"] = start(store, f"{name}-{n}", f"key {n}", timedelta(0))

    with opened(database.url) as one, opened(database.url) as other:
        stores = [one, other, one, other]
        racers = [
            threading.Thread(target=race, args=[store, str(n)]) for n, store in enumerate(stores)
        ]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join(SOON_S)
        errors = {name: done.exception(SOON_S) for name, done in groups.items()}
        stored = {row.id for row in one.executions(limit=100)[0]}
    assert stored == {name for name, error in errors.items() if error is None}
    assert sorted(name.partition("-")[2] for name in stored) == [str(n) for n in range(10)]
    refused = [error for error in errors.values() if error is not None]
    assert len(refused) == 30
    assert all(isinstance(error, DuplicateKey) for error in refused)
    assert {
        error.fields["execution_id"] for error in refused if isinstance(error, DuplicateKey)
    } == stored
