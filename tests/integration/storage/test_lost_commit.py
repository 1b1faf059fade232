"""The answer to a commit is lost: was it done, or not?"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Any: a driver's connection.
from typing import Any

import pytest
from sqlalchemy.engine.default import DefaultDialect

from ignition_toolkit.storage import AddAudit, AddExecution, EventRow, Store
from tests.integration.storage.databases import Database
from tests.unit.storage.samples import SOON_S, START, event, execution, opened


@contextmanager
def answers_lost(times: int, *, done: bool) -> Iterator[list[bool]]:
    """Have the answers to the next commits lost, which were done or not; gives what happened."""
    original: Callable[..., None] = DefaultDialect.do_commit
    lost: list[bool] = []

    def do_commit(self: DefaultDialect, connection: Any) -> None:
        if len(lost) == times:
            original(self, connection)
            return
        lost.append(done)
        connection.commit() if done else connection.rollback()
        if self.name == "postgresql":
            connection.dbapi_connection.close()
        raise self.loaded_dbapi.OperationalError("the server went away")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DefaultDialect, "do_commit", do_commit)
        yield lost


@pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])
@pytest.mark.parametrize("groups", [1, 30])
def test_what_a_lost_commit_held_is_stored_and_seen_once(
    database: Database, done: bool, groups: int
) -> None:
    seen: list[EventRow] = []
    with opened(database.url, seen.extend) as store:
        with database.locked():
            # They wait together, so that more than one transaction holds many of them.
            submitted = [start(store, n) for n in range(groups)]
        with answers_lost(1, done=done) as lost:
            submitted += [start(store, n) for n in range(groups, 2 * groups)]
            for group in submitted:
                group.result(SOON_S)
        assert lost == [done]
        assert store.behind().error is None
        numbers = list(range(2 * groups))
        assert [row.data["n"] for row in seen] == numbers
        assert seen == store.events(after=0)
        assert store.executions()[1] == 2 * groups
        assert [row.action for row in store.audit(limit=100)] == [f"{n}" for n in numbers[::-1]]


def start(store: Store, n: int) -> Any:
    """Submit a group that would be refused, or seen twice, if it were written again."""
    name = f"run-{n}"
    note = AddAudit("anna", "api", f"{n}", START, name)
    return store.submit([AddExecution(execution(name)), note, event(name, n)])


def test_commits_that_fail_again_and_again_are_stored_once_in_the_end(database: Database) -> None:
    with opened(database.url) as store, answers_lost(4, done=False) as lost:
        for n in range(3):
            start(store, n)
        assert store.flush(SOON_S)
        assert lost == [False] * 4
        assert [row.data["n"] for row in store.events(after=0)] == [0, 1, 2]
