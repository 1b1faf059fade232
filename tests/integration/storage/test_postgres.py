"""What holds for a PostgreSQL server only: it restarts, refuses, and has sessions to leave."""

import secrets
import signal
import sys
import threading

import pytest

from ignition_toolkit.errors import StoreError
from ignition_toolkit.storage import EventRow, SetExecution, Store
from tests.integration.storage.cluster import running_cluster
from tests.integration.storage.databases import PostgresDatabase
from tests.polling import PollUntil
from tests.unit.storage.samples import SOON_S, add, event, execution, opened

SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ignition-toolkit'"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
def test_a_server_that_restarts_in_the_middle_has_everything_once_and_in_order(
    how: signal.Signals, poll_until: PollUntil
) -> None:
    seen: list[EventRow] = []
    with running_cluster() as cluster, opened(cluster.url("postgres"), seen.extend) as store:
        add(store, execution("one"))
        groups = [store.submit([event("one", n)]) for n in range(500)]
        poll_until(lambda: len(seen) > 100, SOON_S)
        cluster.stop(how)
        before = len(seen)
        groups += [store.submit([event("one", n)]) for n in range(500, 600)]
        groups.append(store.submit([SetExecution("one", {"status": "cancelled"}, final=True)]))
        poll_until(lambda: store.behind().error, SOON_S)
        assert "Check that the server runs" in (store.behind().error or "")
        with pytest.raises(StoreError, match="cannot be read"):
            store.last_event_id()
        cluster.start()
        for group in groups:
            group.result(SOON_S)
        assert before < 600
        assert [row.data["n"] for row in seen] == list(range(600))
        assert [row.id for row in seen] == list(range(1, 601))
        assert seen == store.events(after=0, limit=10_000)
        found = store.execution("one")
        assert found is not None
        assert found.status == "cancelled"
        assert store.behind().error is None


def test_a_session_that_is_ended_from_outside_is_replaced(
    postgres: PostgresDatabase, poll_until: PollUntil
) -> None:
    with opened(postgres.url) as store:
        add(store, execution("one"))
        assert store.execution("one") is not None
        postgres.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'ignition-toolkit'"
        )
        poll_until(lambda: postgres.run(SESSIONS) == [(0,)])
        assert store.execution("one") is not None
        store.submit([event("one", 1)]).result(SOON_S)
        assert [row.data["n"] for row in store.events(after=0)] == [1]


def test_openings_leave_no_session_and_no_thread(
    postgres: PostgresDatabase, poll_until: PollUntil
) -> None:
    before = threading.active_count()
    for _ in range(5):
        with opened(postgres.url) as store:
            store.executions()
    assert threading.active_count() == before
    poll_until(lambda: postgres.run(SESSIONS) == [(0,)])


def test_a_text_too_long_for_an_index_is_refused_alone(postgres: PostgresDatabase) -> None:
    with opened(postgres.url) as store:
        add(store, execution("one"))
        # Random, so that it cannot be pressed into what an index takes.
        long = execution("two", idempotency_key=secrets.token_hex(20_000))
        with pytest.raises(StoreError, match="index row requires"):
            add(store, long)
        store.submit([event("one", 1)]).result(SOON_S)
        assert store.behind().error is None


def test_a_server_that_does_not_answer_is_named_without_the_password() -> None:
    url = "postgresql+psycopg://itk:hunter2@127.0.0.1:1/itk"
    with pytest.raises(StoreError, match=r"refused.*Check that the server runs") as caught:
        Store.open(url)
    assert "itk:***@127.0.0.1:1/itk" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_database_that_is_not_there_is_said(postgres: PostgresDatabase) -> None:
    with pytest.raises(StoreError, match=r'"nowhere" does not exist\. Make that database'):
        Store.open(postgres.cluster.url("nowhere"))


def test_a_user_who_may_not_make_tables_is_told(postgres: PostgresDatabase) -> None:
    postgres.run("DROP ROLE IF EXISTS guest")
    postgres.run("CREATE ROLE guest LOGIN")
    postgres.run("GRANT USAGE ON SCHEMA public TO PUBLIC")
    with pytest.raises(StoreError, match=r"permission denied.*Let this user make tables"):
        Store.open(postgres.url.replace("itk@", "guest@"))


def test_a_missing_driver_is_named(
    postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match="Expected the package psycopg"):
        Store.open(postgres.url)


def test_readers_are_not_held_up_by_one_who_writes_but_by_one_who_changes_the_tables(
    postgres: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(postgres.url) as store:
        add(store, execution("one"))
        with postgres.cluster.connect("itk") as other, other.transaction():
            other.execute("LOCK TABLE executions IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(StoreError, match=r"lock timeout.*Another session holds"):
                store.execution("one")
        assert store.execution("one") is not None
