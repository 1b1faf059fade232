"""Real browsers: a site for them, and runners that start them, ended with their test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ignition_toolkit.execution.fork_server import ForkServer
from tests.integration.browser.site import Site, running_site
from tests.integration.runner.driver import RunnerUnderTest, new_fork_server
from tests.integration.runner.driver import runner as a_runner


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """Give a running site."""
    with running_site() as made:
        yield made


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    """Give what forks the runners."""
    made = new_fork_server(tmp_path_factory.mktemp("forks"))
    made.start()
    yield made
    made.end()


@pytest.fixture
def runner(tmp_path: Path, forks: ForkServer) -> Iterator[RunnerUnderTest]:
    """Give a runner that is ready."""
    with a_runner(tmp_path / "runner", forks) as made:
        yield made
