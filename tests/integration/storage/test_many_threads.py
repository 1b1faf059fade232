"""Many threads write while others read."""

import threading
from collections.abc import Callable

from ignition_toolkit.storage import EventRow, Store
from tests.integration.storage.databases import Database
from tests.unit.storage.samples import SOON_S, add, event, execution, opened

WRITERS = 8
GROUPS = 150
EVENTS = WRITERS * GROUPS * 2


def write(store: Store, name: str) -> None:
    """Submit one thread's groups, two events each."""
    for n in range(GROUPS):
        store.submit([event(name, 2 * n), event(name, 2 * n + 1)])


def follow(store: Store, into: list[int], stop: threading.Event) -> None:
    """Read as a client does that goes on after the last number it has seen."""
    last = 0
    while True:
        is_last_look = stop.is_set()
        rows = store.events(after=last, limit=10_000)
        into.extend(row.id for row in rows)
        last = into[-1] if into else 0
        if is_last_look:
            return


def in_threads(*calls: Callable[[], None]) -> list[threading.Thread]:
    """Start each call in a thread of its own."""
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    return threads


def test_no_event_appears_behind_one_that_was_seen(database: Database) -> None:
    committed: list[EventRow] = []
    followed: list[list[int]] = [[], [], []]
    stop = threading.Event()
    names = [f"thread-{n}" for n in range(WRITERS)]
    with opened(database.url, committed.extend) as store:
        add(store, *map(execution, names))
        readers = in_threads(*(lambda into=into: follow(store, into, stop) for into in followed))
        writers = in_threads(*(lambda name=name: write(store, name) for name in names))
        for thread in writers:
            thread.join(SOON_S)
        assert store.flush(SOON_S)
        stop.set()
        for thread in readers:
            thread.join(SOON_S)
    expected = list(range(1, EVENTS + 1))
    assert [row.id for row in committed] == expected
    assert followed == [expected] * 3
    for name in names:
        own = [row.data["n"] for row in committed if row.execution_id == name]
        assert own == list(range(2 * GROUPS)), f"{name}: order of its submits was not kept"


def test_groups_are_never_seen_in_part(database: Database) -> None:
    torn: list[int] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            count = store.last_event_id()
            torn.extend([count] if count % 2 else [])

    with opened(database.url) as store:
        add(store, execution("one"))
        readers = in_threads(look, look)
        write(store, "one")
        assert store.flush(SOON_S)
        stop.set()
        for thread in readers:
            thread.join(SOON_S)
        assert store.last_event_id() == 2 * GROUPS
    assert torn == []


def test_two_stores_on_one_database_never_give_a_number_twice(database: Database) -> None:
    seen: list[list[int]] = [[], []]
    with (
        opened(database.url, lambda rows: seen[0].extend(row.id for row in rows)) as one,
        opened(database.url, lambda rows: seen[1].extend(row.id for row in rows)) as other,
    ):
        add(one, execution("one"), execution("other"))
        writers = in_threads(lambda: write(one, "one"), lambda: write(other, "other"))
        for thread in writers:
            thread.join(SOON_S)
        assert one.flush(SOON_S)
        assert other.flush(SOON_S)
        stored = [row.id for row in one.events(after=0, limit=10_000)]
    assert all(numbers == sorted(numbers) for numbers in seen)
    assert sorted(seen[0] + seen[1]) == stored == list(range(1, 4 * GROUPS + 1))
