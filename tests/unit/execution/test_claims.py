"""What an execution keeps for itself."""

from __future__ import annotations

from typing import Any

import pytest

from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.execution.dispatch.claims import DESKTOP, claims_of, normalised_gateway
from ignition_toolkit.execution.views import Claim
from ignition_toolkit.playbook.models import Concurrency, Parameter, Playbook, Program, Step


def step(kind: str, **parameters: Any) -> Step:
    return Step(id=kind.replace(".", "_"), name=kind, type=kind, parameters=parameters)


def playbook(*steps: Step, path: str = "main.yaml", **values: Any) -> Playbook:
    return Playbook(name=path, path=path, steps=steps, **values)


def gateway(url: str) -> Claim:
    return Claim("gateway", url)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8088",
        "http://localhost:8088/",
        "HTTP://LocalHost:8088",
        "http://127.0.0.1:8088",
        "http://[::1]:8088/",
        "localhost:8088",
        "//localhost:8088",
        "localhost:8088/page//with?two=//slashes",
        " http://localhost:8088 ",
        "http://localhost:8088/some/page?x=1",
    ],
)
def test_spellings_of_one_gateway_are_one(url: str) -> None:
    assert normalised_gateway(url) == "http://localhost:8088"


@pytest.mark.parametrize(
    ("url", "other"),
    [
        ("http://a:8088", "http://b:8088"),
        ("http://a:8088", "http://a:8089"),
        ("http://a:8088", "https://a:8088"),
    ],
)
def test_different_gateways_stay_different(url: str, other: str) -> None:
    assert normalised_gateway(url) != normalised_gateway(other)


@pytest.mark.parametrize("text", ["", "http://", "http://a:notaport", "http://[::1", "%%"])
def test_a_text_that_is_no_address_stands_for_itself(text: str) -> None:
    assert normalised_gateway(text) == normalised_gateway(text.upper())


def test_a_login_in_an_address_is_not_part_of_the_name() -> None:
    assert normalised_gateway("http://admin:hunter22@plant:8088") == "http://plant:8088"


def test_a_default_port_is_the_same_as_none() -> None:
    assert normalised_gateway("https://plant/") == normalised_gateway("https://plant:443")


def test_the_gateway_is_that_of_the_arguments() -> None:
    program = Program(main=playbook(step("utility.log", message="x")))
    assert claims_of(program, {"gateway_url": "http://A:8088/"}) == {gateway("http://a:8088")}


def test_no_gateway_is_no_claim() -> None:
    program = Program(main=playbook(step("utility.log", message="x")))
    assert claims_of(program, {}) == frozenset()


def test_shared_waives_the_gateway_and_not_the_desktop() -> None:
    main = playbook(step("designer.close"), concurrency=Concurrency.SHARED)
    claims = claims_of(Program(main=main), {"gateway_url": "http://a:8088"})
    assert claims == {DESKTOP}


def nested_program(**given: Any) -> Program:
    inner = playbook(
        step("utility.log", message="x"),
        path="inner.yaml",
        parameters=(Parameter(name="gateway_url", default="http://inner:8088", required=False),),
    )
    main = playbook(step("playbook.run", playbook="inner.yaml", **given))
    return Program(main=main, nested={"inner.yaml": inner})


def test_a_nested_playbook_claims_its_default_at_the_start() -> None:
    assert claims_of(nested_program(), {}) == {gateway("http://inner:8088")}


def test_a_nested_playbook_claims_what_it_is_given() -> None:
    program = nested_program(gateway_url="{{ parameter.other }}")
    claims = claims_of(program, {"gateway_url": "http://a:1", "other": "http://b:2"})
    assert claims == {gateway("http://a:1"), gateway("http://b:2")}


def test_a_gateway_that_only_the_run_will_tell_is_not_claimed() -> None:
    assert claims_of(nested_program(gateway_url="{{ variable.later }}"), {}) == frozenset()


def test_a_designer_step_of_a_nested_playbook_claims_the_desktop() -> None:
    inner = playbook(step("designer.close"), path="inner.yaml")
    main = playbook(step("playbook.run", playbook="inner.yaml"))
    program = Program(main=main, nested={"inner.yaml": inner})
    assert claims_of(program, {}) == {DESKTOP}


def test_a_secret_never_names_a_gateway() -> None:
    program = nested_program(gateway_url="http://{{ parameter.host }}:8088")
    assert claims_of(program, {"host": Secret("plant-7")}) == frozenset()


def test_a_gateway_of_an_on_cancel_step_is_claimed_too() -> None:
    inner = playbook(
        step("utility.log", message="x"),
        path="inner.yaml",
        parameters=(Parameter(name="gateway_url", default="http://late:8088", required=False),),
    )
    last = step("playbook.run", playbook="inner.yaml")
    main = playbook(step("utility.log", message="x"), on_cancel=(last,))
    program = Program(main=main, nested={"inner.yaml": inner})
    assert claims_of(program, {}) == {gateway("http://late:8088")}
