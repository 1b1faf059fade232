"""One server for all tests of the API that leave it running."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.server import Server, serving


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the server's library, to which tests add what they run."""
    return tmp_path_factory.mktemp("library")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, library: Path) -> Iterator[Server]:
    """A server that was used by other tests: compare with what there was before."""
    with serving(tmp_path_factory.mktemp("api") / "data", playbooks=(library,)) as running:
        yield running
