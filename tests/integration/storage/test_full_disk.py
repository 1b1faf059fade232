"""There is no space for what is to be written, and then there is."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from ignition_toolkit.errors import StoreError
from ignition_toolkit.storage import AddEvent, SetExecution, Store, database_url
from tests.integration.storage.limited_writer import EVENTS
from tests.integration.storage.processes import running
from tests.polling import PollUntil
from tests.unit.storage.samples import SOON_S, START, add, execution, open_store


def test_what_did_not_fit_is_stored_in_order_when_there_is_space(tmp_path: Path) -> None:
    path = tmp_path / "itk.db"
    with running("-m", "tests.integration.storage.limited_writer", str(path)) as process:
        said, _ = process.communicate(timeout=60)
    saw = json.loads(said)
    assert "disk" in saw["error"]
    assert saw["waiting"] > 0
    assert saw["submitted_s"] < 1.0
    assert saw["seen_before"] == list(range(1, saw["stored_before"] + 1))
    assert saw["stored_before"] < EVENTS
    assert saw["flushed"]
    assert saw["failed_groups"] == 0
    assert saw["numbers"] == list(range(1, EVENTS + 1))
    assert saw["status"] == "failed"
    assert integrity(path) == "ok"


def integrity(path: Path) -> str:
    """Return what SQLite finds when it checks a whole database."""
    connection = sqlite3.connect(path)
    try:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])
    finally:
        connection.close()


@contextmanager
def at_most_pages(pages: int) -> Iterator[list[int]]:
    """Let databases grow to so many pages; the number in the list that is given may be changed."""
    most = [pages]

    def limit(connection: sa.Connection) -> None:
        connection.connection.cursor().execute(f"PRAGMA max_page_count = {most[0]}")

    sa.event.listen(sa.Engine, "begin", limit)
    try:
        yield most
    finally:
        sa.event.remove(sa.Engine, "begin", limit)


def test_a_full_disk_is_said_with_what_to_do(tmp_path: Path, poll_until: PollUntil) -> None:
    path = tmp_path / "itk.db"
    with open_store(path) as store, at_most_pages(30) as most:
        add(store, execution("one"))
        big = AddEvent("one", "step", {"text": "x" * 500_000}, START)
        groups = [
            store.submit([big]),
            store.submit([SetExecution("one", {"status": "failed"}, final=True)]),
        ]
        poll_until(lambda: store.behind().error)
        behind = store.behind()
        assert behind.error == f"database or disk is full ({path}). Make space on that disk."
        assert behind.waiting == 2
        most[0] = 1_000_000
        for done in groups:
            done.result(SOON_S)
        assert store.behind().error is None
    assert integrity(path) == "ok"


def test_closing_with_a_full_disk_says_what_is_lost_and_keeps_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "itk.db"
    store = Store.open(database_url(path))
    with at_most_pages(30):
        add(store, execution("one"))
        lost = store.submit([AddEvent("one", "step", {"text": "x" * 500_000}, START)])
        with pytest.raises(StoreError, match=r"1 changes.*itk\.db: database or disk is full"):
            store.close(timeout=0.2)
    assert isinstance(lost.exception(0), StoreError)
    with open_store(path) as store:
        assert store.execution("one") == execution("one")
        assert store.last_event_id() == 0
