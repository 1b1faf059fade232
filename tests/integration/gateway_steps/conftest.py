"""One worker and one simulated gateway for all tests of a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ignition_toolkit.credentials.secret import Secret
from ignition_toolkit.execution.settings import Settings
from ignition_toolkit.execution.supplies import FromEnvironment
from ignition_toolkit.execution.worker import Worker
from ignition_toolkit.simulator import SimulatedGateway
from ignition_toolkit.simulator.gateway import DEFAULT_TOKEN
from tests.e2e.used_folder import make_used
from tests.integration.execution.rig import Rig
from tests.leaks import Footprint
from tests.subreaper import adopt_orphans


@pytest.fixture
def leaves_nothing() -> None:
    """Leave the look for what is left to `rig`: its runners come and go during these tests."""


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Give an open worker, and look that nothing is left of it."""
    folder = tmp_path_factory.mktemp("gateway")
    make_used(folder / "data")
    before = Footprint.take()
    settings = Settings(data_dir=folder / "data", max_running=4, warm_runners=2)
    worker = Worker.open(settings, kind="server")
    try:
        yield Rig(worker, folder)
    finally:
        worker.close()
        # A worker made this process a subreaper, and nothing else undoes that.
        adopt_orphans(False)
    assert before.left_since(with_handles=False) == []


@pytest.fixture(scope="module")
def simulated(rig: Rig, simulated_gateway: SimulatedGateway) -> SimulatedGateway:
    """Give the test kit's simulated gateway; it is gone before the rig looks for threads.

    It is the default one of the worker's environment, with its token.
    """
    inventory = rig.worker._core.jobs.inventory
    inventory._environment = FromEnvironment(simulated_gateway.base_url, Secret(DEFAULT_TOKEN))
    return simulated_gateway


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for files to send."""
    return tmp_path_factory.mktemp("files")
