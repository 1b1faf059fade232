"""The shipped kinds, and those of the example package, keep the step contract."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ignition_toolkit.drill.asking import Probe
from ignition_toolkit.playbook.models import Playbook, Step
from ignition_toolkit.runner.kinds import handlers_of
from ignition_toolkit.simulator import Settings, SimulatedGateway, make_module
from ignition_toolkit.simulator.gateway import DEFAULT_TOKEN
from ignition_toolkit.testing import Report, Surroundings, at_gateway, check_step_contract
from tests.integration.gateway_steps.given import ASKING, KINDS, WAYS, keep_waiting, parameters_of
from tests.leaks import Footprint

PLAIN = {
    name: handler
    for module in ("utility", "python", "playbook")
    for name, handler in handlers_of(f"ignition_toolkit.steps.{module}").items()
}
#: Those of them that a cancel finds waiting.
WAITING = {"utility.sleep", "utility.python", "playbook.run"}
WAITS = Playbook(
    name="Waits",
    path="tests/smoke.yaml",
    steps=(Step(id="wait", name="Wait", type="utility.sleep", parameters={"seconds": 60}),),
)
ACME = handlers_of("acme_steps.steps")

CASES = [(kind, way) for kind in ASKING for way in WAYS]
#: Of the gateway's kinds a few in the gate, each with another way; all in stress.
IN_THE_GATE = [(kind, WAYS[number % len(WAYS)]) for number, kind in enumerate(ASKING[::4])]


@pytest.fixture
def leaves_nothing() -> None:
    """The gateway's threads begin when they are first needed: looked for at the file's end."""


@pytest.fixture(scope="module", autouse=True)
def file_leaves_nothing(step_probe: Probe) -> Iterator[None]:
    """Fail when the file's tests leave a thread or a child process."""
    before = Footprint.take()
    yield
    if left := before.left_since(with_handles=False):
        pytest.fail("the tests left behind: " + "; ".join(left))


def assert_held(report: Report) -> None:
    """Fail unless a kind was tried to the moment at which it waits, and stopped there."""
    assert report.is_whole
    assert report.took_s


@pytest.mark.parametrize("kind", sorted(PLAIN))
def test_a_kind_that_needs_nothing_keeps_the_contract(kind: str, step_probe: Probe) -> None:
    around = Surroundings(playbooks={WAITS.path: WAITS})
    report = check_step_contract(PLAIN[kind], around=around, probe=step_probe)
    assert report.is_whole
    assert bool(report.took_s) or kind not in WAITING


@pytest.fixture(scope="module")
def silent_port() -> Iterator[int]:
    """Give the port of a server to which the system connects, and which says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("kind", sorted(ACME))
def test_a_kind_of_the_example_keeps_the_contract_at_a_silent_controller(
    kind: str, silent_port: int, step_probe: Probe
) -> None:
    # Any: parameters as a playbook gives them.
    given: Mapping[str, Any] = {"line": "3", "port": silent_port}
    if kind == "acme.set_recipe":
        given = {**given, "recipe": "cola-330"}
    assert_held(check_step_contract(ACME[kind], given, probe=step_probe))


@pytest.fixture(scope="module")
def simulated_gateway_settings() -> Settings:
    return Settings(restart_delay_s=0, commissioning_after_restart=False)


@pytest.fixture(scope="module")
def module_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("contract")
    return make_module(folder / "line.modl", "com.acme.line", size_bytes=1_000_000)


@pytest.fixture
def gateway(simulated_gateway: SimulatedGateway) -> Iterator[SimulatedGateway]:
    """Give the simulated gateway, and have it well again afterwards."""
    simulated_gateway.forget_requests()
    yield simulated_gateway
    simulated_gateway.clear_faults()
    simulated_gateway.start()


def assert_held_by(
    gateway: SimulatedGateway, kind: str, way: str, file: Path, probe: Probe
) -> None:
    handler = KINDS[kind]
    if kind == "gateway.reset_trial":
        gateway.expire_trial()
    keep_waiting(gateway, way, handler)
    report = check_step_contract(
        handler,
        parameters_of(kind, file),
        around=at_gateway(gateway.base_url, DEFAULT_TOKEN),
        probe=probe,
    )
    assert report.took_s
    # A loop that is given a byte now and then does not stand idle.
    assert report.is_whole or way != "never-answers"
    assert any(entry.fault is not None for entry in gateway.requests()), "nothing was kept waiting"


@pytest.mark.parametrize(("kind", "way"), IN_THE_GATE)
def test_a_kind_keeps_the_contract_at_a_gateway_that_keeps_it_waiting(
    kind: str, way: str, gateway: SimulatedGateway, module_file: Path, step_probe: Probe
) -> None:
    assert_held_by(gateway, kind, way, module_file, step_probe)


@pytest.mark.stress
@pytest.mark.parametrize(("kind", "way"), [case for case in CASES if case not in IN_THE_GATE])
def test_every_kind_keeps_the_contract_at_a_gateway_that_keeps_it_waiting(
    kind: str, way: str, gateway: SimulatedGateway, module_file: Path, step_probe: Probe
) -> None:
    assert_held_by(gateway, kind, way, module_file, step_probe)
