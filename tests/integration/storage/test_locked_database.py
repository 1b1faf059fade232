"""Another program holds the database."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ignition_toolkit.errors import StoreError
from ignition_toolkit.storage import EventRow, SetExecution, Store, database_url
from tests.integration.storage.databases import Database
from tests.integration.storage.processes import held_by_another_process
from tests.polling import PollUntil
from tests.unit.storage.samples import SOON_S, add, event, execution, open_store, opened


def test_while_another_program_holds_the_database_changes_wait_and_are_stored_later(
    database: Database, poll_until: PollUntil
) -> None:
    seen: list[EventRow] = []
    with opened(database.url, seen.extend) as store:
        add(store, execution("one"))
        before = datetime.now(UTC)
        with database.locked():
            began = time.monotonic()
            final = SetExecution("one", {"status": "cancelled"}, final=True)
            groups = [store.submit([final, event("one", n)]) for n in range(1000)]
            assert time.monotonic() - began < 1.0, "submit waited for the lock"
            poll_until(lambda: store.behind().error)
            behind = store.behind()
            assert behind.waiting == 2000
            assert behind.since is not None
            assert before <= behind.since <= datetime.now(UTC)
            assert behind.error is not None
            assert behind.error.startswith(f"{database.locked_words} ({database.name}).")
            assert not any(done.done() for done in groups)
            assert seen == []
            found = store.execution("one")
            assert found is not None
            assert found.status == "pending"
        assert store.flush(SOON_S)
        assert all(done.exception(0) is None for done in groups)
        assert [row.data["n"] for row in seen] == list(range(1000))
        assert seen == store.events(after=0, limit=2000)
        assert store.behind().waiting == 0
        assert store.behind().error is None


def test_a_database_that_is_held_cannot_be_made_and_the_message_says_why(tmp_path: Path) -> None:
    path = tmp_path / "itk.db"
    path.touch()
    with (
        held_by_another_process(path),
        pytest.raises(StoreError, match=r"database is locked\. Another process holds"),
    ):
        Store.open(database_url(path))
    with open_store(path) as store:
        add(store, execution("one"))
