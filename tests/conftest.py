"""Fixtures of every test: nothing is left behind, and waiting has a deadline."""

import gc
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer  # type: ignore[import-untyped]  # it has no types
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # likewise

from tests import polling
from tests.leaks import Footprint

pytest_plugins = ["ignition_toolkit.testing"]

# The gate finds the same cases on every machine; `make stress` looks for new ones.
settings.register_profile(
    "gate", derandomize=True, database=None, deadline=None, max_examples=60, print_blob=True
)
settings.register_profile(
    "stress",
    deadline=None,
    max_examples=2000,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("gate")


#: Folders whose tests run one after the other, all of one name: they fill the machine, or their
#: processes bear the same markers, so that the janitor of one test would end those of another, or
#: they share a server.
ONE_AFTER_THE_OTHER = {
    # First, as the first folder that fits counts; it needs a third of what all of these need.
    "tests/e2e/test_pages.py": "pages",
    "tests/e2e/": "e2e",
    "tests/integration/api/": "api",
    "tests/integration/browser/": "browser",
    "tests/integration/janitor/": "janitor",
    "tests/unit/execution/": "execution",
    "tests/unit/janitor/": "janitor",
}


class Groups(LoadScopeScheduling):  # type: ignore[misc]  # its base has no types
    """Keeps the tests of a file together, and those of some folders."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        groups = (name for folder, name in ONE_AFTER_THE_OTHER.items() if file.startswith(folder))
        return next(groups, file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Groups:
    """Give the tests to processes by `Groups`."""
    return Groups(config, log)


# Nothing that an import or a collection makes is garbage.
gc.disable()


def pytest_collection_finish() -> None:
    """Look for garbage from now on, but not among what has been collected: it all stays."""
    gc.freeze()
    gc.enable()


def pytest_configure() -> None:
    """Give the signals that ask for an end their usual meaning, here and in what tests start.

    Under `nohup`, or in the background of a script's shell, they are ignored from birth.
    """
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def leaves_nothing(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a thread or a child process; in tests/unit also an open handle.

    What fixtures of a wider scope hold was there before the test and is not counted.
    """
    with_handles = "unit" in request.path.relative_to(request.config.rootpath).parts
    before = Footprint.take()
    yield
    if left := before.left_since(with_handles=with_handles):
        pytest.fail("the test left behind: " + "; ".join(left))


@pytest.fixture
def poll_until() -> polling.PollUntil:
    """Give `poll_until(condition, deadline_s)` for tests that are not coroutines."""
    return polling.poll_until


@pytest.fixture
def poll_until_async() -> polling.PollUntilAsync:
    """Give `await poll_until_async(condition, deadline_s)`, which leaves the loop free."""
    return polling.poll_until_async
