"""The simulated gateway as a fixture."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ignition_toolkit.simulator import Settings, SimulatedGateway, serving_in_thread


@pytest.fixture(scope="module")
def simulated_gateway_settings() -> Settings:
    """Return how the gateway is: as a gateway is that was just installed. To be overridden."""
    return Settings()


@pytest.fixture(scope="module")
def simulated_gateway_clock() -> float:
    """Return the seconds of its time per real second: 0, a test lets time pass. To be overridden.

    `simulated_gateway.pass_time(seconds)` lets it pass, `set_clock_factor` makes it run.
    """
    return 0.0


@pytest.fixture(scope="module")
def simulated_gateway(
    simulated_gateway_settings: Settings, simulated_gateway_clock: float
) -> Iterator[SimulatedGateway]:
    """Give a simulated gateway that answers on 127.0.0.1, in a thread of its own.

    `base_url` is its address and `token` a key that may do everything; `add_fault` has it fail,
    and `requests` tells what it was asked, and which requests were dropped.

    Raises CannotListen where no port is free. Cancellation: there is nothing to cancel; when the
    module's tests are over its connections are broken and nothing is left.
    """
    gateway = SimulatedGateway(simulated_gateway_settings, clock_factor=simulated_gateway_clock)
    with serving_in_thread(gateway):
        yield gateway
