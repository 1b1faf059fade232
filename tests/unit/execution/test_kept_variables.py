"""A variable is stored in full or not at all."""

from __future__ import annotations

import pytest

from ignition_toolkit.credentials.redaction import Redactor
from ignition_toolkit.execution import kept_variables as module
from ignition_toolkit.execution.kept_variables import kept_variables

SECRET = "hunter22"
REDACTOR = Redactor([SECRET])


@pytest.mark.parametrize("value", ["text", 0, 1.5, None, False, ["a", {"b": [1]}], {}, "***"])
def test_a_plain_value_is_kept_as_it_is(value: object) -> None:
    assert kept_variables({"v": value}, REDACTOR) == {"values": {"v": value}, "withheld": []}


@pytest.mark.parametrize(
    "value",
    [
        {"$secret": "any-other"},
        {"login": {"$secret": "any-other"}},
        f"Bearer {SECRET}",
        ["a", {"b": SECRET}],
        {SECRET: 1},
    ],
)
def test_a_value_that_holds_a_secret_is_named_and_not_kept(value: object) -> None:
    kept = kept_variables({"v": value, "w": 1}, REDACTOR)
    assert kept == {"values": {"w": 1}, "withheld": ["v"]}


def test_a_secret_in_a_name_is_no_more_kept_than_one_in_a_value() -> None:
    assert kept_variables({SECRET: 1}, REDACTOR) == {"values": {}, "withheld": ["***"]}


def test_what_finds_no_room_is_withheld_and_the_rest_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_KEPT", 100)
    kept = kept_variables({"a": "x" * 60, "b": "y" * 60, "c": 1}, REDACTOR)
    assert (list(kept["values"]), kept["withheld"]) == (["a", "c"], ["b"])


def test_a_value_that_is_larger_than_any_may_be_is_withheld() -> None:
    assert kept_variables({"a": "x" * (1024 * 1024 + 1)}, REDACTOR)["withheld"] == ["a"]
