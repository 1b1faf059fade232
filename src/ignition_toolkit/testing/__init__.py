"""Test kit: what tests of playbooks and of step kinds need, ours and other people's.

A pytest plug-in; one line in a project's top `conftest.py` enables it:

    pytest_plugins = ["ignition_toolkit.testing"]

The step contract: `check_step_contract(handler, parameters)` tries a step kind at every moment of
a cancel, and raises `StepContractBroken` with what it saw. Fixtures for it:

- `step_kind`: each installed kind in turn, as its class; all but the toolkit's own, or those that
  the setting `step_kinds` names, such as `step_kinds = ["acme.*"]`.
- `step_contract`: the same function with one process for all tests, and with
- `step_examples`, `step_surroundings`: parameters by kind, and the gateways, credentials and
  playbooks that the steps find; override them in a module or a `conftest.py`. `at_gateway(url,
  token)` makes surroundings with a gateway.

The gateway:

- `simulated_gateway`: an Ignition gateway's HTTP interface on 127.0.0.1, see
  `ignition_toolkit.simulator.SimulatedGateway`. One for all tests of a module.
- `simulated_gateway_settings`, `simulated_gateway_clock`: how it is, and how fast its time goes;
  override them in a module or a `conftest.py`.

It needs pytest, which the toolkit itself does not install.
"""

from ignition_toolkit.drill.job import Report, Surroundings, at_gateway
from ignition_toolkit.testing.contract import (
    StepContractBroken,
    check_step_contract,
    pytest_addoption,
    pytest_generate_tests,
    step_contract,
    step_examples,
    step_probe,
    step_surroundings,
)
from ignition_toolkit.testing.gateway import (
    simulated_gateway,
    simulated_gateway_clock,
    simulated_gateway_settings,
)

__all__ = [
    "Report",
    "StepContractBroken",
    "Surroundings",
    "at_gateway",
    "check_step_contract",
    "pytest_addoption",
    "pytest_generate_tests",
    "simulated_gateway",
    "simulated_gateway_clock",
    "simulated_gateway_settings",
    "step_contract",
    "step_examples",
    "step_probe",
    "step_surroundings",
]
