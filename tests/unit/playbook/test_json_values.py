"""What steps hand on fits the wire, and comes out of it as it went in."""

import enum
import json
import math
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ignition_toolkit.credentials import Secret
from ignition_toolkit.playbook.events import StepChanged, VariableSet
from ignition_toolkit.playbook.json_values import (
    MAX_DEPTH,
    MAX_SIZE,
    TooLarge,
    from_wire,
    jsonable,
    to_wire,
)
from ignition_toolkit.playbook.models import Step, StepStatus
from ignition_toolkit.protocol import Envelope, encode


class Word(enum.StrEnum):
    YES = "yes"


class Number(enum.IntEnum):
    ONE = 1


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "another"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (0.5, 0.5),
        ("é", "é"),
        ("\udc80", "\\udc80"),
        (Word.YES, "yes"),
        (Number.ONE, 1),
        (Text("own"), "own"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        ({1}, [1]),
        ((1, (2,)), [1, [2]]),
        ({1: {None: 2}}, {"1": {"None": 2}}),
        (PurePosixPath("/a"), "/a"),
        (b"\xff", "b'\\xff'"),
        (10**300, 10**300),
        (2**1024, hex(2**1024)),
        (-(10**5000), hex(-(10**5000))),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_become_what_json_knows(value: object, expected: object) -> None:
    found = jsonable(value)
    assert found == expected
    assert type(found) is type(expected)


def test_what_is_too_deep_becomes_text() -> None:
    deep: list[Any] = []
    for _ in range(MAX_DEPTH + 5):
        deep = [deep]
    text = json.dumps(jsonable(deep))
    assert text.count("[") >= MAX_DEPTH


@pytest.mark.parametrize(
    "value", ["x" * MAX_SIZE, Secret("x" * MAX_SIZE), [None] * (MAX_SIZE // 8)]
)
def test_what_is_too_large_is_refused_with_advice(value: object) -> None:
    with pytest.raises(TooLarge, match="write larger ones to a file"):
        jsonable(value)


def test_what_is_just_not_too_large_is_kept() -> None:
    assert len(jsonable("x" * (MAX_SIZE - 8))) == MAX_SIZE - 8


def test_a_secret_stays_one_and_travels_as_one() -> None:
    value = jsonable({"a": [Secret("hunter2")]})
    assert value == {"a": [Secret("hunter2")]}
    assert to_wire(value) == {"a": [{"$secret": "hunter2"}]}
    assert from_wire(to_wire(value)) == value


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.builds(Secret, st.text()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
def test_every_value_survives_the_wire(value: object) -> None:
    made = jsonable(value)
    body = VariableSet(prefix="", name="v", value=to_wire(made))
    line = encode(Envelope(seq=1, pid=1, t=0.0, body=body))
    assert line.count(b"\n") == 1
    received = Envelope.model_validate_json(line).body
    assert isinstance(received, VariableSet)
    assert from_wire(received.value) == made


def test_infinity_survives_the_wire_where_a_number_is_meant() -> None:
    step = Step(id="a", name="A", type="t", parameters={"seconds": math.inf}, timeout=math.inf)
    back = Step.model_validate_json(step.model_dump_json())
    assert back.timeout == math.inf
    assert float(back.parameters["seconds"]) == math.inf


def test_texts_of_strangers_in_events_can_be_encoded_and_are_bounded() -> None:
    event = StepChanged(
        step_id="a", step_name="A", type="t", status=StepStatus.FAILED, error="\udc80" * 100_000
    )
    assert event.error is not None
    assert event.error.endswith("(cut, it had 100000 characters)")
    encode(Envelope(seq=1, pid=1, t=0.0, body=event))
