"""References: what opens one, what it becomes, and what is said when it has no value."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ignition_toolkit.credentials import Secret
from ignition_toolkit.errors import NotFound, ReferenceUnresolved
from ignition_toolkit.playbook.parameters import (
    Malformed,
    Reference,
    has_reference,
    references,
    resolve,
    scan,
)


def vault(name: str) -> Mapping[str, Any]:
    stored = {"gw": {"username": "admin", "password": Secret("hunter2")}}
    return stored[name]


@dataclass
class Scope:
    parameters: dict[str, Any] = field(default_factory=dict)  # Any: JSON values, here and below
    variables: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    credentials: Callable[[str], Mapping[str, Any]] = vault


VALUES = [True, False, None, 0, -3, 2.5, "text", "", [1, [2]], {"a": {"b": None}}]


@pytest.mark.parametrize("value", VALUES)
def test_a_reference_alone_keeps_the_type(value: object) -> None:
    out = resolve("{{ parameter.x }}", Scope(parameters={"x": value}))
    assert out == value
    assert type(out) is type(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "True"),
        (False, "False"),
        (None, ""),
        (8088, "8088"),
        (2.5, "2.5"),
        ("a", "a"),
        ([1, "é", True], '[1, "é", true]'),
        ({"a": None}, '{"a": null}'),
    ],
)
def test_inside_text_it_becomes_text(value: object, text: str) -> None:
    assert resolve("<{{parameter.x}}>", Scope(parameters={"x": value})) == f"<{text}>"


def test_space_around_a_reference_makes_it_text() -> None:
    assert resolve(" {{ parameter.x }}", Scope(parameters={"x": 5})) == " 5"


def test_references_resolve_at_every_depth_and_keys_stay() -> None:
    scope = Scope(parameters={"x": 1}, variables={"y": "b"})
    value = {"{{ parameter.x }}": ["{{ parameter.x }}", {"k": "a{{ variable.y }}"}, 7]}
    assert resolve(value, scope) == {"{{ parameter.x }}": [1, {"k": "ab"}, 7]}


def test_several_references_in_one_text() -> None:
    scope = Scope(parameters={"host": "gw", "port": 8088}, outputs={"s": {"P": "x"}})
    text = "http://{{ parameter.host }}:{{ parameter.port }}/{{ step.s.P }}"
    assert resolve(text, scope) == "http://gw:8088/x"


def test_outputs_are_dug_into() -> None:
    scope = Scope(outputs={"info": {"modules": [{"name": "Vision"}, {"name": "SFC"}]}})
    assert resolve("{{ step.info.modules.1.name }}", scope) == "SFC"
    assert resolve("{{ step.info.modules.0 }}", scope) == {"name": "Vision"}


def test_what_comes_out_is_a_copy() -> None:
    scope = Scope(variables={"x": {"a": [1]}})
    out = resolve("{{ variable.x }}", scope)
    out["a"].append(2)
    assert scope.variables == {"x": {"a": [1]}}


def test_what_comes_out_is_not_looked_at_again() -> None:
    scope = Scope(parameters={"x": "{{ parameter.y }}", "y": "no"}, variables={"v": "{{"})
    assert resolve("{{ parameter.x }}", scope) == "{{ parameter.y }}"
    assert resolve("a {{ parameter.x }}", scope) == "a {{ parameter.y }}"
    assert resolve("{{ variable.v }} parameter.y }}", scope) == "{{ parameter.y }}"


def test_credentials_by_name_and_through_a_parameter() -> None:
    scope = Scope(parameters={"login": "gw", "inline": {"api_token": Secret("tok-123")}})
    assert resolve("{{ credential.gw.username }}", scope) == "admin"
    assert resolve("{{ credential.gw.password }}", scope) == Secret("hunter2")
    assert resolve("{{ credential.gw }}", scope) == vault("gw")
    assert resolve("{{ parameter.login }}", scope) == "gw"
    assert resolve("{{ parameter.login.password }}", scope) == Secret("hunter2")
    assert resolve("{{ parameter.inline.api_token }}", scope) == Secret("tok-123")


def test_a_text_with_a_secret_is_secret_altogether() -> None:
    out = resolve("pw={{ credential.gw.password }};", Scope())
    assert out == Secret("pw=hunter2;")
    whole = resolve("c={{ credential.gw }}", Scope())
    assert whole == Secret('c={"username": "admin", "password": "hunter2"}')


def test_a_variable_does_not_reach_into_the_vault() -> None:
    with pytest.raises(ReferenceUnresolved, match="has no parts"):
        resolve("{{ variable.v.password }}", Scope(variables={"v": "gw"}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "{{ parameter.hots }}",
            (
                "{{ parameter.hots }} has no value: the parameters are host, port;"
                " did you mean 'host'?"
            ),
        ),
        ("{{ variable.x }}", "{{ variable.x }} has no value: the variables are none"),
        (
            "{{ step.zz.k }}",
            "{{ step.zz.k }} has no value: step 'zz' has not ended; steps with outputs: a, b",
        ),
        (
            "{{ step.a.vrsion }}",
            "{{ step.a.vrsion }} has no value: step.a has version; did you mean 'version'?",
        ),
        ("{{ step.b.k }}", "{{ step.b.k }} has no value: step.b has none"),
        (
            "{{ step.a.version.2 }}",
            (
                "{{ step.a.version.2 }} has no value: step.a.version is a list of 2,"
                " whose items are named 0, 1, ..."
            ),
        ),
        (
            "{{ parameter.host.x }}",
            "{{ parameter.host.x }} has no value: parameter.host has no parts, so no 'x'",
        ),
        (
            "{{ credential.nope.password }}",
            "{{ credential.nope.password }} has no value: there is no credential 'nope'",
        ),
        (
            "{{ credential.gw.token }}",
            "{{ credential.gw.token }} has no value: credential.gw has username, password",
        ),
        (
            "{{ parameter.host | upper }}",
            (
                "expected {{ parameter.NAME }} without expressions,"
                " found '{{ parameter.host | upper }}'"
            ),
        ),
    ],
)
def test_a_missing_value_says_what_there_is_instead(text: str, message: str) -> None:
    scope = Scope(
        parameters={"host": "gw.example", "port": 1},
        outputs={"a": {"version": [8, 3]}, "b": {}},
    )
    with pytest.raises(ReferenceUnresolved) as caught:
        resolve({"deep": [text]}, scope)
    assert caught.value.message == message


def test_no_message_shows_a_value() -> None:
    with pytest.raises(ReferenceUnresolved) as caught:
        resolve("{{ credential.gw.token }}", Scope())
    assert "hunter2" not in caught.value.message


def test_a_vault_that_says_why_is_quoted() -> None:
    def closed(name: str) -> Mapping[str, Any]:
        raise NotFound(f"no credential {name!r} was sent to this run")

    with pytest.raises(ReferenceUnresolved, match="no credential 'gw' was sent to this run"):
        resolve("{{ credential.gw.password }}", Scope(credentials=closed))


@pytest.mark.parametrize(
    "text",
    [
        "{{ }}",
        "{{ now }}",
        "{{ user.name }}",
        "{{ parameters.x }}",
        "{{ 'parameter.x' }}",
        "{ parameter.x }",
        "{{{ a: 1 }}}",
        "d = {{1: 2}}",
        "${{ steps.x }}",
        "{{ stepper.x }}",
        "{{ parameter_x.y }}",
        "{{ step_1.x }}",
        "parameter.x }}",
        "style={{color: 'red'}}",
    ],
)
def test_other_braces_stay_text(text: str) -> None:
    assert scan(text) == []
    assert not has_reference([text])
    assert resolve(text, Scope()) == text


@pytest.mark.parametrize(
    "text",
    [
        "{{ parameter }}",
        "{{ parameter. }}",
        "{{ parameter.x",
        "{{ parameter.x }",
        "{{ parameter.x + 1 }}",
        "{{ parameter.x y }}",
        "{{ parameter.a..b }}",
        "{{ step.only_id }}",
        "{{ credential.}}",
        "{{ variable.x | default('}}') }}",
    ],
)
def test_a_reference_that_opens_must_be_one(text: str) -> None:
    (found,) = scan(text)
    assert isinstance(found, Malformed)
    assert "expected {{ " in found.message
    assert has_reference(text)
    with pytest.raises(ReferenceUnresolved, match="without expressions"):
        resolve(text, Scope())


def test_references_lists_them_in_order() -> None:
    found = references({"a": "{{ step.s.k }} {{variable.v}}", "b": ["{{ credential.c.password }}"]})
    assert [(r.word, r.path) for r in found] == [
        ("step", ("s", "k")),
        ("variable", ("v",)),
        ("credential", ("c", "password")),
    ]
    assert found[1] == Reference("variable", ("v",), "{{variable.v}}")


def test_a_long_text_without_an_end_is_scanned_at_once() -> None:
    assert len(scan("{{ parameter." * 20_000)) == 20_000


NAMES = st.from_regex(r"[\w-]{1,20}", fullmatch=True)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(NAMES, JSON, st.text(st.characters(exclude_characters="{}"), max_size=8))
def test_a_reference_round_trips_any_value(name: str, value: object, around: str) -> None:
    scope = Scope(parameters={name: value}, outputs={"s": {name: value}})
    for text in (f"{{{{ parameter.{name} }}}}", f"{{{{step.s.{name}}}}}"):
        assert resolve(text, scope) == value
        inside = resolve(f"{around}!{text}{around}", scope)
        assert isinstance(inside, str)
        assert inside.startswith(around + "!")


@given(JSON)
def test_a_value_without_references_is_unchanged(value: object) -> None:
    if not has_reference(value):
        assert resolve(value, Scope()) == value
