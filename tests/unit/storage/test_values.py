"""What callers hand over, and what of it is stored."""

import json
import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ignition_toolkit.storage.tables import events, executions, utc_text
from ignition_toolkit.storage.values import clean_text, encode_json, stored

any_text = st.text(st.characters(exclude_categories=[]))
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | any_text | st.floats(),
    lambda inner: st.lists(inner) | st.dictionaries(any_text, inner),
    max_leaves=20,
)
a_time = st.datetimes(
    min_value=datetime(1, 1, 3),  # noqa: DTZ001 - hypothesis adds the timezone
    max_value=datetime(9999, 12, 29),  # noqa: DTZ001 - as above
    timezones=st.integers(-840, 840).map(lambda m: timezone(timedelta(minutes=m))),
)


@given(st.text())
def test_text_without_lone_surrogates_and_nuls_is_stored_as_it_is(text: str) -> None:
    assert clean_text(text) == text.replace("\0", "\\u0000")
    assert json.loads(encode_json(text)) == text


@given(any_text)
def test_any_text_becomes_text_that_utf8_can_carry(text: str) -> None:
    clean_text(text).encode("utf-8")
    assert "\0" not in clean_text(text) + encode_json(text)
    json.loads(encode_json(text)).encode("utf-8")


def test_a_nul_is_stored_as_its_escape_in_text_and_comes_back_in_json() -> None:
    assert clean_text("a\0b") == "a\\u0000b"
    assert json.loads(encode_json({"\0": ["a\0b"]})) == {"\0": ["a\0b"]}


def test_a_lone_surrogate_is_stored_as_its_escape_in_text_and_in_json() -> None:
    assert clean_text("a\ud800b") == "a\\ud800b"
    assert json.loads(encode_json({"\udfff": ["a\ud800b"]})) == {"\\udfff": ["a\\ud800b"]}


@given(any_json)
def test_any_json_value_becomes_text_that_strict_readers_take(value: object) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    json.loads(encode_json(value), parse_constant=refuse)


def test_floats_that_json_does_not_know_are_stored_by_name() -> None:
    found = json.loads(encode_json({"a": [math.nan, (math.inf, 1.5)], "b": -math.inf}))
    assert found == {"a": ["NaN", ["Infinity", 1.5]], "b": "-Infinity"}


def test_a_value_that_holds_itself_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(RecursionError):
        encode_json(endless)


@given(a_time, a_time)
def test_times_as_text_sort_as_the_times_do(one: datetime, other: datetime) -> None:
    assert (utc_text(one) < utc_text(other)) == (one < other)
    assert datetime.fromisoformat(utc_text(one)) == one


def test_time_is_rfc_3339_in_utc_with_microseconds() -> None:
    east = timezone(timedelta(hours=2))
    assert utc_text(datetime(2026, 1, 2, 3, 4, 5, tzinfo=east)) == "2026-01-02T01:04:05.000000Z"
    made = stored(events, {"at": datetime(2026, 1, 2, 3, tzinfo=east)})
    assert made["at"].tzinfo is UTC


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"status": 3}, "executions.status: expected a str, got int"),
        ({"total_steps": "3"}, "executions.total_steps: expected an int, got str"),
        ({"created_at": "now"}, "executions.created_at: expected a datetime, got str"),
        ({"parameters": {"a": object()}}, "executions.parameters: Object of type object"),
        ({"colour": "red"}, "executions has no column 'colour'"),
    ],
)
def test_a_value_of_another_type_is_refused_and_named(
    values: dict[str, object], complaint: str
) -> None:
    with pytest.raises(TypeError, match=complaint):
        stored(executions, values)


def test_a_time_without_timezone_is_refused() -> None:
    naive = datetime(2026, 1, 2)  # noqa: DTZ001 - the mistake that is tested
    with pytest.raises(ValueError, match=r"events\.at: expected a datetime with a timezone"):
        stored(events, {"at": naive})


def test_none_clears_a_column_of_any_type() -> None:
    values = dict.fromkeys(["error", "cancellation", "started_at", "owner"])
    assert stored(executions, values) == values
