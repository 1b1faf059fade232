"""Real runners, ended with their test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.runner.driver import RunnerUnderTest
from tests.integration.runner.driver import runner as a_runner


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[RunnerUnderTest]:
    """Give a runner that is ready."""
    with a_runner(tmp_path / "runner") as made:
        yield made
