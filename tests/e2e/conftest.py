"""Fixtures of the tests that drive a real server over HTTP."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.e2e.observer import Witness, end
from tests.e2e.server import Server, serving

NewWitness = Callable[[], Witness]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Give a server with room for many executions, one for all that do not end it."""
    with serving(tmp_path_factory.mktemp("server") / "data", max_running=120) as running:
        yield running


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[NewWitness]:
    """Give a function that makes a witness with a file of its own; what it saw is ended."""
    made: list[Witness] = []
    numbers = count()

    def new() -> Witness:
        made.append(Witness(tmp_path / f"beat-{next(numbers)}"))
        return made[-1]

    yield new
    for one in made:
        end(one.alive())
