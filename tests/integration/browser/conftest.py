"""Real browsers: a site for them, one that engines of this process share, and real runners."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import pytest_asyncio

from ignition_toolkit.browser.manager import BrowserManager
from ignition_toolkit.execution.fork_server import ForkServer
from ignition_toolkit.simulator import SimulatedGateway
from tests.integration.browser.bench import Bench
from tests.integration.browser.site import SOON_S, Site, running_site
from tests.integration.browser.told import Told
from tests.integration.runner.driver import RunnerUnderTest, new_fork_server
from tests.integration.runner.driver import runner as a_runner
from tests.polling import poll_until_async


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Give a running site."""
    with running_site() as made:
        yield made


@pytest.fixture(scope="module")
def told(simulated_gateway: SimulatedGateway) -> Told:
    """Give what the pages of the simulated gateway tell; its time stands still."""
    return Told(simulated_gateway)


@pytest.fixture(scope="module")
def temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Have browsers of this process put their files into a folder of the tests."""
    folder, before = tmp_path_factory.mktemp("tmp"), os.environ.get("TMPDIR")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", None)
        yield folder
    assert os.environ.get("TMPDIR") == before


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def manager(temporary_folder: Path) -> AsyncIterator[BrowserManager]:
    """Give the browser that the engines share; it starts with its first step."""
    watcher = watch_children(asyncio.get_running_loop())
    executor = ThreadPoolExecutor(1)
    loop = asyncio.get_running_loop()
    loop.set_default_executor(executor)
    # Its thread is there before a test begins, which would be said to have left it.
    await loop.run_in_executor(None, int)
    made = BrowserManager()
    yield made
    await made.aclose()
    executor.shutdown()
    if watcher is not None:
        # A browser that was killed a moment ago is not waited for by its manager.
        await poll_until_async(lambda: not watcher._callbacks, SOON_S)  # type: ignore[attr-defined]
        asyncio.get_event_loop_policy().set_child_watcher(None)  # type: ignore[arg-type]


def watch_children(loop: asyncio.AbstractEventLoop) -> asyncio.PidfdChildWatcher | None:
    """Have a loop watch child processes as in a runner; return what does it where that is needed.

    The thread that Python takes for it would be one that a test has left.
    """
    if sys.version_info >= (3, 12):
        return None
    watcher = asyncio.PidfdChildWatcher()
    watcher.attach_loop(loop)
    asyncio.set_child_watcher(watcher)
    return watcher


@pytest.fixture
def bench(manager: BrowserManager, site: Site, tmp_path: Path) -> Bench:
    """Give what runs playbooks with the shared browser."""
    site.answer.clear()
    return Bench(manager, site.url, tmp_path)


@pytest.fixture
def leaves_nothing() -> None:
    """Leave the look for children to the tests: the shared browser starts and ends during them."""


@pytest.fixture(scope="module")
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
