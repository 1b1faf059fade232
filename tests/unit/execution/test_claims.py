"""What an execution keeps for itself."""

from __future__ import annotations

from typing import Any

from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.execution.dispatch.claims import DESKTOP, aliases_of
from ignition_toolkit.execution.dispatch.claims import claims_of as claims_on
from ignition_toolkit.execution.needs import needs_of
from ignition_toolkit.execution.views import Claim
from ignition_toolkit.playbook.gateways import GatewayEntry, Gateways
from ignition_toolkit.playbook.models import Concurrency, Parameter, Playbook, Program, Step

PLANT = GatewayEntry(name="plant", urls=("http://a:8088", "https://a:8043"))


def step(kind: str, **parameters: Any) -> Step:
    return Step(id=kind.replace(".", "_"), name=kind, type=kind, parameters=parameters)


def playbook(*steps: Step, path: str = "main.yaml", **values: Any) -> Playbook:
    return Playbook(name=path, path=path, steps=steps, **values)


def gateway(url: str) -> Claim:
    return Claim("gateway", url)


def claims_of(
    program: Program, arguments: dict[str, Any], known: Gateways | None = None
) -> frozenset[Claim]:
    needs = needs_of(program, arguments, known or Gateways())
    return claims_on(program, needs.gateways.values())


def test_the_gateway_is_that_of_the_arguments() -> None:
    program = Program(main=playbook(step("utility.log", message="x")))
    assert claims_of(program, {"gateway_url": "http://A:8088/"}) == {gateway("http://a:8088")}


def test_a_registered_gateway_is_claimed_by_its_addresses_too() -> None:
    plain = GatewayEntry(urls=("http://B:8088/",))
    assert aliases_of([PLANT, plain]) == {
        gateway("plant"): {gateway("http://a:8088"), gateway("https://a:8043")},
        gateway("http://b:8088"): {gateway("http://b:8088")},
    }


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


def test_a_registered_gateway_is_claimed_by_its_name_whatever_names_it() -> None:
    known = Gateways(entries=(PLANT,))
    program = Program(main=playbook(step("utility.log", message="x")))
    for named in (
        {"gateway": "plant"},
        {"gateway_url": "A:8088"},
        {"gateway_url": "https://a:8043"},
    ):
        assert claims_of(program, named, known) == {gateway("plant")}


def test_the_default_gateway_is_claimed_where_a_step_works_on_one_and_nobody_names_it() -> None:
    known = Gateways(default=GatewayEntry(urls=("http://default:8088",)))
    works = Program(main=playbook(step("gateway.ping")))
    assert claims_of(works, {}, known) == {gateway("http://default:8088")}
    assert claims_of(Program(main=playbook(step("utility.log"))), {}, known) == frozenset()


def test_a_nested_playbook_that_names_none_claims_that_of_the_one_around_it() -> None:
    known = Gateways(default=GatewayEntry(urls=("http://default:8088",)), entries=(PLANT,))
    inner = playbook(step("gateway.ping"), path="inner.yaml")
    main = playbook(step("playbook.run", playbook="inner.yaml"))
    program = Program(main=main, nested={"inner.yaml": inner})
    assert claims_of(program, {"gateway": "plant"}, known) == {gateway("plant")}
