"""Test kit: what tests of playbooks and of step kinds need, ours and other people's.

A pytest plug-in; one line in a project's top `conftest.py` enables it:

    pytest_plugins = ["ignition_toolkit.testing"]

Fixtures:

- `simulated_gateway`: an Ignition gateway's HTTP interface on 127.0.0.1, see
  `ignition_toolkit.simulator.SimulatedGateway`. One for all tests of a module.
- `simulated_gateway_settings`, `simulated_gateway_clock`: how it is, and how fast its time goes;
  override them in a module or a `conftest.py`.

It needs pytest, which the toolkit itself does not install.
"""

from ignition_toolkit.testing.gateway import (
    simulated_gateway,
    simulated_gateway_clock,
    simulated_gateway_settings,
)

__all__ = ["simulated_gateway", "simulated_gateway_clock", "simulated_gateway_settings"]
