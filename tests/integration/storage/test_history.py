"""Which runs belong together, which a page shows, and which are old enough to go."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ignition_toolkit.playbook.models import ExecutionStatus
from ignition_toolkit.storage import ExecutionRow, Neighbours, Prune, SetExecution, Store
from tests.unit.storage.samples import SOON_S, START, add, execution

HOUR = timedelta(hours=1)


def ids(rows: list[ExecutionRow]) -> list[str]:
    """Return the rows' ids."""
    return [row.id for row in rows]


def test_linked_attempts_are_found_from_any_of_them_oldest_first(store: Store) -> None:
    rows = [
        execution("c", 3, rerun_of="b", rerun_from_step="restart"),
        execution("a", 1),
        execution("b", 2, rerun_of="a"),
        execution("b2", 4, rerun_of="a"),
        execution("other", 5),
        execution("others", 6, rerun_of="other"),
    ]
    add(store, *rows)
    for name in ("a", "b", "c", "b2"):
        assert ids(store.reruns(name)) == ["a", "b", "c", "b2"]
    assert store.reruns("c")[2] == replace(rows[0], snapshot=None)
    assert ids(store.reruns("other")) == ["other", "others"]
    assert store.reruns("nobody") == []


def test_attempts_whose_first_one_was_pruned_still_belong_together(store: Store) -> None:
    add(store, execution("a", status="failed"), execution("b", 1, rerun_of="a"))
    add(store, execution("c", 2, rerun_of="a"))
    store.submit([Prune(("a",))]).result(SOON_S)
    assert ids(store.reruns("b")) == ids(store.reruns("c")) == ["b", "c"]
    assert store.reruns("a") == []


def test_attempts_that_name_each_other_in_a_circle_are_found_and_end(store: Store) -> None:
    add(store, execution("a", rerun_of="b"), execution("b", 1, rerun_of="a"))
    add(store, execution("self", 2, rerun_of="self"))
    assert ids(store.reruns("a")) == ["a", "b"]
    assert ids(store.reruns("self")) == ["self"]


def test_neighbours_are_the_runs_of_the_same_playbook_around_one(store: Store) -> None:
    add(store, *(execution(name, after_s=1) for name in ("b", "a", "c")))
    add(store, execution("d", 2), execution("x", 1.5, playbook_path="other.yaml"))

    def around(name: str) -> list[str | None]:
        found = store.neighbours(name)
        return [row.id if row else None for row in (found.previous, found.next)]

    assert [around(name) for name in "abcd"] == [
        [None, "b"],
        ["a", "c"],
        ["b", "d"],
        ["c", None],
    ]
    assert around("x") == [None, None]
    assert store.neighbours("nobody") == Neighbours(None, None)
    assert store.neighbours("a").next == replace(execution("b", 1), snapshot=None)


def test_the_newest_run_of_each_playbook_is_found(store: Store) -> None:
    add(store, execution("a1", 1), execution("a3", 3), execution("a2", 2))
    add(store, execution("b", 0, playbook_path="other.yaml"))
    found = {row.playbook_path: row.id for row in store.latest_runs()}
    assert found == {"gateway/restart.yaml": "a3", "other.yaml": "b"}


def test_the_newest_cancels_that_are_over_come_first(store: Store) -> None:
    asked = {"cancel_requested_at": START, "cancellation": {"outcome": "killed"}}
    add(store, execution("one", 1, status="cancelled", **asked))
    add(store, execution("two", 2, status="completed", **asked))
    add(store, execution("going", 3, status="cancelling", **asked), execution("not", 4))
    assert ids(store.recent_cancels(10)) == ["two", "one"]
    assert ids(store.recent_cancels(1)) == ["two"]


def test_a_page_is_what_is_over_or_what_is_not(store: Store) -> None:
    add(store, *(execution(status, status=status) for status in ExecutionStatus))
    final = {status.value for status in ExecutionStatus if status.final}
    over, count = store.executions(over=True)
    assert ({row.id for row in over}, count) == (final, len(final))
    rest, _ = store.executions(over=False)
    assert {row.id for row in rest} == set(ExecutionStatus) - final


def test_a_page_is_chosen_by_playbook_and_time(store: Store) -> None:
    for n in range(6):
        path = "odd.yaml" if n % 2 else "even.yaml"
        status = "failed" if n < 3 else "completed"
        add(store, execution(str(n), n, playbook_path=path, status=status))

    def page(**filters: object) -> tuple[list[str], int]:
        rows, total = store.executions(limit=2, **filters)  # type: ignore[arg-type]
        return ids(rows), total

    assert page(playbook_path="odd.yaml") == (["5", "3"], 3)
    assert page(since=START + timedelta(seconds=4)) == (["5", "4"], 2)
    assert page(until=START + timedelta(seconds=1)) == (["0"], 1)
    assert page(since=START, until=START + timedelta(seconds=3)) == (["2", "1"], 3)
    assert page(status="failed", playbook_path="even.yaml") == (["2", "0"], 2)
    assert page(playbook_path="odd.yaml", offset=2) == (["1"], 3)
    assert page(playbook_path="\0") == ([], 0)
    with pytest.raises(ValueError, match="with a timezone"):
        page(since=datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake that is tested


def ended(execution_id: str, status: str, after: timedelta) -> ExecutionRow:
    """Return an execution that ran for an hour and ended so long after START."""
    end = START + after
    return execution(execution_id, (after - HOUR).total_seconds(), status=status, completed_at=end)


@pytest.mark.parametrize("status", [status for status in ExecutionStatus if status.final])
def test_an_execution_is_prunable_when_it_ended_before_the_time_for_its_outcome(
    store: Store, status: ExecutionStatus
) -> None:
    add(store, *(ended(f"{hours}h", status, hours * HOUR) for hours in (4, 2, 1, 3)))
    before, failures_before = START + 3 * HOUR, START + 2 * HOUR
    expected = ["1h", "2h"] if status is ExecutionStatus.COMPLETED else ["1h"]
    assert store.prunable(before, failures_before) == expected
    assert store.prunable(before, failures_before, limit=1) == ["1h"]
    assert store.prunable(before, failures_before, limit=0) == []


def test_one_that_runs_is_never_prunable_and_one_that_ran_long_by_its_end(store: Store) -> None:
    going = [status for status in ExecutionStatus if not status.final]
    add(store, *(execution(status, status=status) for status in going))
    add(store, execution("long", status="completed", completed_at=START + 9 * HOUR))
    add(store, execution("without-end", 1, status="failed"))
    assert store.prunable(START + 9 * HOUR, START + 9 * HOUR) == ["without-end"]
    assert store.prunable(START + 10 * HOUR, START) == ["long"]


def test_what_is_over_and_holds_something_blocks_and_is_not_prunable(store: Store) -> None:
    held = {"claims": [{"kind": "gateway", "name": "http://plant:8088"}], "leftovers": []}
    add(store, execution("runs", status="running", holds=held))
    add(store, execution("late", 2, status="interrupted", completed_at=START, holds=held))
    add(store, execution("early", 1, status="failed", completed_at=START, holds=held))
    add(store, execution("free", status="failed", completed_at=START))
    assert [(row.id, row.holds) for row in store.blocking()] == [("early", held), ("late", held)]
    assert store.prunable(START + HOUR, START + HOUR) == ["free"]
    store.submit([SetExecution("early", {"holds": None})]).result(SOON_S)
    assert [row.id for row in store.blocking()] == ["late"]
    assert store.prunable(START + HOUR, START + HOUR) == ["free", "early"]
