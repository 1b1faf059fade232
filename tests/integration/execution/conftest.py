"""Fixtures of the tests of a whole worker: real runners, a real janitor, a real database."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from ignition_toolkit.errors import StoreError
from ignition_toolkit.execution import pool as pool_module
from ignition_toolkit.execution.fork_server import ForkServer
from ignition_toolkit.execution.runner_spawn import Spawned, Starter, spawn
from ignition_toolkit.execution.settings import Settings
from ignition_toolkit.execution.worker import Worker
from ignition_toolkit.playbook.catalog import Catalog, installed_key
from ignition_toolkit.playbook.models import ExecutionStatus
from tests.bad_steps.kinds import MODULES as BAD_MODULES
from tests.e2e.used_folder import make_used
from tests.integration.execution.refused import Refused, refusing
from tests.integration.execution.rig import SOON_S, Data, Rig, playbook
from tests.integration.execution.shared_forks import SharedForks
from tests.subreaper import adopt_orphans

SOURCES = Path(__file__).with_name("held_steps")
REPO = Path(__file__).parents[3]

OpenRig = Callable[..., Rig]


@pytest.fixture(autouse=True)
def no_subreaper_afterwards() -> Iterator[None]:
    """Give orphans to the system's first process again: a worker made this one a subreaper.

    Nothing else undoes that, and the tests that come after know nothing of it.
    """
    yield
    adopt_orphans(False)


@pytest.fixture(scope="session")
def held_steps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Install the held step kinds, and the bad ones, for this process and all that it starts."""
    folder = tmp_path_factory.mktemp("held-steps")
    for source in SOURCES.glob("*.py"):
        shutil.copy(source, folder)
    info = folder / "held_steps-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: held-steps\nVersion: 1.0\n")
    bad = "".join(f"{module.rpartition('.')[2]} = {module}\n" for module in BAD_MODULES)
    entries = f"kinds = held_kinds\nimported = held_import\n{bad}"
    (info / "entry_points.txt").write_text(f"[ignition_toolkit.steps]\n{entries}")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.setenv("PYTHONPATH", f"{folder}:{REPO}", prepend=":")
        yield folder


@pytest.fixture(scope="session")
def catalog(held_steps: Path) -> str:
    """Return the catalog with the held kinds, so that not every worker has to ask for it."""
    described = subprocess.run(
        [sys.executable, "-m", "ignition_toolkit.runner", "--describe"],
        check=True,
        capture_output=True,
    )
    found = Catalog.from_json(described.stdout)
    assert "held.wait" in found.kinds
    assert found.key == installed_key()
    return found.to_json()


@pytest.fixture(scope="session")
def shared_forks(
    held_steps: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SharedForks]:
    """Give a fork server that knows the held kinds."""
    shared = SharedForks(tmp_path_factory.mktemp("forks"))
    shared.start()
    yield shared
    shared.end()


@pytest.fixture
def make_fork_server(shared_forks: SharedForks) -> Callable[..., ForkServer]:
    """Give what makes the fork server of a worker."""
    return shared_forks.made


@pytest.fixture
def open_rig(
    catalog: str,
    make_fork_server: Callable[..., ForkServer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[OpenRig]:
    """Give a function that opens a worker on the test's data folder, again and again."""
    opened: list[Worker] = []
    monkeypatch.setattr(pool_module, "ForkServer", make_fork_server)

    def open_one(
        *,
        slots: int = 4,
        warm: int = 1,
        kind: str = "server",
        kind_of_worker: type[Worker] = Worker,
    ) -> Rig:
        data = tmp_path / "data"
        make_used(data)
        (data / "catalog.json").write_text(catalog)
        settings = Settings(data_dir=data, max_running=slots, warm_runners=warm)
        opened.append(kind_of_worker.open(settings, kind="server" if kind == "server" else "run"))
        return Rig(opened[-1], tmp_path)

    yield open_one
    for worker in opened:
        # A test that keeps the database from taking everything has seen this error already.
        with contextlib.suppress(StoreError):
            worker.close()


@pytest.fixture
def rig(open_rig: OpenRig) -> Rig:
    """Give an open worker."""
    return open_rig()


@pytest.fixture
def refused(tmp_path: Path) -> Iterator[Refused]:
    """Give processes that no janitor of a worker that is opened from now on may signal."""
    with refusing(tmp_path) as found:
        yield found


class HeldSpawns:
    """Runners come up only while this is open."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()
        self._waiting = threading.Semaphore(0)

    def close(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    async def reached(self) -> None:
        """Wait until a runner is held before its start."""
        loop = asyncio.get_running_loop()
        assert await loop.run_in_executor(None, self._waiting.acquire, True, SOON_S)

    def spawn(self, token: str, folder: Path, start: Starter) -> Spawned:
        """See `runner_spawn.spawn`."""
        if not self._open.is_set():
            self._waiting.release()
            assert self._open.wait(SOON_S)
        return spawn(token, folder, start)


@pytest.fixture
def spawns(monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldSpawns]:
    held = HeldSpawns()
    monkeypatch.setattr(pool_module, "spawn", held.spawn)
    yield held
    held.open()


class Paused(Protocol):
    """Starts a playbook of these steps, paused before its first one."""

    async def __call__(self, *steps: Data, **fields: Any) -> tuple[Rig, str]: ...


@pytest.fixture
def paused(open_rig: OpenRig, spawns: HeldSpawns) -> Paused:
    """Give a function that returns a rig and the id of an execution that is paused."""

    async def start(*steps: Data, **fields: Any) -> tuple[Rig, str]:
        rig = open_rig(warm=0)
        text = playbook(*steps, **fields)
        await rig.check(text)
        # A pause that is asked for while it runs may come after the end of its step.
        spawns.close()
        execution_id = await rig.start(text)
        await spawns.reached()
        await rig.worker.pause(execution_id)
        spawns.open()
        await rig.reach(execution_id, ExecutionStatus.PAUSED)
        return rig, execution_id

    return start
