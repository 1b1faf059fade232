"""What an execution needs of what is stored, read from its playbooks before it runs."""

from __future__ import annotations

from typing import Any

import pytest

from ignition_toolkit.credentials import Secret
from ignition_toolkit.errors import NamesUnknown, ParametersInvalid
from ignition_toolkit.execution.needs import needs_of
from ignition_toolkit.playbook.gateways import GatewayEntry, Gateways
from ignition_toolkit.playbook.models import Parameter, ParameterType, Playbook, Program, Step

CREDENTIAL = ParameterType.CREDENTIAL
PLANT = GatewayEntry(name="plant", urls=("http://plant:8088",), credential="plant-key")
KNOWN = Gateways(entries=(PLANT,))


def step(kind: str = "utility.log", **parameters: Any) -> Step:
    return Step(id="s", name="s", type=kind, parameters=parameters)


def playbook(*steps: Step, path: str = "main.yaml", **values: Any) -> Playbook:
    return Playbook(name=path, path=path, steps=steps, **values)


def program(*steps: Step, nested: tuple[Playbook, ...] = (), **values: Any) -> Program:
    return Program(main=playbook(*steps, **values), nested={p.path: p for p in nested})


def credentials(program: Program, **arguments: Any) -> dict[str, str]:
    found = needs_of(program, arguments, KNOWN).credentials
    return {name: place.title for name, place in found.items()}


def test_a_reference_at_any_depth_names_one_with_its_place() -> None:
    found = credentials(program(step(p={"a": ["x {{ credential.deep.password }}"]})))
    assert found == {"deep": "step s of main.yaml"}


def test_a_step_of_on_cancel_and_a_nested_playbook_name_theirs() -> None:
    inner = playbook(step(m="{{ credential.inner }}"), path="inner.yaml")
    late = step(m="{{ credential.late.username }}")
    given = program(step("playbook.run", playbook="inner.yaml"), nested=(inner,), on_cancel=(late,))
    assert credentials(given) == {
        "inner": "step s of inner.yaml",
        "late": "step s of main.yaml",
    }


def test_a_parameter_of_type_credential_names_one_and_an_inline_one_needs_none() -> None:
    given = program(step(), parameters=(Parameter(name="login", type=CREDENTIAL),))
    assert credentials(given, login="plant") == {"plant": "parameter login of main.yaml"}
    inline = {"username": "u", "password": Secret("p4ssword")}
    assert credentials(given, login=inline) == {}
    assert credentials(given, login=None) == {}


def test_a_field_of_a_text_parameter_names_one() -> None:
    given = program(step(m="{{ parameter.who.password }}"))
    assert list(credentials(given, who="plant")) == ["plant"]
    assert credentials(given, who={"password": Secret("p4ssword")}) == {}


@pytest.mark.parametrize("parameter", ["credential", "gateway_credential"])
def test_a_parameter_of_a_step_that_holds_a_name_names_one(parameter: str) -> None:
    assert list(credentials(program(step("gateway.login", **{parameter: "plain"})))) == ["plain"]
    referred = program(step("gateway.login", **{parameter: "{{ parameter.who }}"}))
    assert list(credentials(referred, who="by-parameter")) == ["by-parameter"]
    later = program(step("gateway.login", **{parameter: "{{ variable.v }}"}))
    assert credentials(later) == {}


def test_a_nested_playbook_gets_the_name_that_it_is_given() -> None:
    inner = playbook(
        step(), path="inner.yaml", parameters=(Parameter(name="login", type=CREDENTIAL),)
    )
    run = step("playbook.run", playbook="inner.yaml", login="{{ parameter.who }}")
    assert credentials(program(run, nested=(inner,)), who="given") == {
        "given": "parameter login of inner.yaml"
    }


def test_the_credential_of_a_gateway_is_needed_where_a_playbook_works_on_it() -> None:
    given = program(step("gateway.ping"))
    assert credentials(given, gateway="plant") == {"plant-key": "gateway plant"}
    assert credentials(given, gateway_url="http://plant:8088/") == {"plant-key": "gateway plant"}
    assert credentials(given) == {}


def test_a_gateway_that_is_not_registered_is_named_with_its_parameter() -> None:
    with pytest.raises(NamesUnknown, match="no gateway is registered as 'plnt'") as caught:
        needs_of(program(step()), {"gateway": "plnt"}, KNOWN)
    assert list(caught.value.parameters) == ["gateway"]
    assert caught.value.fields["gateways"] == ["plnt"]


def test_a_gateway_of_a_nested_playbook_that_is_not_registered_is_named_with_its_path() -> None:
    inner = playbook(step(), path="inner.yaml", parameters=(Parameter(name="gateway"),))
    run = step("playbook.run", playbook="inner.yaml", gateway="plnt")
    with pytest.raises(NamesUnknown, match=r"playbook inner\.yaml, parameter gateway") as caught:
        needs_of(program(run, nested=(inner,)), {}, KNOWN)
    assert caught.value.parameters == {}


@pytest.mark.parametrize("name", ["gateway", "gateway_url"])
@pytest.mark.parametrize("scheme", ["http://", ""])
def test_an_address_with_a_login_is_refused_before_it_is_stored(name: str, scheme: str) -> None:
    given = {name: f"{scheme}admin:hunter22@plant:8088"}
    with pytest.raises(ParametersInvalid, match="without a login") as caught:
        needs_of(program(step("gateway.ping")), given, KNOWN)
    assert list(caught.value.parameters) == [name]
    assert "hunter22" not in caught.value.message
    inner = playbook(step("gateway.ping"), path="inner.yaml")
    run = step("playbook.run", playbook="inner.yaml", **given)
    with pytest.raises(ParametersInvalid, match=rf"inner\.yaml, parameter {name}:") as caught:
        needs_of(program(run, nested=(inner,)), {}, KNOWN)
    assert "hunter22" not in caught.value.message
