"""Values for a playbook's parameters: what is taken, what is refused, and what is said."""

import json
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from ignition_toolkit.credentials import Secret
from ignition_toolkit.errors import ParametersInvalid
from ignition_toolkit.playbook.arguments import (
    WrongValue,
    check_arguments,
    convert,
    redacted,
    secret_names,
)
from ignition_toolkit.playbook.models import Parameter, ParameterType, Playbook, Step


def playbook(*parameters: Parameter) -> Playbook:
    step = Step(id="s", name="s", type="utility.log")
    return Playbook(name="x", path="x.yaml", parameters=parameters, steps=(step,))


@pytest.mark.parametrize(
    ("kind", "given_value", "value"),
    [
        ("string", "a", "a"),
        ("string", "", ""),
        ("string", "5", "5"),
        ("string", Secret("hunter2"), Secret("hunter2")),
        ("integer", 5, 5),
        ("integer", "5", 5),
        ("integer", " -12 ", -12),
        ("integer", 5.0, 5),
        ("float", 2.5, 2.5),
        ("float", 2, 2),
        ("float", "2.5e3", 2500.0),
        ("float", ".5", 0.5),
        ("boolean", True, True),
        ("boolean", "true", True),
        ("boolean", "False", False),
        ("boolean", "yes", True),
        ("boolean", "off", False),
        ("dict", {"a": 1}, {"a": 1}),
        ("dict", "{a: 1, b: [x]}", {"a": 1, "b": ["x"]}),
        ("dict", '{"a": {"b": null}}', {"a": {"b": None}}),
        ("dict", "a: 1\nb: 2", {"a": 1, "b": 2}),
        ("list", [1, "a"], [1, "a"]),
        ("list", "[1, a]", [1, "a"]),
        ("list", "- 1\n- a", [1, "a"]),
        ("file", "/srv/modules/x.modl", "/srv/modules/x.modl"),
        ("credential", "gw-admin", "gw-admin"),
        ("credential", {"api_token": "tok-1234"}, {"api_token": Secret("tok-1234")}),
        (
            "credential",
            "{username: admin, password: hunter2}",
            {"username": "admin", "password": Secret("hunter2")},
        ),
        (
            "credential",
            {"username": "admin", "password": Secret("hunter2")},
            {"username": "admin", "password": Secret("hunter2")},
        ),
    ],
)
def test_a_value_is_read_as_its_type_wants_it(
    kind: str, given_value: object, value: object
) -> None:
    out = convert(ParameterType(kind), given_value)
    assert out == value
    assert type(out) is type(value)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("string", 5, "expected text, found the number 5"),
        ("string", True, "expected text, found true"),
        ("string", ["a"], "expected text, found a list"),
        ("integer", "abc", "expected a whole number, found the text 'abc'"),
        ("integer", 2.5, "expected a whole number, found the number 2.5"),
        ("integer", True, "expected a whole number, found true"),
        # No part of it: what a cut leaves of a secret is found by no redactor.
        ("integer", "s" * 61, "expected a whole number, found a text of 61 characters"),
        ("integer", "1_000", "expected a whole number, found the text '1_000'"),
        ("integer", float("inf"), "expected a whole number, found the number inf"),
        ("float", "nan", "expected a number, found the text 'nan'"),
        ("float", float("nan"), "expected a number, found the number nan"),
        ("float", 10**400, "expected a number, found a very long number"),
        ("float", "1e999", "expected a number, found the number inf"),
        ("boolean", "maybe", "expected true or false, found the text 'maybe'"),
        ("boolean", 1, "expected true or false, found the number 1"),
        ("dict", "a", "expected a mapping, found the text 'a'"),
        ("dict", "{a: 1", "expected a mapping, found the text '{a: 1'"),
        ("dict", "{a: 1, a: 2}", "expected a mapping, found the text '{a: 1, a: 2}'"),
        ("dict", [], "expected a mapping, found an empty list"),
        ("dict", "[a]", "expected a mapping, found a list"),
        ("list", {"a": 1}, "expected a list, found a mapping"),
        ("list", "{a: 1}", "expected a list, found a mapping"),
        ("list", "5", "expected a list, found the text '5'"),
        ("file", "x.modl", "expected an absolute path of a file, found the text 'x.modl'"),
        ("file", "", "expected an absolute path of a file, found an empty text"),
        ("credential", {"username": "a"}, "expected username and password, or api_token"),
        ("credential", {"password": "hunter2", "user": "a"}, "and no other field"),
        ("credential", {"api_token": 5}, "expected text as api_token"),
        ("credential", {"api_token": "abc"}, "expected at least 4 characters as api_token"),
        ("credential", {"username": "", "password": "hunter2"}, "expected text as username"),
        ("credential", "two words", "expected the name of a credential"),
        ("credential", 5, "expected the name of a credential"),
    ],
)
def test_a_wrong_value_is_refused_with_what_was_expected(
    kind: str, value: object, message: str
) -> None:
    with pytest.raises(WrongValue) as caught:
        convert(ParameterType(kind), value)
    assert message in str(caught.value)


@pytest.mark.parametrize("value", ["my hunter2!", {"hunter2": 1}, "{hunter2}", ["hunter2"]])
def test_what_a_credential_was_given_is_never_shown(value: object) -> None:
    with pytest.raises(WrongValue) as caught:
        convert(ParameterType.CREDENTIAL, value)
    assert "hunter2" not in str(caught.value)


TWO = playbook(
    Parameter(name="host"),
    Parameter(name="seconds", type=ParameterType.FLOAT, required=False, default=2.5),
    Parameter(name="note", required=False),
)


def test_defaults_are_filled_in_and_null_counts_as_not_given() -> None:
    assert check_arguments(TWO, {"host": "gw", "seconds": None}) == {
        "host": "gw",
        "seconds": 2.5,
        "note": None,
    }


def test_a_default_is_copied_for_each_run() -> None:
    book = playbook(Parameter(name="tags", type=ParameterType.LIST, required=False, default=["a"]))
    check_arguments(book, {})["tags"].append("b")
    assert check_arguments(book, {}) == {"tags": ["a"]}


def test_every_wrong_parameter_is_named_in_one_go() -> None:
    with pytest.raises(ParametersInvalid) as caught:
        check_arguments(TWO, {"hots": "gw", "seconds": "long"})
    assert caught.value.parameters == {
        "hots": (
            "the playbook has no such parameter; it has host, seconds, note; did you mean 'host'?"
        ),
        "host": "expected text, found nothing: it is required",
        "seconds": "expected a number, found the text 'long'",
    }
    assert caught.value.message.startswith("3 parameters are wrong: hots: the playbook has")
    assert "\n" not in caught.value.message


def test_a_playbook_without_parameters_takes_none() -> None:
    assert check_arguments(playbook(), {}) == {}
    with pytest.raises(ParametersInvalid, match=r"1 parameter is wrong: x: .* it has none"):
        check_arguments(playbook(), {"x": 1})


LOGIN = playbook(
    Parameter(name="gw", type=ParameterType.CREDENTIAL),
    Parameter(name="other", type=ParameterType.CREDENTIAL, required=False),
    Parameter(name="text", required=False),
)
INLINE = {"username": "admin", "password": "hunter2"}


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({"gw": "admin", "other": "b", "text": "hunter2"}, []),
        ({"gw": INLINE, "other": "b"}, ["gw"]),
        ({"other": json.dumps(INLINE), "gw": "admin"}, ["other"]),
        ({"gw": "a", "text": Secret("hunter2")}, ["text"]),
        ({"gw": check_arguments(LOGIN, {"gw": INLINE})["gw"]}, ["gw"]),
    ],
)
def test_inline_secrets_are_named(
    values: dict[str, Any],  # Any: JSON values
    names: list[str],
) -> None:
    assert secret_names(LOGIN, values) == names


def test_redacted_values_are_json_without_a_secret() -> None:
    checked = check_arguments(LOGIN, {"gw": INLINE, "text": "plain"})
    stored = json.dumps(redacted(checked))
    assert json.loads(stored) == {
        "gw": {"username": "admin", "password": "***"},
        "other": None,
        "text": "plain",
    }


@given(
    st.sampled_from(ParameterType),
    st.text(max_size=30) | st.integers() | st.floats() | st.booleans() | st.lists(st.text()),
)
def test_any_value_converts_or_is_a_wrong_value(kind: ParameterType, value: object) -> None:
    try:
        out = convert(kind, value)
    except WrongValue as error:
        message = str(error)
        event("refused")
    else:
        message = ""
        assert convert(kind, out) == out
    assert "\n" not in message
