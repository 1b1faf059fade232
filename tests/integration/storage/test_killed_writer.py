"""A process that writes is killed with SIGKILL."""

from pathlib import Path

import pytest

from ignition_toolkit.storage import database_url
from tests.integration.storage.databases import Database, SqliteFile
from tests.integration.storage.processes import running
from tests.integration.storage.test_full_disk import integrity
from tests.polling import PollUntil
from tests.unit.storage.samples import opened

ENDLESS = "tests.integration.storage.endless_writer"
TIMES = 3
ENOUGH_EVENTS = 300


def kill_in_the_middle(url: str, execution_id: str) -> dict[int, int]:
    """Kill a process while it writes; return the events that it said were stored."""
    with running("-m", ENDLESS, url, execution_id) as it:
        assert it.stdout is not None
        lines = [it.stdout.readline() for _ in range(ENOUGH_EVENTS)]
        assert it.poll() is None
        it.kill()
        lines += it.stdout.readlines()
        assert it.wait(timeout=10) == -9
    whole = [line.split() for line in lines if line.endswith("\n")]
    return {int(number): int(n) for number, n in whole}


def test_after_a_kill_every_event_that_was_seen_is_there_and_no_group_is_torn(
    database: Database,
) -> None:
    last = 0
    for time in range(TIMES):
        name = f"run-{time}"
        seen = kill_in_the_middle(database.url, name)
        assert len(seen) >= ENOUGH_EVENTS
        assert min(seen) == last + 1
        with opened(database.url) as store:
            stored = {row.id: row.data["n"] for row in store.events(after=last, limit=10**6)}
            (step,) = store.step_runs(name)
            last = store.last_event_id()
        assert seen.items() <= stored.items()
        assert list(stored.values()) == list(range(len(stored)))
        assert step.attempts == stored[last], "an event and its state were not one transaction"
        assert not isinstance(database, SqliteFile) or integrity(database.path) == "ok"


@pytest.mark.parametrize("moment", ["itk.db", "itk.db-wal"])
def test_a_kill_while_the_database_is_made_leaves_one_that_opens(
    tmp_path: Path, moment: str, poll_until: PollUntil
) -> None:
    path = tmp_path / "itk.db"
    with running("-m", ENDLESS, database_url(path), "one") as process:
        poll_until((tmp_path / moment).exists, deadline_s=30)
        process.kill()
    with opened(database_url(path)) as store:
        assert store.executions()[1] in (0, 1)
