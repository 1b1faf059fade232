"""Lines of a log: the newest, the next, by level, and by what is in them."""

from collections.abc import Sequence

import pytest

from ignition_toolkit.storage import AddEvent, EventRow, LogFilter, LostLines, Store
from ignition_toolkit.storage.log_lines import LEVELS
from tests.unit.storage.samples import SOON_S, START, add, event, execution

SAID = [
    ("debug", "one", "Begins"),
    ("info", "one", 'says "hello", 100 % of it'),
    ("warning", None, "Mind the GAP_"),
    ("error", "two/inner", "broke\nin two lines"),
    ("info", "two/inner", "ÜBER \U0001f600 \ud800"),
]


def line(number: int, level: str, step_id: str | None, message: str) -> AddEvent:
    data = {
        "execution_id": "a",
        "step_id": step_id,
        "level": level,
        "message": message,
        "stream": None,
        "at": START.isoformat(),
    }
    return AddEvent("a", "log", data, START)


@pytest.fixture
def log(store: Store) -> Store:
    add(store, execution("a"), execution("b"))
    lines = [line(number, *said) for number, said in enumerate(SAID)]
    others = [event("a"), AddEvent("b", "log", lines[0].data, START), event("a", kind="progress")]
    store.submit([*others, *lines, *others]).result(SOON_S)
    return store


def numbers(rows: Sequence[EventRow]) -> list[int]:
    """Return which lines of SAID these are."""
    messages = [said[2].replace("\ud800", "\\ud800") for said in SAID]
    return [messages.index(row.data["message"]) for row in rows]


def test_the_newest_lines_come_in_order_up_to_one(log: Store) -> None:
    everything = log.newest_lines("a", LogFilter(), limit=10)
    assert numbers(everything) == [0, 1, 2, 3, 4]
    assert numbers(log.newest_lines("a", LogFilter(), limit=2)) == [3, 4]
    before = log.newest_lines("a", LogFilter(), limit=2, before=everything[3].id)
    assert numbers(before) == [1, 2]
    assert log.newest_lines("nobody", LogFilter(), limit=10) == []


def test_the_next_lines_follow_one(log: Store) -> None:
    first = log.next_lines("a", LogFilter(), limit=1, after=0)
    assert numbers(first) == [0]
    assert numbers(log.next_lines("a", LogFilter(), limit=2, after=first[0].id)) == [1, 2]
    assert log.next_lines("a", LogFilter(), limit=2, after=10**30) == []


@pytest.mark.parametrize(
    ("level", "expected"),
    [("debug", [0, 1, 2, 3, 4]), ("info", [1, 2, 3, 4]), ("warning", [2, 3]), ("error", [3])],
)
def test_a_level_takes_graver_ones_too(log: Store, level: str, expected: list[int]) -> None:
    assert numbers(log.newest_lines("a", LogFilter(level), limit=10)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gap_", [2]),
        ("HELLO", [1]),
        ('"hello"', [1]),
        ("100 %", [1]),
        ("%", [1]),
        ("_", [2]),
        ("two/INNER", [3, 4]),
        ("broke\nin", [3]),
        ("ÜBER", [4]),
        ("\U0001f600", [4]),
        ("\ud800", [4]),
        # Only ASCII letters have a case here.
        ("über", []),
        # What stands around the words in the database is no part of the line.
        ("level", []),
        ("warning", []),
        ("\\", [4]),
        ("nothing of it", []),
    ],
)
def test_text_is_found_in_messages_and_steps_as_it_is(
    log: Store, text: str, expected: list[int]
) -> None:
    assert numbers(log.newest_lines("a", LogFilter(text=text), limit=10)) == expected
    assert numbers(log.next_lines("a", LogFilter(text=text), limit=10, after=0)) == expected


def test_what_few_lines_fit_is_found_behind_many_that_do_not(
    log: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ignition_toolkit.storage.log_lines._CHUNK", 1)
    assert numbers(log.newest_lines("a", LogFilter(text="begins"), limit=1)) == [0]
    assert numbers(log.next_lines("a", LogFilter("error"), limit=1, after=0)) == [3]


def test_what_is_missing_is_what_the_notes_say_and_no_text_is_taken_for_one(log: Store) -> None:
    assert log.lost_lines("a") == LostLines()
    said = line(9, "info", None, '"dropped":5')
    note = line(9, "warning", "one", "some are missing")
    notes = [
        AddEvent(execution_id, "log", {**note.data, "dropped": count}, START)
        for execution_id, count in (("a", 3), ("b", 100), ("a", 40))
    ]
    log.submit([said, *notes, said]).result(SOON_S)
    last_note = log.newest_lines("a", LogFilter(text="missing"), limit=1)[0].id
    assert log.lost_lines("a") == LostLines(43, last_note)


def test_the_levels_are_those_of_the_events() -> None:
    from ignition_toolkit.execution.views import LogEvent

    assert LogEvent.model_fields["level"].annotation.__args__ == LEVELS  # type: ignore[union-attr]
